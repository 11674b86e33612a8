"""Refusals about webhook endpoints."""

from shared.errors import Conflict


class NotVerified(Conflict):
    """An endpoint takes part once its receiver has answered the handshake."""

    code = "endpoint_not_verified"
    title_en = "The endpoint has not answered the handshake"
    title_zh = "端点尚未通过握手验证"


class AlreadyVerified(Conflict):
    """The receiver has answered the handshake for this address already."""

    code = "endpoint_already_verified"
    title_en = "The endpoint has answered the handshake already"
    title_zh = "端点已通过握手验证"


class EndpointDisabled(Conflict):
    """A disabled endpoint is sent nothing."""

    code = "endpoint_disabled"
    title_en = "The endpoint is disabled"
    title_zh = "端点已停用"


class EndpointNotDisabled(Conflict):
    """Only a disabled endpoint is enabled."""

    code = "endpoint_not_disabled"
    title_en = "The endpoint is not disabled"
    title_zh = "端点并未停用"


class TooManySecrets(Conflict):
    """Three secrets are live; the oldest must expire before another rotation."""

    code = "too_many_live_secrets"
    title_en = "Three secrets are live; wait until one expires, or rotate with a shorter overlap"
    title_zh = "已有三个有效密钥，请等待其中一个过期，或以更短的重叠期轮换"


class TooManyEndpoints(Conflict):
    """An organisation has a bounded number of endpoints."""

    code = "too_many_endpoints"
    title_en = "The organisation has as many endpoints as it may have"
    title_zh = "本组织的端点数量已达上限"

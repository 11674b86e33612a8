"""Refusals about credentials. Those of the token endpoint carry the members of RFC 6749 too."""

from shared.errors import Conflict, DomainError, InsufficientScope


class ScopeNotGrantable(InsufficientScope):
    """Nobody gives a credential more than they have themselves."""

    code = "scope_not_grantable"
    title_en = "You cannot grant what you do not have"
    title_zh = "不能授予自己没有的权限"


class UnknownClient(Conflict):
    """A referenced client does not exist, or is of another organisation."""

    code = "unknown_client"
    title_en = "The client does not exist in this organisation"
    title_zh = "该组织没有此客户端"


class InvalidExpiry(Conflict):
    """An API key must end in the future and within two years."""

    code = "invalid_expiry"
    title_en = "The expiry is not within the allowed term"
    title_zh = "有效期不在允许范围内"


class OrganisationRequired(Conflict):
    """The caller is of no organisation, so the credential's organisation must be named."""

    code = "organisation_required"
    title_en = "Name the organisation of the credential"
    title_zh = "请指明凭证所属组织"


class ManagedByConfiguration(Conflict):
    """The client's secret and scopes come from the service's configuration."""

    code = "managed_by_configuration"
    title_en = "This client is managed by the service's configuration"
    title_zh = "该客户端由服务配置管理"


class TokenError(DomainError):
    """A refusal of the token endpoint; ``code`` is the error of RFC 6749, section 5.2."""

    status = 400

    def __init__(self, detail_en: str, detail_zh: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(
            detail_en,
            detail_zh,
            headers=headers,
            error=self.code,
            error_description=detail_en.replace('"', "'"),
        )


class InvalidRequest(TokenError):
    """A parameter is missing, repeated or malformed."""

    code = "invalid_request"
    title_en = "The token request is malformed"
    title_zh = "令牌请求格式有误"


class InvalidClient(TokenError):
    """Unknown client, wrong secret or disabled client: all look the same."""

    code = "invalid_client"
    status = 401
    title_en = "Client authentication failed"
    title_zh = "客户端身份验证失败"


class UnsupportedGrantType(TokenError):
    """Only client credentials and the exchange of an API key are offered."""

    code = "unsupported_grant_type"
    title_en = "The grant type is not supported"
    title_zh = "不支持该授权类型"


class InvalidGrant(TokenError):
    """The API key to exchange is unknown, expired or revoked."""

    code = "invalid_grant"
    title_en = "The key cannot be exchanged"
    title_zh = "该密钥无法换取令牌"


class InvalidScope(TokenError):
    """The requested scope is malformed or more than the client has."""

    code = "invalid_scope"
    title_en = "The requested scope is not granted to this client"
    title_zh = "请求的权限未授予该客户端"

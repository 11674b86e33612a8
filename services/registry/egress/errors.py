"""Why a URL is not one to send to. The URL itself is never repeated."""

from enum import StrEnum

from shared.errors import FieldError, Unprocessable


class Reason(StrEnum):
    """What is wrong with a URL."""

    TOO_LONG = "url_too_long"
    CHARACTER = "url_character_not_allowed"
    MALFORMED = "url_malformed"
    SCHEME = "scheme_not_allowed"
    USERINFO = "userinfo_not_allowed"
    FRAGMENT = "fragment_not_allowed"
    PORT = "port_not_allowed"
    HOST = "host_malformed"
    NUMERIC_HOST = "host_numeric"
    LOCAL_HOST = "host_not_public"
    ADDRESS = "address_not_public"


_TEXTS = {
    Reason.TOO_LONG: ("is longer than 2048 characters", "超过 2048 个字符"),
    Reason.CHARACTER: (
        "holds a space, a backslash, or a control or invisible character",
        "含有空格、反斜线、控制字符或不可见字符",
    ),
    Reason.MALFORMED: ("is not an absolute URL", "不是完整的网址"),
    Reason.SCHEME: ("has a scheme that is not allowed; use https", "协议不被允许，请使用 https"),
    Reason.USERINFO: ("holds a user name or password", "含有用户名或密码"),
    Reason.FRAGMENT: ("has a fragment", "含有片段标识（#）"),
    Reason.PORT: ("has a port that is not between 1 and 65535", "端口不在 1 至 65535 之间"),
    Reason.HOST: ("has a host that is not a valid name", "主机名无效"),
    Reason.NUMERIC_HOST: (
        "has a host that is a number but not an address in four decimal parts",
        "主机为数字，但不是四段十进制地址",
    ),
    Reason.LOCAL_HOST: ("has a host name that is not a public one", "主机名不是公网名称"),
    Reason.ADDRESS: ("has an address that is not a public one", "地址不是公网地址"),
}


class UrlNotAllowed(Unprocessable):
    """Messages are not sent to this URL, for a reason the deployment can know without dialling."""

    code = "url_not_allowed"
    title_en = "Messages are not sent to this URL"
    title_zh = "不向该网址发送消息"

    def __init__(self, reason: Reason, pointer: str = "/url") -> None:
        """``pointer`` is where the URL lies in the body."""
        super().__init__(errors=[FieldError(reason, *_TEXTS[reason], pointer=pointer)])
        self.reason = reason

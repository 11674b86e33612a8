"""Errors with a stable code, known to every layer and rendered once, by ``shared.web.problems``."""

from dataclasses import dataclass, field
from typing import Any, ClassVar


@dataclass(frozen=True)
class FieldError:
    """One reason of a refusal and where it lies: a JSON pointer, a query parameter or a header."""

    code: str
    detail_en: str
    detail_zh: str
    pointer: str | None = None
    parameter: str | None = None
    header: str | None = None
    params: dict[str, Any] = field(default_factory=dict)


class CannotStart(Exception):
    """A process cannot start as it is configured; the message says why and what to do, in one line."""


class DomainError(Exception):
    """Base of every refusal. Subclasses set ``code``, ``status`` and both titles; values are never echoed."""

    code: ClassVar[str] = "internal_error"
    status: ClassVar[int] = 500
    title_en: ClassVar[str] = "Internal error"
    title_zh: ClassVar[str] = "内部错误"

    def __init__(
        self,
        detail_en: str | None = None,
        detail_zh: str | None = None,
        *,
        errors: list[FieldError] | None = None,
        headers: dict[str, str] | None = None,
        **extra: Any,
    ) -> None:
        super().__init__(detail_en or self.title_en)
        self.detail_en = detail_en
        self.detail_zh = detail_zh or detail_en
        self.errors = errors or []
        self.headers = headers or {}
        self.extra = extra


class NotFound(DomainError):
    """The record does not exist, or the caller may not see it: both look the same."""

    code = "not_found"
    status = 404
    title_en = "Not found"
    title_zh = "未找到"


class Conflict(DomainError):
    """The request contradicts the current state."""

    code = "conflict"
    status = 409
    title_en = "Conflict with the current state"
    title_zh = "与当前状态冲突"


class InvalidParameter(DomainError):
    """A query parameter, path segment or header is unknown or malformed."""

    code = "invalid_parameter"
    status = 400
    title_en = "Invalid parameter"
    title_zh = "参数无效"


class InvalidCursor(DomainError):
    """A cursor that was not issued for this list, sort, filter and caller."""

    code = "invalid_cursor"
    status = 400
    title_en = "Invalid cursor"
    title_zh = "游标无效"


class CursorExpired(DomainError):
    """A feed cursor from before a restore or from past the retention."""

    code = "cursor_expired"
    status = 410
    title_en = "Cursor expired"
    title_zh = "游标已过期"


class Unprocessable(DomainError):
    """A well-formed body with a value that cannot be accepted."""

    code = "validation_failed"
    status = 422
    title_en = "The request body is not valid"
    title_zh = "请求内容无效"


class Unauthenticated(DomainError):
    """No credential, or one that is expired, revoked or malformed."""

    code = "unauthenticated"
    status = 401
    title_en = "Authentication required"
    title_zh = "需要身份验证"


class InsufficientScope(DomainError):
    """The credential is good but lacks the scope or the standing this operation needs."""

    code = "insufficient_scope"
    status = 403
    title_en = "Insufficient scope"
    title_zh = "权限不足"


class PreconditionFailed(DomainError):
    """The record changed since the caller read it."""

    code = "precondition_failed"
    status = 412
    title_en = "The record has changed"
    title_zh = "记录已被修改"


class PreconditionRequired(DomainError):
    """The operation needs an ``If-Match`` header."""

    code = "precondition_required"
    status = 428
    title_en = "If-Match required"
    title_zh = "需要 If-Match 头"


class IdempotencyKeyRequired(DomainError):
    """The operation is done once only and needs an ``Idempotency-Key`` header."""

    code = "idempotency_key_required"
    status = 428
    title_en = "Idempotency-Key required"
    title_zh = "需要 Idempotency-Key 头"


class Unavailable(DomainError):
    """Something this operation depends on does not answer now; the same request may succeed later."""

    code = "service_unavailable"
    status = 503
    title_en = "Service unavailable"
    title_zh = "服务暂不可用"


def check_version(current: int, expected: int) -> None:
    """Raise a 412 that names the current ETag unless the versions agree."""
    if current != expected:
        raise PreconditionFailed(
            "The record has changed since you read it.",
            "记录在您读取之后已被修改。",
            current_etag=f'"{current}"',
        )

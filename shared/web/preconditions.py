"""Putting a record at an address its caller chose: with what precondition it is made or replaced."""

from dataclasses import dataclass

from shared.errors import FieldError, InvalidParameter
from shared.web.access import WriteAccess

PUT_PARAMETERS = {
    "parameters": [
        {
            "name": "If-Match",
            "in": "header",
            "required": False,
            "schema": {"type": "string", "pattern": '^"[0-9]{1,9}"$'},
            "description": "The ETag last read. Required once there is one.",
        },
        {
            "name": "If-None-Match",
            "in": "header",
            "required": False,
            "schema": {"type": "string", "enum": ["*"]},
            "description": "`*`: only if there is none yet.",
        },
    ]
}
"""``openapi_extra`` of an operation that reads a ``Precondition``."""


@dataclass(frozen=True)
class Precondition:
    """What a caller demands: the version it read (None: none was sent), or that there is none yet."""

    expected_version: int | None
    only_new: bool


def precondition(access: WriteAccess) -> Precondition:
    """Read ``If-Match`` and ``If-None-Match`` of a request."""
    headers = access.request.headers
    expected = access.expected_version() if "if-match" in headers else None
    only_new = headers.get("if-none-match")
    if only_new is not None and only_new.strip() != "*":
        raise InvalidParameter(
            "If-None-Match takes only * here.",
            "此处 If-None-Match 只能为 *。",
            errors=[FieldError("invalid_value", "is not valid", "无效", header="If-None-Match")],
        )
    return Precondition(expected, only_new is not None)

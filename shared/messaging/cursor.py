"""Positions in a feed, as callers hold them: opaque, safe to persist, bound to the feed's epoch."""

import base64
import re
from dataclasses import dataclass
from datetime import UTC, datetime

from shared.errors import CursorExpired, FieldError, InvalidCursor

EARLIEST = "earliest"
LATEST = "latest"

_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)", re.ASCII)
_CONTENT = re.compile(rb"([a-z0-9_]{1,40}):(0|[1-9]\d{0,17})")


@dataclass(frozen=True)
class Cursor:
    """The last position read, in the numbering of one epoch."""

    epoch: str
    position: int

    def __str__(self) -> str:
        """Return the opaque form."""
        raw = f"{self.epoch}:{self.position}".encode()
        return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()

    @classmethod
    def parse(cls, text: str) -> "Cursor":
        """Read the opaque form; anything else is ``invalid_cursor``."""
        try:
            raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        except ValueError:
            raise invalid_cursor() from None
        content = _CONTENT.fullmatch(raw)
        if content is None:
            raise invalid_cursor()
        cursor = cls(content[1].decode(), int(content[2]))
        if str(cursor) != text:
            raise invalid_cursor()
        return cursor


def parse_after(after: str | None) -> Cursor | datetime | str:
    """Read ``after``: a cursor, an RFC 3339 instant, ``earliest`` (also when absent) or ``latest``."""
    if after is None or after in (EARLIEST, LATEST):
        return after or EARLIEST
    if _INSTANT.fullmatch(after):
        try:
            return datetime.fromisoformat(after).astimezone(UTC)
        except (ValueError, OverflowError):
            raise invalid_cursor() from None
    return Cursor.parse(after)


def invalid_cursor() -> InvalidCursor:
    """Return the refusal of something that is no cursor of any feed."""
    return InvalidCursor(
        "`after` is a cursor of this feed, an RFC 3339 instant, `earliest` or `latest`.",
        "`after` 应为本事件流的游标、RFC 3339 时刻、`earliest` 或 `latest`。",
        errors=[FieldError("invalid_cursor", "is not valid here", "无效", parameter="after")],
    )


def cursor_forgotten(epoch: str, earliest: int) -> CursorExpired:
    """Return the refusal of a cursor from past the retention, with the cursor of what is still there."""
    return CursorExpired(
        "Events after this cursor are kept no longer: `earliest` starts with the oldest that are.",
        "该游标之后的部分事件已超过保留期限，`earliest` 为现存最早位置。",
        earliest=str(Cursor(epoch, earliest)),
    )


def cursor_expired(epoch: str, earliest: int) -> CursorExpired:
    """Return the refusal of a cursor from before a restore, with the cursor to start again from."""
    return CursorExpired(
        "The feed was restored after this cursor was given out: read again from `earliest`.",
        "该游标签发后事件流已恢复重建，请从 `earliest` 重新读取。",
        earliest=str(Cursor(epoch, earliest)),
    )

"""The secrets of a source: sealed at rest, at most three live at a time."""

import base64
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from services.registry.inbound.errors import TooManySecrets
from services.registry.signatures.standard_webhooks import key_of
from shared.sealing import Sealer

PURPOSE = "inbound source secrets"
MAX_LIVE = 3

Entry = Mapping[str, Any]
"""One secret as it is stored: ``sealed`` (base64), ``created_at`` and ``ends_at`` (RFC 3339 or None)."""


def sealed(sealer: Sealer, source_id: str, secret: str, now: datetime) -> Entry:
    """Return a new secret as it is stored."""
    content = base64.b64encode(sealer.seal(source_id, key_of(secret))).decode()
    return {"sealed": content, "created_at": now.isoformat(), "ends_at": None}


def live(entries: Iterable[Entry], now: datetime) -> list[Entry]:
    """Return the secrets that are still valid."""
    return [entry for entry in entries if (ends_at := _end(entry)) is None or ends_at > now]


def with_next(entries: Iterable[Entry], entry: Entry, now: datetime, overlap: timedelta) -> list[Entry]:
    """Return the live secrets with one more, after which the others end; none gets longer by it."""
    ends_at = now + overlap
    ending = [
        {**old, "ends_at": min(_end(old) or ends_at, ends_at).isoformat()} for old in live(entries, now)
    ]
    kept = live(ending, now)
    if len(kept) >= MAX_LIVE:
        raise TooManySecrets()
    return [*kept, entry]


def keys_of(sealer: Sealer, source_id: str, entries: Iterable[Entry], now: datetime) -> list[bytes]:
    """Return the keys a message may be signed with."""
    return [sealer.open(source_id, base64.b64decode(entry["sealed"])) for entry in live(entries, now)]


def _end(entry: Entry) -> datetime | None:
    return None if entry["ends_at"] is None else datetime.fromisoformat(entry["ends_at"])

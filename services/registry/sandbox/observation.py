"""What a hit says of itself, read from bytes that may be anything."""

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic_core import from_json

HANDSHAKE_TYPE = "webhook.endpoint_verification"
MAX_BODY_BYTES = 262_144
MAX_CHALLENGE = 4096

_KEPT_HEADERS = re.compile(r"webhook-[a-z0-9-]{1,60}|content-type|user-agent", re.ASCII)
_MAX_HEADERS = 32
_MAX_HEADER = 2000
_NAME = re.compile(r"[\x21-\x7e]{1,200}", re.ASCII)
_ATTEMPT = re.compile(r"[0-9]{1,6}", re.ASCII)
_UNPRINTABLE = re.compile(r"[^\x20-\x7e\xa0-\xff]")
_MAX_SEQUENCE = 2**53


@dataclass(frozen=True)
class Hit:
    """One request as it arrived; what it does not say, or not in the form it should have, is None."""

    received_at: datetime
    headers: Mapping[str, str]
    body: bytes
    message_id: str | None
    type: str | None
    delivery_id: str | None
    endpoint_id: str | None
    sequence: int | None
    attempt: int | None
    challenge: str | None

    @property
    def is_handshake(self) -> bool:
        """Whether the sender asks if the receiver wants to be one."""
        return self.type == HANDSHAKE_TYPE

    def row(self) -> dict[str, Any]:
        """Return the columns that follow from the request alone."""
        return {
            "received_at": self.received_at,
            "message_id": self.message_id,
            "type": self.type,
            "delivery_id": self.delivery_id,
            "endpoint_id": self.endpoint_id,
            "sequence": self.sequence,
            "attempt": self.attempt,
            "handshake": self.is_handshake,
            "headers": _kept(self.headers),
            "body_bytes": len(self.body),
            "body_sha256": hashlib.sha256(self.body).hexdigest(),
            "body": self.body,
        }


def read_hit(headers: Iterable[tuple[str, str]], body: bytes, received_at: datetime) -> Hit:
    """Read a request; of a header that is sent twice the first counts."""
    said: dict[str, str] = {}
    for name, value in headers:
        said.setdefault(name.lower(), value)
    document = _document(body)
    delivery = _mapping(document.get("delivery"))
    attempt = said.get("webhook-attempt", "")
    challenge = document.get("challenge")
    return Hit(
        received_at=received_at,
        headers=said,
        body=body,
        message_id=_name(said.get("webhook-id")),
        type=_name(document.get("type")),
        delivery_id=_name(said.get("webhook-delivery-id")) or _name(delivery.get("id")),
        endpoint_id=_name(delivery.get("endpoint_id")) or _name(document.get("endpoint_id")),
        sequence=_sequence(delivery.get("sequence")),
        attempt=int(attempt) if _ATTEMPT.fullmatch(attempt) else None,
        challenge=challenge if isinstance(challenge, str) and len(challenge) <= MAX_CHALLENGE else None,
    )


def _document(body: bytes) -> Mapping[str, Any]:
    try:
        return _mapping(from_json(body))
    except ValueError:
        return {}


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _name(value: Any) -> str | None:
    return value if isinstance(value, str) and _NAME.fullmatch(value) else None


def _sequence(value: Any) -> int | None:
    is_number = isinstance(value, int) and not isinstance(value, bool)
    return value if is_number and 0 <= value <= _MAX_SEQUENCE else None


def _kept(headers: Mapping[str, str]) -> dict[str, str]:
    kept = [name for name in headers if _KEPT_HEADERS.fullmatch(name)][:_MAX_HEADERS]
    return {name: _UNPRINTABLE.sub("\ufffd", headers[name][:_MAX_HEADER]) for name in kept}

"""What the sandbox has to know of real webhook endpoints, supplied by whoever knows them."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from shared.db.engine import ReadSession

KeysFor = Callable[[ReadSession, str, str], Awaitable[list[bytes]]]
OriginalBody = Callable[[ReadSession, str, str], Awaitable[bytes | None]]


@dataclass(frozen=True)
class Signers:
    """``keys_for(session, url, organisation_id)`` returns the live keys of this organisation's endpoints with
    this URL. ``original_body(session, delivery_id, organisation_id)`` returns the bytes of a delivery of one
    of its endpoints as they are sent; None for a delivery that is unknown or another organisation's.
    """

    keys_for: KeysFor
    original_body: OriginalBody

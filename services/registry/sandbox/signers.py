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


async def _no_keys(_session: ReadSession, _url: str, _organisation_id: str) -> list[bytes]:
    return []


async def _no_body(_session: ReadSession, _delivery_id: str, _organisation_id: str) -> bytes | None:
    return None


NO_SIGNERS = Signers(_no_keys, _no_body)
"""Where there are no endpoints: only receivers with a secret of their own tell what a signature is worth."""

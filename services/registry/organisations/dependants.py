"""What is derived from where an organisation is, supplied by whoever knows it."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from shared.db.engine import WriteSession
from shared.identity import Principal


@dataclass(frozen=True)
class Dependants:
    """``hold`` locks the records of an organisation, before the organisation itself is locked.

    ``follow`` brings them up to date after it has moved; its last argument is the new adcode.
    """

    hold: Callable[[WriteSession, str], Awaitable[None]]
    follow: Callable[[WriteSession, Principal, str, str | None], Awaitable[None]]

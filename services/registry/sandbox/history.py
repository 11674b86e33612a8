"""What can be told from the hits of a receiver in the order of their arrival, and nothing beyond."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

SENDER_GIVES_UP_MS = 15_000
"""After so long without an answer a delivery of ours has failed, whatever is answered then."""


@dataclass(frozen=True)
class Arrival:
    """One hit with the answer it got."""

    number: int
    received_at: datetime
    message_id: str | None
    type: str | None
    endpoint_id: str | None
    sequence: int | None
    verdict: str | None
    handshake: bool
    status: int
    retry_after: int | None
    delay_ms: int
    challenge_answered: bool

    @property
    def timed_out(self) -> bool:
        """Whether the answer came later than a sender waits."""
        return self.delay_ms >= SENDER_GIVES_UP_MS

    @property
    def accepted(self) -> bool:
        """Whether the sender was told that the message is delivered."""
        return 200 <= self.status < 300 and not self.timed_out

    @property
    def not_before(self) -> datetime | None:
        """When the sender may come again at the earliest, if it was told."""
        wait = None if self.retry_after is None else timedelta(seconds=self.retry_after)
        return None if wait is None else self.received_at + wait


@dataclass(frozen=True)
class Gap:
    """Sequences of an endpoint that never arrived, both ends included."""

    endpoint_id: str | None
    first: int
    last: int


def deliveries(arrivals: Iterable[Arrival]) -> list[Arrival]:
    """Return the hits that are no handshakes."""
    return [arrival for arrival in arrivals if not arrival.handshake]


def by_message(arrivals: Iterable[Arrival]) -> list[list[Arrival]]:
    """Return the hits of each message that names itself, in the order of arrival."""
    found: dict[str, list[Arrival]] = {}
    for arrival in arrivals:
        if arrival.message_id is not None:
            found.setdefault(arrival.message_id, []).append(arrival)
    return list(found.values())


def repeats(arrivals: Iterable[Arrival]) -> Iterator[tuple[Arrival, Arrival]]:
    """Yield every hit that came again with the one of the same message before it."""
    for attempts in by_message(arrivals):
        yield from pairwise(attempts)


def unknown_duplicates(arrivals: Iterable[Arrival]) -> list[Arrival]:
    """Return the hits of messages that were already accepted: no retry explains them."""
    found = []
    for attempts in by_message(arrivals):
        accepted = False
        for attempt in attempts:
            if accepted:
                found.append(attempt)
            accepted = accepted or attempt.accepted
    return sorted(found, key=lambda arrival: arrival.number)


def first_of_each_sequence(arrivals: Iterable[Arrival]) -> dict[str | None, list[Arrival]]:
    """Return, for each endpoint, the first hit of every sequence in the order of arrival."""
    seen: dict[str | None, dict[int, Arrival]] = {}
    for arrival in arrivals:
        if arrival.sequence is not None:
            seen.setdefault(arrival.endpoint_id, {}).setdefault(arrival.sequence, arrival)
    return {endpoint_id: list(firsts.values()) for endpoint_id, firsts in seen.items()}


def gaps(arrivals: Iterable[Arrival]) -> list[Gap]:
    """Return what is missing between the lowest and the highest sequence of each endpoint."""
    return [
        Gap(endpoint_id, before + 1, after - 1)
        for endpoint_id, firsts in first_of_each_sequence(arrivals).items()
        for before, after in pairwise(sorted(int(first.sequence or 0) for first in firsts))
        if after > before + 1
    ]


def jumps(arrivals: Iterable[Arrival]) -> list[Arrival]:
    """Return the hits at whose arrival a sequence was missing before them."""
    found = []
    for firsts in first_of_each_sequence(arrivals).values():
        highest: int | None = None
        for first in firsts:
            sequence = int(first.sequence or 0)
            if highest is not None and sequence > highest + 1:
                found.append(first)
            highest = sequence if highest is None else max(highest, sequence)
    return found


def out_of_order(arrivals: Iterable[Arrival]) -> list[Arrival]:
    """Return the hits that first brought a sequence after a higher one of their endpoint."""
    found = []
    for firsts in first_of_each_sequence(arrivals).values():
        highest = -1
        for first in firsts:
            sequence = int(first.sequence or 0)
            if sequence < highest:
                found.append(first)
            highest = max(highest, sequence)
    return found


def elapsed_s(arrivals: Sequence[Arrival]) -> float | None:
    """Return the seconds from the first to the last hit; None without any."""
    if not arrivals:
        return None
    instants = [arrival.received_at for arrival in arrivals]
    return round((max(instants) - min(instants)).total_seconds(), 3)

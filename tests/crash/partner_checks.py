"""What must hold of an endpoint, worked out from the log and the receivers without the code under test."""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.crash.partner_stores import Event
from tests.crash.receivers import Hit

_SHOWN = 3


@dataclass(frozen=True)
class Partner:
    """An endpoint as the test asked for it. ``seen`` are the enclaves its organisation takes part in, None
    where it sees the network; ``born`` is the head of the feed before it was added.
    """

    path: str
    endpoint_id: str
    organisation_id: str
    event_types: Sequence[str]
    ordering: str
    enclave_ids: Sequence[str] | None
    seen: frozenset[str] | None
    born: int


@dataclass
class Found:
    """What there is of one endpoint when all is quiet: rows of deliveries, hits, its digest, its head."""

    partner: Partner
    deliveries: Sequence[Any]
    hits: Sequence[Hit]
    bodies: Mapping[tuple[str, int], bytes]
    digest: str
    head: int
    attempts: Mapping[str, int]
    by_sequence: dict[int, list[Hit]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for hit in self.hits:
            self.by_sequence.setdefault(hit.sequence, []).append(hit)


def wanted(partner: Partner, events: Iterable[Event]) -> list[Event]:
    """Return what an endpoint is to be sent, in the order of the feed."""
    return [event for event in events if event.sequence > partner.born and _is_for(partner, event)]


def _is_for(partner: Partner, event: Event) -> bool:
    area = event.type.partition(".")[0]
    if partner.endpoint_id in (event.subject_id, event.record.get("endpoint_id")):
        return event.type == "webhook.test"
    if not any(name in ("*", event.type, f"{area}.*") for name in partner.event_types):
        return False
    enclave_id = {"project": event.record.get("enclave_id"), "enclave": event.subject_id}.get(area)
    if partner.enclave_ids is not None and enclave_id not in partner.enclave_ids:
        return False
    if partner.seen is None:
        return True
    if area in ("project", "enclave"):
        return enclave_id in partner.seen
    if area == "organisation":
        return event.subject_id == partner.organisation_id
    return area == "webhook_endpoint" and event.record["organisation_id"] == partner.organisation_id


def problems_of(found: Found, events: Sequence[Event]) -> list[str]:
    """Return everything that is wrong with one endpoint, in words."""
    expected = wanted(found.partner, events)
    problems = [
        *_content(found, expected),
        *_arrival(found),
        *_sameness(found, expected),
        *_order(found),
    ]
    digest = hashlib.sha256()
    for sequence, event in enumerate(expected, 1):
        digest.update(f"{sequence}:{event.id}\n".encode())
    if digest.hexdigest() != found.digest:
        problems.append(f"reconciliation says {found.digest}, the feed {digest.hexdigest()}")
    return [f"{found.partner.path}: {problem}" for problem in problems]


def _content(found: Found, expected: Sequence[Event]) -> list[str]:
    problems = []
    sequences = [row.sequence for row in found.deliveries]
    if sequences != list(range(1, len(sequences) + 1)) or found.head != len(sequences):
        problems.append(f"sequences have a gap: {len(sequences)} of them, head {found.head}")
    mine, theirs = [row.event_id for row in found.deliveries], [event.id for event in expected]
    if mine != theirs:
        missing, extra = sorted(set(theirs) - set(mine)), sorted(set(mine) - set(theirs))
        problems.append(
            f"{len(mine)} deliveries for {len(theirs)} events; missing {missing[:_SHOWN]}, "
            f"unexpected {extra[:_SHOWN]}, {len(mine) - len(set(mine))} twice"
        )
    return problems


def _arrival(found: Found) -> list[str]:
    states = [f"{row.sequence} is {row.state}" for row in found.deliveries if row.state != "delivered"]
    never = [
        f"{row.sequence} is delivered and was never acknowledged"
        for row in found.deliveries
        if all(hit.acknowledged is None for hit in found.by_sequence.get(row.sequence, []))
    ]
    unlogged = [
        f"{row.sequence} has {found.attempts.get(row.id, 0)} attempts logged, its row says {row.attempts}"
        for row in found.deliveries
        if found.attempts.get(row.id, 0) != row.attempts
    ]
    unsigned = [f"{hit.sequence} came with a wrong signature" for hit in found.hits if not hit.signed]
    return _some(states) + _some(never) + _some(unlogged) + _some(unsigned)


def _sameness(found: Found, expected: Sequence[Event]) -> list[str]:
    problems = []
    events = dict(enumerate(expected, 1))
    for sequence, hits in sorted(found.by_sequence.items()):
        event = events.get(sequence)
        if event is None:
            problems.append(f"{sequence} was received and is no delivery")
            continue
        if {hit.webhook_id for hit in hits} != {event.id}:
            problems.append(
                f"{sequence} came under {sorted({hit.webhook_id for hit in hits})}, not {event.id}"
            )
        if len({hit.digest for hit in hits}) != 1:
            problems.append(f"{sequence} came with different bytes")
        document = json.loads(found.bodies[found.partner.path, sequence])
        del document["delivery"]
        if document != {**event.document, "sequence": event.sequence}:
            problems.append(f"{sequence} does not say what the log says")
    return _some(problems)


def _order(found: Found) -> list[str]:
    """No delivery is sent for the first time before one that goes before it was acknowledged."""
    if found.partner.ordering == "none":
        return []
    problems = []
    before: dict[str, int] = {}
    for row in found.deliveries:
        line = row.subject_id if found.partner.ordering == "subject" else ""
        previous = before.get(line)
        before[line] = row.sequence
        hits = found.by_sequence.get(row.sequence, [])
        if previous is None or not hits:
            continue
        acknowledged = [
            hit.acknowledged for hit in found.by_sequence.get(previous, []) if hit.acknowledged is not None
        ]
        if not acknowledged or min(hit.arrived for hit in hits) < min(acknowledged):
            problems.append(f"{row.sequence} came before {previous} was acknowledged")
    return _some(problems)


def _some(problems: list[str]) -> list[str]:
    rest = len(problems) - _SHOWN
    return problems[:_SHOWN] + ([f"… and {rest} more like the last"] if rest > 0 else [])

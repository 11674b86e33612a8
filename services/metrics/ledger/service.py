"""Taking the registry's events into the ledger, each at most once, in whatever order they come."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import date
from typing import Any

from services.metrics.base import parties
from services.metrics.ledger import repository
from services.metrics.ledger.tables import enclave_versions, landing_facts, project_versions, stage_facts
from services.metrics.ledger.vocabulary import LANDING_RANK, STAGE_RANK, day_number, day_of, section_of
from shared.db.engine import WriteSession
from shared.db.visibility import set_parties
from shared.messaging.received import Event

REGISTRY_FEED = "registry"
"""The name under which the position in the registry's feed is kept."""

EVENT_TYPES = ("organisation.*", "enclave.*", "project.*", "landing.*")


async def apply_event(tx: WriteSession, event: Event) -> None:
    """Take one event into the ledger; one that is already there, or is of no interest, changes nothing."""
    handler = _HANDLERS.get(event.type.partition(".")[0])
    if handler is not None:
        await handler(tx, event)


async def reset_ledger(tx: WriteSession) -> None:
    """Empty the ledger, to be read again from the start of the feed."""
    await repository.clear(tx)


async def _take_organisation(tx: WriteSession, event: Event) -> None:
    record = event.object
    values = {key: record.get(key) for key in ("id", "kind", "name", "adcode")}
    await repository.put_organisation(tx, {**values, "version": event.subject_version})


async def _take_enclave(tx: WriteSession, event: Event) -> None:
    record = event.object
    host = record.get("host_place") or {}
    kept = ("name", "home_unit_id", "operator_id", "operating_mode", "carrier_type", "siting_pattern")
    values = {
        **{key: record.get(key) for key in kept},
        "host_city_adcode": host.get("city_adcode") or host.get("adcode"),
        "recorded_at": event.timestamp,
    }
    newest = await repository.add_version(
        tx, enclave_versions, event.subject_id, event.subject_version, values
    )
    if newest:
        await set_parties(tx, parties, event.subject_id, record["party_ids"])


async def _take_project(tx: WriteSession, event: Event) -> None:
    record, version = event.object, event.subject_version
    enclave_id = record.get("enclave_id")
    contact = record.get("last_contact_on")
    values = {
        "title": record["title"],
        "enclave_id": enclave_id,
        "operator_id": record.get("operator_id"),
        "feasible": record.get("reserve_score") is not None,
        "last_contact_day": day_number(date.fromisoformat(contact)) if contact else None,
        "synthetic": bool(record.get("synthetic")),
        "recorded_at": event.timestamp,
    }
    newest = await repository.add_version(tx, project_versions, event.subject_id, version, values)
    if newest is None:
        return
    await repository.add_tags(tx, event.subject_id, version, _tags(record))
    if newest:
        await set_parties(tx, parties, event.subject_id, record["party_ids"])
    initial = event.type == "project.created"
    if initial or "stage" in event.changed:
        await repository.add_fact(tx, stage_facts, _fact(event, record["stage"], STAGE_RANK, initial))


def _tags(record: Mapping[str, Any]) -> set[tuple[str, str]]:
    codes = record.get("industry_codes") or ()
    sections = {section_of(code) for code in codes} - {None}
    homes = () if record.get("enclave_id") else record.get("home_unit_ids") or ()
    return {
        *(("industry", code) for code in codes),
        *(("section", str(section)) for section in sections),
        *(("field", field) for field in record.get("strategic_fields") or ()),
        *(("home", home) for home in homes),
    }


async def _take_landing(tx: WriteSession, event: Event) -> None:
    record = event.object
    initial = event.type == "landing.created"
    if initial or "state" in event.changed:
        fact = _fact(event, record["state"], LANDING_RANK, initial)
        owner = {"project_id": record["project_id"], "home_unit_id": record["home_unit_id"]}
        await repository.add_fact(tx, landing_facts, {**fact, **owner})


def _fact(event: Event, state: str, ranks: Mapping[str, int], initial: bool) -> dict[str, Any]:
    return {
        "subject_id": event.subject_id,
        "version": event.subject_version,
        "state": state,
        "rank": ranks.get(state),
        "initial": initial,
        "effective_at": event.effective_at,
        "effective_day": day_of(event.effective_at),
        "recorded_at": event.timestamp,
        "sequence": event.sequence,
    }


_HANDLERS: dict[str, Callable[[WriteSession, Event], Awaitable[None]]] = {
    "organisation": _take_organisation,
    "enclave": _take_enclave,
    "project": _take_project,
    "landing": _take_landing,
}

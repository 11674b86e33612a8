"""Taking the registry's events into the ledger, each at most once, in whatever order they come."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from services.metrics.ledger import repository
from services.metrics.ledger.tables import enclave_versions, landing_facts, project_versions, stage_facts
from services.metrics.ledger.vocabulary import LANDING_RANK, STAGE_RANK, day_number, day_of, section_of
from shared.db.engine import WriteSession
from shared.messaging.received import Event

REGISTRY_FEED = "registry"
"""The name under which the position in the registry's feed is kept."""

EVENT_TYPES = ("organisation.*", "enclave.*", "project.*", "landing.*")

_OF_ENCLAVE = ("name", "home_unit_id", "operator_id", "operating_mode", "carrier_type", "siting_pattern")


async def apply_events(tx: WriteSession, events: Sequence[Event]) -> None:
    """Take events into the ledger; what is already there, or is of no interest, changes nothing."""
    by_kind: dict[str, list[Event]] = {}
    for event in events:
        by_kind.setdefault(kind_of(event), []).append(event)
    await repository.put_organisations(
        tx, [_organisation(event) for event in by_kind.get("organisation", ())]
    )
    await _take_enclaves(tx, by_kind.get("enclave", ()))
    await _take_projects(tx, by_kind.get("project", ()))
    landings = [fact for event in by_kind.get("landing", ()) for fact in _landing_facts(event)]
    await repository.add_facts(tx, landing_facts, landings)


async def reset_ledger(tx: WriteSession) -> None:
    """Empty the ledger, to be read again from the start of the feed."""
    await repository.clear(tx)


def kind_of(event: Event) -> str:
    """Return the kind of record an event is about."""
    return event.type.partition(".")[0]


def enclave_values(event: Event) -> dict[str, Any]:
    """Return what the ledger keeps of an enclave."""
    record = event.object
    host = record.get("host_place") or {}
    return {
        **{key: record.get(key) for key in _OF_ENCLAVE},
        "host_city_adcode": host.get("city_adcode") or host.get("adcode"),
        "recorded_at": event.timestamp,
    }


def _organisation(event: Event) -> dict[str, Any]:
    values = {key: event.object.get(key) for key in ("id", "kind", "name", "adcode")}
    return {**values, "version": event.subject_version}


async def _take_enclaves(tx: WriteSession, events: Sequence[Event]) -> None:
    told = _by_version(events)
    versions = {key: enclave_values(event) for key, event in told.items()}
    added, overtaken = await repository.add_versions(tx, enclave_versions, versions)
    await _set_parties(tx, told, added, overtaken)


async def _take_projects(tx: WriteSession, events: Sequence[Event]) -> None:
    told = _by_version(events)
    versions = {key: _project_values(event) for key, event in told.items()}
    added, overtaken = await repository.add_versions(tx, project_versions, versions)
    new = [event for key, event in told.items() if key in added]
    await repository.add_tags(tx, [row for event in new for row in _tag_rows(event)])
    await _set_parties(tx, told, added, overtaken)
    await repository.add_facts(tx, stage_facts, [fact for event in new for fact in _stage_facts(event)])


def _by_version(events: Sequence[Event]) -> dict[tuple[str, int], Event]:
    """The events by record and version; of one that was delivered twice the first counts."""
    told: dict[tuple[str, int], Event] = {}
    for event in events:
        told.setdefault((event.subject_id, event.subject_version), event)
    return told


async def _set_parties(
    tx: WriteSession,
    told: Mapping[tuple[str, int], Event],
    added: set[tuple[str, int]],
    overtaken: set[str],
) -> None:
    newest = dict(sorted(key for key in added if key[0] not in overtaken))
    wanted = {record: told[record, version].object["party_ids"] for record, version in newest.items()}
    await repository.set_parties(tx, wanted)


def _project_values(event: Event) -> dict[str, Any]:
    record = event.object
    contact = record.get("last_contact_on")
    return {
        "title": record["title"],
        "enclave_id": record.get("enclave_id"),
        "operator_id": record.get("operator_id"),
        "feasible": record.get("reserve_score") is not None,
        "last_contact_day": day_number(date.fromisoformat(contact)) if contact else None,
        "synthetic": bool(record.get("synthetic")),
        "recorded_at": event.timestamp,
    }


def _tag_rows(event: Event) -> list[dict[str, Any]]:
    mine = {"project_id": event.subject_id, "version": event.subject_version}
    return [{**mine, "kind": kind, "value": value} for kind, value in sorted(_tags(event.object))]


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


def _stage_facts(event: Event) -> list[dict[str, Any]]:
    initial = event.type == "project.created"
    if not initial and "stage" not in event.changed:
        return []
    return [{"project_id": event.subject_id, **_fact(event, event.object["stage"], STAGE_RANK, initial)}]


def _landing_facts(event: Event) -> list[dict[str, Any]]:
    record, initial = event.object, event.type == "landing.created"
    if not initial and "state" not in event.changed:
        return []
    owner = {"project_id": record["project_id"], "home_unit_id": record["home_unit_id"]}
    return [{"landing_id": event.subject_id, **owner, **_fact(event, record["state"], LANDING_RANK, initial)}]


def _fact(event: Event, state: str, ranks: Mapping[str, int], initial: bool) -> dict[str, Any]:
    return {
        "version": event.subject_version,
        "state": state,
        "rank": ranks.get(state),
        "initial": initial,
        "effective_at": event.effective_at,
        "effective_day": day_of(event.effective_at),
        "recorded_at": event.timestamp,
        "sequence": event.sequence,
    }

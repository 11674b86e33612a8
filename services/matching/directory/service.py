"""Use cases of the directory: apply the registry's events, and tell what changed."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any
from weakref import WeakKeyDictionary

from services.matching.base import parties
from services.matching.directory import repository
from services.matching.directory.history import (
    ADMITTED,
    LANDED,
    LANDING_STATES,
    STAGES,
    Move,
    day_of,
    first_reached,
    latest_state,
)
from services.matching.directory.models import (
    clients,
    enclaves,
    home_units,
    landing_moves,
    projects,
    stage_moves,
)
from services.matching.directory.records import (
    Admission,
    Changes,
    HomeUnit,
    Landing,
    Project,
    State,
    TrackRecord,
)
from shared import clock
from shared.db.engine import ReadSession, Row, WriteSession
from shared.db.visibility import set_parties
from shared.errors import NotFound
from shared.messaging.received import Event

CONSUMER = "registry"
EVENT_TYPES = ("organisation.*", "enclave.*", "project.*", "landing.*", "client.*")
HORIZON_MONTHS = 24
"""Months after its admission at whose end a project has landed or has not; before, nothing is said of it."""
CHANGED = "directory.changed"
"""The store's signal that a revision was committed."""
_OF_PROJECT = (
    "id",
    "title",
    "stage",
    "enclave_id",
    "industry_codes",
    "strategic_fields",
    "needs",
    "host_adcode",
)

_CONDUCTORS = ("operator_id", "team_organisation_id")
_EARLY = frozenset(STAGES[: STAGES.index(ADMITTED)])

_revisions: WeakKeyDictionary[WriteSession, int] = WeakKeyDictionary()

OnRevocation = Callable[[str, bool], None]


async def touch(tx: WriteSession) -> int:
    """Begin a change the engine must learn of; return the revision for the rows it writes.

    A transaction needs one revision only, unless it was taken inside a savepoint and went back with it.
    """
    revision = _revisions.get(tx)
    if revision is None:
        revision = await repository.next_revision(tx)
        tx.after_commit(tx.database.signal(CHANGED).notify)
        if not tx.connection.in_nested_transaction():
            _revisions[tx] = revision
    return revision


async def apply_events(
    tx: WriteSession, events: Sequence[Event], on_revocation: OnRevocation | None = None
) -> None:
    """Take events of the registry into the directory; an older version changes nothing."""
    for event in events:
        await _apply_event(tx, event, on_revocation)


async def _apply_event(tx: WriteSession, event: Event, on_revocation: OnRevocation | None) -> None:
    record = event.object
    if event.subject_type == "organisation":
        await _take_organisation(tx, record)
    elif event.subject_type == "enclave":
        await _take_enclave(tx, record)
    elif event.subject_type == "project":
        await _take_project(tx, event)
    elif event.subject_type == "landing":
        await _take_landing(tx, event)
    elif event.subject_type == "client":
        await _take_client(tx, event, on_revocation)


async def reset(tx: WriteSession) -> None:
    """Forget everything the feed has told; what home units said of themselves here stays."""
    await touch(tx)
    await repository.clear(tx)


async def require_home_unit(session: ReadSession, home_unit_id: str) -> HomeUnit:
    """Return a home unit on file, or raise a 404."""
    row = await repository.find_home_unit(session, home_unit_id)
    if row is None:
        raise NotFound("No such home unit.", "没有该飞出地。")
    return _home_unit(row, {})


async def state(session: ReadSession) -> State:
    """Return where the directory stands."""
    row = await repository.state(session)
    return State(row["revision"], row["generation"]) if row else State(0, 0)


async def changes_since(session: ReadSession, revision: int, *, day_turned: bool = False) -> Changes:
    """Return every record that reads differently since ``revision``; 0 means everything.

    Where the civil day has turned too, more may have matured: then every home unit is among them.
    """
    found: list[Project] = []
    while rows := await repository.projects_since(session, revision, found[-1].id if found else ""):
        seen_by: dict[str, set[str]] = {}
        first_id, last_id = rows[0]["id"], rows[-1]["id"]
        for row in await repository.parties_since(session, revision, first_id, last_id):
            seen_by.setdefault(row["record_id"], set()).add(row["organisation_id"])
        found.extend(_project(row, seen_by) for row in rows)
    everywhere = day_turned or await repository.enclaves_changed(session, revision)
    homes = await _home_units_since(session, 0 if everywhere else revision)
    return Changes(homes, found)


async def _home_units_since(session: ReadSession, revision: int) -> list[HomeUnit]:
    today, horizon = day_of(clock.now()), HORIZON_MONTHS // 12 * 10_000
    counted = await repository.track_records(session, today - horizon, horizon, revision)
    records = {
        row["home_unit_id"]: TrackRecord(row["landed"], row["admitted"], clock.today()) for row in counted
    }
    return [_home_unit(row, records) for row in await repository.home_units_to_read(session, revision)]


async def admissions(session: ReadSession, home_unit_id: str | None = None) -> list[Admission]:
    """Return every project that a home unit or anybody admitted, by id; a step taken back was not taken."""
    return [
        Admission(row["project_id"], row["home_unit_id"], row["admitted_day"])
        for row in await repository.admitted(session, home_unit_id)
    ]


async def landings(session: ReadSession, home_unit_id: str | None = None) -> list[Landing]:
    """Return every landing on file, at a home unit or anywhere, by id."""
    return [
        Landing(row["id"], row["project_id"], row["home_unit_id"], row["state"], row["landed_day"])
        for row in await repository.landed(session, home_unit_id)
    ]


async def revoked_clients(session: ReadSession) -> frozenset[str]:
    """Return the clients whose tokens no longer count."""
    return frozenset(row["id"] for row in await repository.revoked_clients(session))


async def _take_organisation(tx: WriteSession, record: Mapping[str, Any]) -> None:
    if record["kind"] != "home_unit":
        return
    revision = await touch(tx)
    values = {
        "id": record["id"],
        "name": record["name"],
        "place": record["place"],
        "synthetic": record["synthetic"],
        **_stamps(record, revision),
    }
    if await repository.put_newer(tx, home_units, values):
        await set_parties(tx, parties, record["id"], [record["id"]])


async def _take_enclave(tx: WriteSession, record: Mapping[str, Any]) -> None:
    revision = await touch(tx)
    values = {
        "id": record["id"],
        "home_unit_id": record["home_unit_id"],
        "operator_id": record.get("operator_id"),
        "host_place": record["host_place"],
        **_stamps(record, revision),
    }
    await repository.put_newer(tx, enclaves, values)


async def _take_project(tx: WriteSession, event: Event) -> None:
    record, revision = event.object, await touch(tx)
    if event.type in ("project.created", "project.stage_changed"):
        await _take_stage(tx, event, revision)
    values = {
        **{name: record[name] for name in _OF_PROJECT},
        "summary": record["summary"] or "",
        "conductor_ids": [record[name] for name in _CONDUCTORS if record.get(name)],
        "host_place": record.get("host_place"),
        "synthetic": record["synthetic"],
        **_stamps(record, revision),
    }
    if not await repository.put_newer(tx, projects, values):
        return
    if record["version"] == 1:
        await repository.add_parties(tx, record["id"], record["party_ids"])
    else:
        await set_parties(tx, parties, record["id"], record["party_ids"])


async def _take_stage(tx: WriteSession, event: Event, revision: int) -> None:
    project_id, enclave_id = event.subject_id, event.object.get("enclave_id")
    move = {"project_id": project_id, "enclave_id": enclave_id, **_move(event, event.object["stage"])}
    if not await repository.add_move(tx, stage_moves, move) or (move["initial"] and move["state"] in _EARLY):
        return
    moves = [_move_of(row) for row in await repository.moves_of_project(tx, project_id)]
    admitted = first_reached(moves, STAGES, ADMITTED)
    values = {
        "project_id": project_id,
        "enclave_id": admitted.enclave_id if admitted else None,
        "admitted_day": day_of(admitted.effective_at) if admitted else None,
        "revision": revision,
    }
    await repository.put_admission(tx, values)


async def _take_landing(tx: WriteSession, event: Event) -> None:
    if event.type not in ("landing.created", "landing.state_changed"):
        return
    record, revision = event.object, await touch(tx)
    move = {"landing_id": event.subject_id, **_move(event, record["state"])}
    if not await repository.add_move(tx, landing_moves, move):
        return
    moves = [_move_of(row) for row in await repository.moves_of_landing(tx, event.subject_id)]
    landed = first_reached(moves, LANDING_STATES, LANDED)
    values = {
        "id": event.subject_id,
        "project_id": record["project_id"],
        "home_unit_id": record["home_unit_id"],
        "state": latest_state(moves),
        "landed_day": day_of(landed.effective_at) if landed else None,
        "revision": revision,
    }
    await repository.put_landing(tx, values)


def _move(event: Event, state: str) -> dict[str, Any]:
    return {
        "version": event.subject_version,
        "state": state,
        "initial": event.type.endswith(".created"),
        "effective_at": event.effective_at,
        "recorded_at": event.timestamp,
        "sequence": event.sequence,
    }


def _move_of(row: Row) -> Move:
    return Move(
        version=row["version"],
        state=row["state"],
        initial=row["initial"],
        effective_at=row["effective_at"],
        sequence=row["sequence"],
        enclave_id=row.get("enclave_id"),
    )


async def _take_client(tx: WriteSession, event: Event, on_revocation: OnRevocation | None) -> None:
    revoked = event.object["status"] != "active"
    values = {"id": event.subject_id, "revoked": revoked, "version": event.subject_version}
    values["revision"] = await touch(tx)
    if await repository.put_newer(tx, clients, values) and on_revocation is not None:
        tx.after_commit(_Revocation(on_revocation, event.subject_id, revoked))


class _Revocation:
    """What to call once the revocation has committed."""

    def __init__(self, call: OnRevocation, client_id: str, revoked: bool) -> None:
        self._call, self._client_id, self._revoked = call, client_id, revoked

    def __call__(self) -> None:
        self._call(self._client_id, self._revoked)


def _stamps(record: Mapping[str, Any], revision: int) -> dict[str, Any]:
    updated_at = datetime.fromisoformat(record["updated_at"])
    return {"version": record["version"], "updated_at": updated_at, "revision": revision}


def _home_unit(row: Row, records: Mapping[str, TrackRecord]) -> HomeUnit:
    return HomeUnit(row["id"], row["name"], row["place"], row["updated_at"], records.get(row["id"]))


def _project(row: Row, seen_by: Mapping[str, set[str]]) -> Project:
    stated = row["host_adcode"] is not None
    return Project(
        id=row["id"],
        version=row["version"],
        title=row["title"],
        summary=row["summary"],
        stage=row["stage"],
        enclave_id=row["enclave_id"],
        industry_codes=tuple(row["industry_codes"]),
        strategic_fields=tuple(row["strategic_fields"]),
        needs=row["needs"],
        host_place=row["host_place"] if stated else row["enclave_place"],
        host_place_from=row["id"] if stated or row["enclave_id"] is None else row["enclave_id"],
        enclave_home_unit_id=row["enclave_home_unit_id"],
        updated_at=row["updated_at"],
        party_ids=frozenset(seen_by.get(row["id"], ())),
        conductor_ids=frozenset({*(row["conductor_ids"] or ()), row["enclave_operator_id"]} - {None}),
    )

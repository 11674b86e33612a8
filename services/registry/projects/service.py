"""Use cases of projects."""

from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
from datetime import datetime
from typing import Any

from services.registry.base import messaging, parties
from services.registry.enclaves.service import get_enclave_row, hold_enclave, party_ids_of
from services.registry.organisations.errors import UnknownDivision
from services.registry.organisations.service import require_organisation
from services.registry.projects import repository
from services.registry.projects.conduct import check_runs, check_takes_part
from services.registry.projects.errors import (
    EffectiveInFuture,
    EnclaveFixed,
    EnclaveRequired,
    InvalidUscc,
    ProjectExists,
)
from services.registry.projects.fingerprint import fingerprint
from services.registry.projects.industries import check_industries, derived_fields, with_ancestors
from services.registry.projects.schemas import (
    PROJECT_CREATED,
    PROJECT_PROPOSED,
    PROJECT_UPDATED,
    ProjectCreate,
    ProjectRead,
    ProjectUpdate,
)
from services.registry.projects.stage import BEFORE_ADMISSION, Stage, Track
from services.registry.projects.transitions import log_transition as log_transition
from services.registry.projects.uscc import valid_uscc
from services.registry.reference.service import place_of
from shared import clock
from shared.db.engine import Database, ReadSession, Row, WriteSession
from shared.db.keyset import CursorSigner, ListQuery
from shared.db.pages import Page
from shared.db.visibility import set_parties
from shared.errors import NotFound, check_version
from shared.identity import Principal
from shared.ids import new_id
from shared.messaging.outbox import EventType, publish

_PARTY_FIELDS = frozenset({"enclave_id", "operator_id", "team_organisation_id", "home_unit_ids"})
FollowEnclave = Callable[[WriteSession, Principal, str, str | None], Awaitable[None]]
"""Tells what stands on a project that it has another enclave; supplied from above."""

_OPERATOR_KINDS = ("operator", "platform_company")


def not_found() -> NotFound:
    """Return the answer for a project that does not exist or that the caller may not see."""
    return NotFound("No such project.", "没有该项目。")


def to_read(row: Row) -> ProjectRead:
    """Return a project as its parties see it."""
    return ProjectRead.of({**row, "host_place": place_of(row["host_adcode"])})


async def create_project(
    tx: WriteSession, actor: Principal, data: ProjectCreate, *, project_id: str | None = None
) -> ProjectRead:
    """File a lead that an enclave found; ``effective_at`` is when it was found."""
    if data.effective_at is not None and data.effective_at > clock.now():
        raise EffectiveInFuture()
    enclave = await _enclave_for(tx, actor, data.enclave_id)
    values = _new_row(data, project_id or new_id("prj"))
    if enclave is not None and values["operator_id"] is None:
        values["operator_id"] = enclave["operator_id"]
    await _check_references(tx, data.model_dump(exclude_none=True))
    values["party_ids"] = _party_ids(values, enclave)
    await repository.add(tx, values, with_ancestors(data.industry_codes))
    await log_transition(
        tx,
        actor,
        project_id=values["id"],
        track=Track.STAGE,
        subject_id=values["id"],
        from_state=None,
        to_state=Stage.LEAD,
        effective_at=data.effective_at,
    )
    record = to_read(values)
    await _publish(tx, actor, PROJECT_CREATED, record, effective_at=data.effective_at)
    return record


async def read_project(database: Database, viewer: Principal, project_id: str) -> ProjectRead:
    """Return one project, on the shortest way to the database."""
    row = await repository.read(database, viewer, project_id)
    if row is None:
        raise not_found()
    return to_read(row)


async def get_project(session: ReadSession, viewer: Principal, project_id: str) -> ProjectRead:
    """Return one project as a session sees it."""
    return to_read(await require_visible_project(session, viewer, project_id))


async def list_projects(
    database: Database, viewer: Principal, query: ListQuery, signer: CursorSigner
) -> tuple[list[ProjectRead], Page]:
    """Return one page of the projects a viewer may see."""
    page = await repository.page(database, viewer, query, signer)
    return [to_read(row) for row in page.rows], page


async def update_project(
    tx: WriteSession,
    actor: Principal,
    project_id: str,
    expected_version: int,
    data: ProjectUpdate,
    *,
    follow_enclave: FollowEnclave,
) -> ProjectRead:
    """Change a project; a patch that changes nothing keeps its version and emits nothing."""
    row = await lock_project(tx, actor, project_id)
    await check_takes_part(tx, actor, row)
    check_version(row["version"], expected_version)
    sent = _patch(row, data)
    changes = {name: value for name, value in sent.items() if row[name] != value}
    if _PARTY_FIELDS & changes.keys():
        await check_runs(tx, actor, row)
    await _check_references(tx, {name: value for name, value in changes.items() if value is not None})
    if {"enclave_id", "operator_id"} & changes.keys() and row["stage"] not in BEFORE_ADMISSION:
        raise EnclaveFixed()
    changes |= await _new_identity(tx, row, changes)
    if "enclave_id" in changes:
        await _enclave_for(tx, actor, changes["enclave_id"])
        await follow_enclave(tx, actor, project_id, changes["enclave_id"])
    return await change_project(tx, actor, row, changes)


async def propose_project(
    tx: WriteSession, actor: Principal, project_id: str, expected_version: int, home_unit_ids: list[str]
) -> ProjectRead:
    """Show a project to more home units; those it was proposed to before keep seeing it."""
    row = await lock_project(tx, actor, project_id)
    await check_takes_part(tx, actor, row)
    check_version(row["version"], expected_version)
    for home_unit_id in home_unit_ids:
        await require_organisation(tx, home_unit_id, "home_unit")
    proposed = list(dict.fromkeys([*row["home_unit_ids"], *home_unit_ids]))
    return await change_project(tx, actor, row, {"home_unit_ids": proposed}, PROJECT_PROPOSED)


async def require_visible_project(session: ReadSession, viewer: Principal, project_id: str) -> Row:
    """Return the row of a project, or a 404 when it does not exist or the viewer may not see it."""
    row = await repository.find(session, viewer, project_id)
    if row is None:
        raise not_found()
    return row


async def enclaves_of(session: ReadSession, record_ids: Collection[str]) -> dict[str, str | None]:
    """Return the enclave of those of these records that are projects."""
    rows = await repository.enclaves_of(session, record_ids)
    return {row["id"]: row["enclave_id"] for row in rows}


async def project_of_operator(session: ReadSession, operator_id: str, external_id: str) -> Row | None:
    """Return the project that has this external id at its operator, who sees it."""
    return await repository.find_by_external_id(session, operator_id, external_id)


async def lock_project(tx: WriteSession, viewer: Principal, project_id: str) -> Row:
    """Return the row of a visible project, locked until this transaction ends."""
    row = await repository.find(tx, viewer, project_id, lock=True)
    if row is None:
        raise not_found()
    return row


async def change_project(
    tx: WriteSession,
    actor: Principal,
    row: Row,
    changes: Mapping[str, Any],
    event_type: EventType = PROJECT_UPDATED,
    effective_at: datetime | None = None,
) -> ProjectRead:
    """Write changes to a locked project with their event; without a change, do neither."""
    changed = {name: value for name, value in changes.items() if row[name] != value}
    if not changed:
        return to_read(row)
    after = {**row, **changed, "version": row["version"] + 1, "updated_at": clock.now()}
    if _PARTY_FIELDS & changed.keys():
        enclave = await get_enclave_row(tx, after["enclave_id"]) if after["enclave_id"] else None
        changed["party_ids"] = after["party_ids"] = _party_ids(after, enclave)
    written = {name: after[name] for name in (*changed, "version", "updated_at")}
    await repository.change(tx, row["id"], written)
    if "industry_codes" in changed:
        await repository.replace_industries(tx, row["id"], with_ancestors(after["industry_codes"]))
    if after["party_ids"] != row["party_ids"]:
        await set_parties(tx, parties, row["id"], after["party_ids"])
    record = to_read(after)
    names = sorted(name for name in changed if name not in repository.HIDDEN and after[name] != row[name])
    previous = {name: row[name] for name in names}
    await _publish(tx, actor, event_type, record, changed=names, previous=previous, effective_at=effective_at)
    return record


async def hold_projects_of_enclave(tx: WriteSession, enclave_id: str) -> None:
    """Lock the projects of an enclave; whoever locks both takes the projects first."""
    await repository.lock_all_of_enclave(tx, enclave_id)


async def refresh_projects_of_enclave(
    tx: WriteSession, actor: Principal, enclave_id: str, former_operator_id: str | None
) -> None:
    """Let the projects of an enclave whose parties changed follow, in any stage: who sees them, and who
    operates them where that was the enclave's own operator.
    """
    enclave = await get_enclave_row(tx, enclave_id)
    assert enclave is not None
    for row in await repository.lock_all_of_enclave(tx, enclave_id):
        followed = row["operator_id"] == former_operator_id
        after = {**row, "operator_id": enclave["operator_id"]} if followed else row
        changes = {"operator_id": after["operator_id"], "party_ids": _party_ids(after, enclave)}
        await change_project(tx, actor, row, changes)


async def duplicates_of(tx: WriteSession, row: Row) -> list[Row]:
    """Return screened projects with the same credit code, or else the same team and title.

    Until this transaction ends nobody else is told that there is none: of two projects of one team and
    title, only one of which has a credit code, no unique index would see that they are the same.
    """
    await repository.lock_identity(tx, row["fingerprint"])
    return [*await repository.same_identity(tx, row["id"], row["uscc"], row["fingerprint"])]


def identity_of(row: Row) -> str:
    """Return what no other screened project may be: the credit code, or else team and title."""
    return f"uscc:{row['uscc']}" if row["uscc"] else f"team:{row['fingerprint']}"


def _new_row(data: ProjectCreate, project_id: str) -> dict[str, Any]:
    now = clock.now()
    fields = data.strategic_fields
    return {
        **data.model_dump(exclude={"needs", "effective_at"}),
        "id": project_id,
        "stage": Stage.LEAD.value,
        "home_unit_ids": [],
        "needs": data.needs.model_dump(mode="json"),
        "strategic_fields": derived_fields(data.industry_codes) if fields is None else fields,
        "reserve_score": None,
        "admitted_at": None,
        "version": 1,
        "created_at": now,
        "updated_at": now,
        "fingerprint": fingerprint(data.team_name, data.title),
        "identity": None,
        "reserve_reasons": None,
    }


def _patch(row: Row, data: ProjectUpdate) -> dict[str, Any]:
    """Return the fields sent; strategic fields follow the industries unless the caller states them."""
    sent = data.model_dump(exclude_unset=True)
    if "needs" in sent:
        sent["needs"] = data.needs.model_dump(mode="json")
    if data.strategic_fields is None and {"industry_codes", "strategic_fields"} & sent.keys():
        codes = sent["industry_codes"] if "industry_codes" in sent else row["industry_codes"]
        sent["strategic_fields"] = derived_fields(codes)
    return sent


async def _new_identity(tx: WriteSession, row: Row, changes: Mapping[str, Any]) -> dict[str, Any]:
    """A lead may be a duplicate or have a mistyped credit code; what was screened may not become one."""
    after = {**row, **changes}
    after["fingerprint"] = fingerprint(after["team_name"], after["title"])
    if row["identity"] is None:
        return {"fingerprint": after["fingerprint"]}
    if after["uscc"] is not None and not valid_uscc(after["uscc"]):
        raise InvalidUscc()
    renamed = (after["fingerprint"], after["uscc"]) != (row["fingerprint"], row["uscc"])
    if renamed and await duplicates_of(tx, after):
        raise ProjectExists()
    return {"fingerprint": after["fingerprint"], "identity": identity_of(after)}


async def _check_references(tx: WriteSession, given: Mapping[str, Any]) -> None:
    check_industries(given.get("industry_codes", ()), given.get("strategic_fields", ()))
    if "host_adcode" in given and place_of(given["host_adcode"]) is None:
        raise UnknownDivision()
    if "operator_id" in given:
        await require_organisation(tx, given["operator_id"], *_OPERATOR_KINDS)
    if "team_organisation_id" in given:
        await require_organisation(tx, given["team_organisation_id"])


async def _enclave_for(tx: WriteSession, actor: Principal, enclave_id: str | None) -> Row | None:
    if enclave_id is None:
        if not actor.sees_network:
            raise EnclaveRequired()
        return None
    return await hold_enclave(tx, actor, enclave_id)


def _party_ids(project: Row, enclave: Row | None) -> list[str]:
    own: Iterable[str | None] = (
        project["operator_id"],
        project["team_organisation_id"],
        *project["home_unit_ids"],
    )
    return sorted({party for party in own if party} | set(party_ids_of(enclave) if enclave else ()))


async def _publish(
    tx: WriteSession, actor: Principal, event_type: EventType, record: ProjectRead, **details: Any
) -> None:
    await publish(
        tx,
        messaging,
        event_type,
        actor=actor,
        record=record,
        subject_type="project",
        subject_id=record.id,
        version=record.version,
        root_id=record.id,
        url=f"/v1/projects/{record.id}",
        **details,
    )

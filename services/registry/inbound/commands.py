"""The commands a message can become: those of the REST API, with the same bodies, scopes and refusals."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from services.registry.claims.schemas import ClaimCreate, SubjectType
from services.registry.claims.service import state_claim
from services.registry.evidence.schemas import EvidenceCreate
from services.registry.evidence.service import file_evidence
from services.registry.inbound.mapping import Target
from services.registry.inbound.schemas import CommandName, SourceScope
from services.registry.landings.service import follow_project, lands_at
from services.registry.projects.schemas import ProjectCreate, ProjectUpdate
from services.registry.projects.service import create_project, lock_project, update_project
from shared.db.engine import WriteSession
from shared.identity import Principal
from shared.types import Input


@dataclass(frozen=True)
class Effect:
    """The record a command made or changed, at the version it has now."""

    subject_type: str
    subject_id: str
    subject_version: int


Run = Callable[[WriteSession, Principal, Any, str | None], Awaitable[Effect]]
"""Runs a command; the last argument is the project the message names, where it names one."""


@dataclass(frozen=True)
class Command:
    """One command: its body, the scope it needs, and whether a message names its project apart."""

    model: type[Input]
    scope: str
    run: Run
    needs_record: bool = False
    takes_record: bool = False


async def _create_project(
    tx: WriteSession, actor: Principal, data: ProjectCreate, _project_id: str | None
) -> Effect:
    record = await create_project(tx, actor, data)
    return Effect("project", record.id, record.version)


async def _update_project(
    tx: WriteSession, actor: Principal, data: ProjectUpdate, project_id: str | None
) -> Effect:
    row = await lock_project(tx, actor, str(project_id))
    record = await update_project(tx, actor, row["id"], row["version"], data, follow_enclave=follow_project)
    return Effect("project", record.id, record.version)


async def _add_evidence(
    tx: WriteSession, actor: Principal, data: EvidenceCreate, project_id: str | None
) -> Effect:
    record = await file_evidence(tx, actor, str(project_id), data, lands_at=lands_at)
    return Effect("evidence", record.id, record.version)


async def _record_claim(
    tx: WriteSession, actor: Principal, data: ClaimCreate, _project_id: str | None
) -> Effect:
    record = await state_claim(tx, actor, data)
    return Effect("claim", record.id, record.version)


COMMANDS: Mapping[str, Command] = {
    CommandName.CREATE_PROJECT: Command(ProjectCreate, SourceScope.PROJECTS, _create_project),
    CommandName.UPDATE_PROJECT: Command(
        ProjectUpdate, SourceScope.PROJECTS, _update_project, needs_record=True, takes_record=True
    ),
    CommandName.ADD_EVIDENCE: Command(
        EvidenceCreate, SourceScope.PROJECTS, _add_evidence, needs_record=True, takes_record=True
    ),
    CommandName.RECORD_CLAIM: Command(ClaimCreate, SourceScope.CLAIMS, _record_claim, takes_record=True),
}

TARGETS: Mapping[str, Target] = {
    name: Target(command.model, command.needs_record, command.takes_record)
    for name, command in COMMANDS.items()
}


def completed(command: str, body: Mapping[str, Any], project_id: str | None) -> dict[str, Any]:
    """Return the body with the project as what a claim is about, where the message names one."""
    if command != CommandName.RECORD_CLAIM or project_id is None:
        return dict(body)
    return {**body, "subject_type": SubjectType.PROJECT.value, "subject_id": project_id}

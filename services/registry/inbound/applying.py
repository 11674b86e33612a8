"""From the bytes of a message to its effect: all of the command with its events, or nothing of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from services.registry.inbound import repository
from services.registry.inbound.commands import COMMANDS, Effect, completed
from services.registry.inbound.errors import UnforeseenFailure, UnknownMapping, UnknownRecord
from services.registry.inbound.mapping import Definition, Draft
from services.registry.inbound.parts import MappingCache
from services.registry.inbound.reading import command_body, document_of, problems_of
from services.registry.inbound.schemas import MessageState, RecordKey
from services.registry.projects.service import project_of_operator, require_visible_project
from shared.db.engine import ReadSession, Row, WriteSession
from shared.errors import DomainError, InsufficientScope, NotFound
from shared.identity import Principal
from shared.logging import get_logger
from shared.messaging.failures import is_permanent
from shared.types import Input

_log = get_logger(__name__)


@dataclass
class Outcome:
    """What became of one attempt to apply a message."""

    mapping_version: int | None
    message_type: str | None = None
    command: str | None = None
    effect: Effect | None = None
    problems: list[dict[str, Any]] = field(default_factory=list)

    @property
    def state(self) -> MessageState:
        """Applied, or else in quarantine."""
        return MessageState.QUARANTINED if self.effect is None else MessageState.APPLIED

    def columns(self) -> dict[str, Any]:
        """Return what is kept of it with the message."""
        effect = self.effect
        return {
            "state": self.state.value,
            "message_type": self.message_type,
            "command": self.command,
            "mapping_version": self.mapping_version,
            "subject_type": effect and effect.subject_type,
            "subject_id": effect and effect.subject_id,
            "subject_version": effect and effect.subject_version,
            "problems": self.problems,
        }


@dataclass(frozen=True)
class Prepared:
    """A command that is ready to run, and the project it is about where it names one."""

    command: str
    data: Input
    project_id: str | None


def acting(source: Row) -> Principal:
    """Return as whom a source acts: its organisation, with the scopes it was given."""
    return Principal("inbound_source", source["id"], source["organisation_id"], frozenset(source["scopes"]))


async def apply(
    tx: WriteSession, source: Row, body: bytes, version: int | None, mappings: MappingCache
) -> Outcome:
    """Apply a message; whatever is wrong with it is in the outcome, and then nothing was written.

    Only what another attempt may get past is raised: a store or a peer that does not answer.
    """
    outcome = Outcome(version)
    try:
        definition = await definition_of(tx, source["id"], version, mappings)
        message = document_of(body)
        outcome.message_type = definition.type_of(message)
        draft = definition.draft(message)
        outcome.command = draft.command
        async with tx.savepoint():
            ready = await prepare(tx, acting(source), draft)
            outcome.effect = await COMMANDS[ready.command].run(
                tx, acting(source), ready.data, ready.project_id
            )
    except Exception as error:
        if not is_permanent(error):
            raise
        outcome.effect = None
        outcome.problems = problems_of(_refusal(error, source))
    return outcome


async def prepare(session: ReadSession, actor: Principal, draft: Draft) -> Prepared:
    """Return the command of a draft, checked as far as nothing needs to be written for it."""
    command = COMMANDS[draft.command]
    if not actor.has(command.scope):
        raise InsufficientScope(
            f"The source was not given the scope {command.scope}.", f"该来源没有权限 {command.scope}。"
        )
    project_id = None if draft.record is None else await _project(session, actor, *draft.record)
    body = completed(draft.command, draft.body, project_id)
    return Prepared(draft.command, command_body(draft, body), project_id)


async def definition_of(
    session: ReadSession, source_id: str, version: int | None, mappings: MappingCache
) -> Definition:
    """Return a version of a source's mapping, or raise a 409 when there is none."""
    if version is None:
        raise UnknownMapping()

    async def load(source_id: str, version: int) -> Definition:
        row = await repository.find_mapping(session, source_id, version)
        if row is None:
            raise UnknownMapping()
        return Definition(_document(row))

    return await mappings.get(source_id, version, load)


def _document(row: Row) -> Mapping[str, Any]:
    document: Mapping[str, Any] = row["definition"]
    return document


async def _project(session: ReadSession, actor: Principal, by: str, value: str) -> str:
    if by == RecordKey.EXTERNAL_ID:
        row = await project_of_operator(session, actor.organisation_id or "", value)
        if row is None:
            raise UnknownRecord()
        return str(row["id"])
    try:
        return str((await require_visible_project(session, actor, value))["id"])
    except NotFound:
        raise UnknownRecord() from None


def _refusal(error: Exception, source: Row) -> DomainError:
    if isinstance(error, DomainError):
        return error
    _log.error("inbound_message_failed", source=source["id"], exc_info=error)
    return UnforeseenFailure()

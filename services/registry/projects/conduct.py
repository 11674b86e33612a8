"""Who may act on a project: to see it is not to run it."""

from services.registry.enclaves.service import get_enclave_row
from shared.db.engine import ReadSession, Row
from shared.errors import InsufficientScope
from shared.identity import Principal


async def runs(session: ReadSession, actor: Principal, project: Row) -> bool:
    """Tell whether a caller runs a project: its operator, or its enclave's operator or home unit."""
    if actor.sees_network:
        return True
    enclave = await get_enclave_row(session, project["enclave_id"]) if project["enclave_id"] else None
    own = {project["operator_id"]}
    if enclave is not None:
        own |= {enclave["operator_id"], enclave["home_unit_id"]}
    return actor.organisation_id in own - {None}


async def takes_part(session: ReadSession, actor: Principal, project: Row) -> bool:
    """Tell whether a caller runs a project or is its team."""
    is_team = actor.organisation_id is not None and actor.organisation_id == project["team_organisation_id"]
    return is_team or await runs(session, actor, project)


async def check_runs(session: ReadSession, actor: Principal, project: Row) -> None:
    """A host park sees a project, and so does a home unit it was proposed to; neither decides about it."""
    if not await runs(session, actor, project):
        raise InsufficientScope(
            "Only the operator or the home unit of the enclave may do this.",
            "仅飞地的运营方或飞出地可以操作。",
        )


async def check_takes_part(
    session: ReadSession, actor: Principal, project: Row, *, or_else: str | None = None
) -> None:
    """Raise a 403 unless the caller runs the project, is its team or is named beside them."""
    concerned = or_else is not None and actor.organisation_id == or_else
    if not concerned and not await takes_part(session, actor, project):
        raise InsufficientScope(
            "Only the project's team and those who run it may do this.", "仅项目团队及其运营方可以操作。"
        )

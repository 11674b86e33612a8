"""Use cases of runs over the whole network; the follower does the work."""

from services.matching.directory import service as directory
from services.matching.recommendations import repository
from services.matching.recommendations.schemas import RecommendationRunRead, RunState
from shared import clock
from shared.db.engine import ReadSession, WriteSession
from shared.errors import InsufficientScope, NotFound
from shared.identity import Principal
from shared.ids import new_id

_UNKNOWN_UNTIL_ENDED = ("project_count", "home_unit_count", "changed_count", "peak_mb", "directory_revision")


async def ask_for_run(tx: WriteSession, actor: Principal) -> RecommendationRunRead:
    """Queue a run that ranks the home units for every project anew; one that waits already serves both."""
    if not actor.sees_network:
        raise InsufficientScope(
            "Only the network's administration ranks everything anew.", "仅网络管理方可整体重新匹配。"
        )
    waiting = await repository.queued_run(tx)
    if waiting is not None:
        return RecommendationRunRead.of(waiting)
    values = {
        **dict.fromkeys((*_UNKNOWN_UNTIL_ENDED, "started_at", "finished_at")),
        "id": new_id("rrn"),
        "state": RunState.QUEUED,
        "attempts": 0,
        "version": 1,
        "created_at": clock.now(),
    }
    await repository.add_run(tx, values)
    tx.after_commit(tx.database.signal(directory.CHANGED).notify)
    return RecommendationRunRead.of(values)


async def get_run(session: ReadSession, viewer: Principal, run_id: str) -> RecommendationRunRead:
    """Return one run to who may ask for one."""
    row = await repository.find_run(session, run_id) if viewer.sees_network else None
    if row is None:
        raise NotFound("No such run.", "没有该次运行。")
    return RecommendationRunRead.of(row)

"""Keeps every project's first three home units on file and says when they change.

One process at a time works, under a lease. What it has in memory it makes anew when it begins or when
anything went wrong, and compares with what is on file; so a restart neither loses a change nor tells of one
twice.
"""

import asyncio
import resource
from collections.abc import Collection, Iterable, Sequence
from datetime import timedelta
from itertools import islice
from typing import Any

from services.matching.base import messaging
from services.matching.directory import service as directory
from services.matching.directory.records import State
from services.matching.engine.scoring.bulk import warm
from services.matching.engine.scoring.standings import Standings, Top, compiles_for
from services.matching.recommendations import repository
from services.matching.recommendations.live import LiveEngine, Moves
from services.matching.recommendations.schemas import (
    RECOMMENDATION_CHANGED,
    Cause,
    RecommendationChanged,
    RunState,
    TopHomeUnit,
)
from shared import clock
from shared.db.engine import Database, Row, WriteSession
from shared.identity import SYSTEM
from shared.ids import new_id
from shared.logging import get_logger
from shared.messaging.outbox import event_row, publish_rows
from shared.messaging.pause import backoff_s, pause

LEASE_S = 60.0
_PAIRS = 1 << 20
"""Scored between two moments in which the event loop may do something else: about ten milliseconds."""
_BLOCK = 4_096
"""Projects at most."""
_BATCH = 250
"""Projects written in one transaction."""
_MANY_HOMES = 32
"""From here on everything is scored anew, which costs less than so many home units one by one."""
_POLL_S = 1.0
_ATTEMPTS = 3

Tops = dict[str, Top]
Causes = dict[str, Cause]

_log = get_logger(__name__)


class LeaseLost(Exception):
    """Another process works now."""


class Follower:
    """Writes the first three of every project whenever the directory moved; ``follows``: whether a feed is
    read, whose end must have been reached before its beginning is taken for the whole.
    """

    def __init__(self, database: Database, engine: LiveEngine, *, follows: bool) -> None:
        self._database = database
        self._engine = engine
        self._follows = follows
        self._token = new_id("lse")
        self._standings: Standings | None = None

    async def run(self, stop: asyncio.Event) -> None:
        """Follow until ``stop`` is set."""
        changed, failures = self._database.signal(directory.CHANGED), 0
        while not stop.is_set():
            seen = changed.count
            try:
                await self.run_once()
                failures = 0
            except Exception:
                self._standings, failures = None, failures + 1
                _log.exception("recommendations_not_followed", failures=failures)
                await pause(stop, backoff_s(failures))
                continue
            await pause(stop, _POLL_S, changed, seen)
        async with self._database.write() as tx:
            await repository.let_go(tx, self._token)

    async def run_once(self) -> int:
        """Work at what changed since, or at the run that waits; return how many first threes changed."""
        await self._engine.refresh()
        if self._follows and self._engine.as_of is None:
            return 0
        async with self._database.read() as session:
            run, before = await repository.next_run(session), await repository.state(session)
        if run is None and self._is_current(before):
            return 0
        held = await self._hold()
        if held is None:
            self._standings = None
            return 0
        try:
            return await (self._follow(held) if run is None else self._run(held, run))
        except BaseException:
            self._standings = None
            raise

    def _is_current(self, on_file: Row | None) -> bool:
        now = self._engine.state
        if on_file is None or (self._standings is not None and self._engine.has_moved):
            return False
        return (on_file["revision"], on_file["generation"]) == (now.revision, now.generation)

    async def _hold(self) -> Row | None:
        async with self._database.write() as tx:
            return await self._renew(tx)

    async def _renew(self, tx: WriteSession) -> Row | None:
        instant = clock.now()
        return await repository.hold(tx, self._token, instant, instant + timedelta(seconds=LEASE_S))

    # -- what is to be worked at

    async def _follow(self, held: Row) -> int:
        standings, moves, now = self._standings, self._engine.take_moves(), self._engine.state
        anew = moves.everything or len(moves.home_units) > _MANY_HOMES
        if standings is None or anew or standings.snapshot is not self._engine.snapshot:
            changed = await self._everything(held, now)
        else:
            causes = await _causes(standings, moves)
            changed = await self._work(standings, causes, held, now)
            gone = [name for name in moves.projects if self._engine.features_of(name) is None]
            await self._remove(name for name in gone if self._engine.project(name) is not None)
        await self._finish(now)
        return changed

    async def _everything(self, held: Row, now: State) -> int:
        self._engine.take_moves()
        self._standings = standings = Standings(self._engine.snapshot)
        every = list(self._engine.snapshot.project_table.ids)
        changed = await self._work(standings, dict.fromkeys(every, Cause.UNKNOWN), held, now)
        await self._remove_ended()
        return changed

    async def _run(self, held: Row, run: Row) -> int:
        now = self._engine.state
        if run["attempts"] >= _ATTEMPTS:
            await self._move_run(run, state=RunState.FAILED, finished_at=clock.now())
            return 0
        started = {"state": RunState.RUNNING, "started_at": run["started_at"] or clock.now()}
        await self._move_run(run, **started, attempts=run["attempts"] + 1)
        changed = await self._everything(held, now)
        await self._finish(now)
        await self._move_run(
            run,
            state=RunState.SUCCEEDED,
            project_count=len(self._engine.snapshot.project_rows),
            home_unit_count=len(self._engine.snapshot.home_rows),
            changed_count=changed,
            peak_mb=round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
            directory_revision=now.revision,
            finished_at=clock.now(),
        )
        return changed

    async def _move_run(self, run: Row, **values: Any) -> None:
        async with self._database.write() as tx:
            await self._require_lease(tx)
            await repository.change_run(tx, run["id"], values)

    async def _finish(self, now: State) -> None:
        async with self._database.write() as tx:
            await self._require_lease(tx)
            await repository.worked(tx, now.revision, now.generation)

    # -- working at it

    async def _work(self, standings: Standings, causes: Causes, held: Row, now: State) -> int:
        changed, waiting = 0, iter(causes)
        if compiles_for(len(causes)):
            await asyncio.to_thread(warm)
        while block := list(islice(waiting, self._at_once())):
            if standings.snapshot is not self._engine.snapshot:
                raise LeaseLost("everything was forgotten meanwhile")
            found = standings.score(block)
            async with self._database.read() as session:
                differing = await _differing(session, found)
            for begin in range(0, len(differing), _BATCH):
                some = {name: found[name] for name in differing[begin : begin + _BATCH]}
                changed += await self._write(some, causes, held, now)
            await asyncio.sleep(0)
        return changed

    def _at_once(self) -> int:
        return min(max(_PAIRS // max(len(self._engine.snapshot.home_rows), 1), 1), _BLOCK)

    async def _write(self, found: Tops, causes: Causes, held: Row, now: State) -> int:
        async with self._database.write() as tx:
            await self._require_lease(tx)
            before, instant = await repository.tops(tx, found.keys()), clock.now()
            rows, events = [], []
            for project_id, top in found.items():
                row = before.get(project_id)
                previous = [] if row is None else [entry[0] for entry in row["top"]]
                version = 1 if row is None else row["version"] + 1
                rows.append(_row(project_id, top, version, now.revision, instant))
                if held["filled"] and previous != list(top):
                    events.append(_event(project_id, top, previous, causes[project_id], now, version))
            await repository.put_tops(tx, rows)
            await publish_rows(tx, messaging, events)
        return sum(1 for name in found if name not in before or _top_of(before[name]) != found[name])

    async def _remove_ended(self) -> None:
        last = ""
        while True:
            async with self._database.read() as session:
                found = await repository.project_ids(session, last, _BLOCK)
            if not found:
                return
            last = found[-1]
            known = (name for name in found if self._engine.project(name) is not None)
            await self._remove(name for name in known if self._engine.features_of(name) is None)

    async def _remove(self, project_ids: Iterable[str]) -> None:
        """Take away rows of projects that have ended; those not on file now are left as they are."""
        ended = sorted(project_ids)
        for begin in range(0, len(ended), _BATCH):
            async with self._database.write() as tx:
                await self._require_lease(tx)
                await repository.remove_tops(tx, ended[begin : begin + _BATCH])

    async def _require_lease(self, tx: WriteSession) -> None:
        if await self._renew(tx) is None:
            raise LeaseLost()


async def _differing(session: Any, found: Tops) -> list[str]:
    names, differing = list(found), []
    for begin in range(0, len(names), _BATCH):
        some = names[begin : begin + _BATCH]
        before = await repository.tops(session, some)
        differing += [name for name in some if name not in before or _top_of(before[name]) != found[name]]
    return differing


def _top_of(row: Row) -> Top:
    return tuple(entry[0] for entry in row["top"])


async def _causes(standings: Standings, moves: Moves) -> Causes:
    """The projects that a change may have moved, each with what it was, where that is one thing."""
    by_project: dict[str, set[Cause]] = {}
    for home_unit_id, kinds in moves.home_units.items():
        if home_unit_id in standings.snapshot.home_table.rows:
            for name in standings.touched_by(home_unit_id):
                by_project.setdefault(name, set()).update(kinds)
        await asyncio.sleep(0)
    for name in moves.projects:
        by_project.setdefault(name, set()).add(Cause.PROJECT)
    return {name: kinds.pop() if len(kinds) == 1 else Cause.UNKNOWN for name, kinds in by_project.items()}


def _row(project_id: str, top: Top, version: int, revision: int, instant: Any) -> dict[str, Any]:
    return {
        "project_id": project_id,
        "top": [[home_unit_id, rank] for rank, home_unit_id in enumerate(top, 1)],
        "version": version,
        "revision": revision,
        "updated_at": instant,
    }


def _event(
    project_id: str, top: Top, previous: Sequence[str], cause: Cause, now: State, version: int
) -> dict[str, Any]:
    before = _ranked(previous)
    record = RecommendationChanged(
        project_id=project_id,
        top=_ranked(top),
        previous_top=before,
        cause=cause,
        directory_revision=now.revision,
        version=version,
    )
    return event_row(
        RECOMMENDATION_CHANGED,
        actor=SYSTEM,
        record=record,
        subject_type="recommendation",
        subject_id=project_id,
        version=version,
        root_id=project_id,
        url=f"/v1/projects/{project_id}/recommendations",
        changed=["top"],
        previous={"top": before},
    )


def _ranked(top: Collection[str]) -> list[TopHomeUnit]:
    return [TopHomeUnit(rank=rank, home_unit_id=name) for rank, name in enumerate(top, 1)]

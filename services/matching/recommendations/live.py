"""The engine in memory: loaded from the store at the start, then kept current by what has changed since.

Whoever asks gets everything this process has committed, and what other processes have committed within a
second. Nothing here writes.
"""

import asyncio
import gc
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime

from services.matching.base import messaging
from services.matching.directory import service as directory
from services.matching.directory.records import HomeUnit, Project, State
from services.matching.engine.scoring.features import ProjectFeatures
from services.matching.engine.scoring.snapshot import Snapshot
from services.matching.profiles import service as profiles
from services.matching.profiles.schemas import ProfileRead
from services.matching.recommendations.facts import CLOSED_STAGES, home_unit_features, project_features
from services.matching.recommendations.schemas import Cause
from shared.clock import now, to_rfc3339, today
from shared.db.engine import Database
from shared.logging import get_logger
from shared.messaging.consumer import lag
from shared.messaging.pause import pause

MAX_AGE_S = 1.0
"""How long another process's commits may stay unseen."""

_BREATH = 500
"""Records between two moments in which the event loop may do something else."""

MANY = 10_000
"""Projects read that are worth a search for what is no longer used."""

_log = get_logger(__name__)


@dataclass
class Moves:
    """What changed since somebody last asked: everything, or these projects and home units and why."""

    everything: bool = False
    projects: set[str] = field(default_factory=set)
    home_units: dict[str, set[Cause]] = field(default_factory=dict)


class LiveEngine:
    """One snapshot per process. Read it only after awaiting ``refresh``, and without awaiting in between."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._signal = database.signal(directory.CHANGED)
        self._seen_signal = -1
        self._checked_at = float("-inf")
        self._lock = asyncio.Lock()
        self._day: date | None = None
        self.as_of: datetime | None = None
        self.shadow_prices: dict[str, int] = {}
        """Of home units, in millionths, from the last published round; a home unit without one has none."""
        self._moves = Moves()
        self._forget(State(0, 0))

    def _forget(self, state: State) -> None:
        gc.unfreeze()
        self._unspared = 0
        self.state = State(0, state.generation)
        self.snapshot = Snapshot()
        self._homes: dict[str, HomeUnit] = {}
        self._profiles: dict[str, ProfileRead] = {}
        self._projects: dict[str, Project] = {}
        self._features: dict[str, ProjectFeatures] = {}
        self._visible_to: dict[str, set[str]] = {}
        self._moves = Moves(everything=True)

    # -- what is known

    @property
    def home_units(self) -> Mapping[str, HomeUnit]:
        """Every home unit on file, by id."""
        return self._homes

    @property
    def profiles(self) -> Mapping[str, ProfileRead]:
        """Every profile, by home unit."""
        return self._profiles

    @property
    def projects(self) -> Mapping[str, Project]:
        """Every project on file, by id, also those that have ended."""
        return self._projects

    @property
    def has_moved(self) -> bool:
        """Whether anything changed since ``take_moves``, be it only that a civil day began."""
        return self._moves.everything or bool(self._moves.projects or self._moves.home_units)

    def take_moves(self) -> Moves:
        """Return what changed since this was called last."""
        moves, self._moves = self._moves, Moves()
        return moves

    def project(self, project_id: str) -> Project | None:
        """Return a project on file."""
        return self._projects.get(project_id)

    def features_of(self, project_id: str) -> ProjectFeatures | None:
        """Return the features of a project that is ranked; None if it has ended or cannot be read."""
        return self._features.get(project_id)

    def has_home_unit(self, home_unit_id: str) -> bool:
        """Tell whether the engine has this home unit."""
        return home_unit_id in self.snapshot.home_table.rows

    def home_unit(self, home_unit_id: str) -> HomeUnit | None:
        """Return a home unit on file, if the engine has it."""
        return self._homes.get(home_unit_id) if self.has_home_unit(home_unit_id) else None

    def profile_of(self, home_unit_id: str) -> ProfileRead | None:
        """Return a home unit's profile as the engine knows it."""
        return self._profiles.get(home_unit_id)

    def visible_to(self, organisation_id: str | None) -> frozenset[str]:
        """Return the projects of which an organisation is a party."""
        return frozenset(self._visible_to.get(organisation_id or "", ()))

    def data_age(self) -> dict[str, str]:
        """Return the header that says up to when the directory is complete."""
        return {"X-Data-As-Of": to_rfc3339(self.as_of)} if self.as_of else {}

    def lag_seconds(self) -> float | None:
        """Return how old what is known is, or None when the registry was never read to its end."""
        return None if self.as_of is None else max(0.0, round((now() - self.as_of).total_seconds(), 3))

    # -- keeping current

    async def run(self, stop: asyncio.Event) -> None:
        """Follow changes in the background, so that no request has to take in many of them."""
        while not stop.is_set():
            seen = self._signal.count
            await self.refresh()
            await pause(stop, MAX_AGE_S, self._signal, seen)

    async def refresh(self) -> None:
        """Take in what was committed since, unless there is nothing new to take in."""
        if self._is_current():
            return
        async with self._lock:
            if not self._is_current():
                await self._take_changes()

    def _is_current(self) -> bool:
        recent = time.monotonic() - self._checked_at < MAX_AGE_S
        return recent and self._seen_signal == self._signal.count

    async def _take_changes(self) -> None:
        seen, checked_at, day = self._signal.count, time.monotonic(), today()
        async with self._database.snapshot() as session:
            state = await directory.state(session)
            as_of = (await lag(session, messaging, directory.CONSUMER)).as_of
            known, turned = self.state, day != self._day
            differs = state != known or turned
            if differs:
                since = known.revision if state.generation == known.generation else 0
                changes = await directory.changes_since(session, since, day_turned=turned)
                offers = await profiles.profiles_since(session, since)
        if differs:
            if state.generation != known.generation:
                self._forget(state)
            await self._apply(changes.home_units, changes.projects, offers)
        self.state, self.as_of, self._day = state, as_of, day
        self._seen_signal, self._checked_at = seen, checked_at

    async def _apply(
        self, homes: list[HomeUnit], projects: list[Project], offers: dict[str, ProfileRead]
    ) -> None:
        homes = [home for home in homes if self._homes.get(home.id) != home]
        self._homes.update((home.id, home) for home in homes)
        self._profiles.update(offers)
        for home in homes:
            self._moves.home_units.setdefault(home.id, set()).add(Cause.HOME_UNIT)
        for home_unit_id in offers:
            self._moves.home_units.setdefault(home_unit_id, set()).add(Cause.PROFILE)
        for home_unit_id in {home.id for home in homes} | (offers.keys() & self._homes.keys()):
            self._put_home_unit(home_unit_id)
        for count, project in enumerate(projects, 1):
            self._put_project(project)
            if count % _BREATH == 0:
                await asyncio.sleep(0)
        self._unspared += len(projects)
        if self._unspared >= MANY:
            self._unspared = 0
            _spare_collections()

    def _put_home_unit(self, home_unit_id: str) -> None:
        home, profile = self._homes[home_unit_id], self._profiles.get(home_unit_id)
        if _guarded(home_unit_id, lambda: self.snapshot.upsert_home_unit(home_unit_features(home, profile))):
            return
        if self.has_home_unit(home_unit_id):
            self.snapshot.remove_home_unit(home_unit_id)
            self._moves.everything = True

    def _put_project(self, project: Project) -> None:
        before = self._projects.get(project.id)
        for party in before.party_ids - project.party_ids if before else ():
            self._visible_to[party].discard(project.id)
        for party in project.party_ids:
            self._visible_to.setdefault(party, set()).add(project.id)
        self._projects[project.id] = project
        self._moves.projects.add(project.id)
        if project.stage not in CLOSED_STAGES and _guarded(project.id, lambda: self._rank(project)):
            return
        if self._features.pop(project.id, None) is not None:
            self.snapshot.remove_project(project.id)

    def _rank(self, project: Project) -> None:
        features = project_features(project)
        self.snapshot.upsert_project(features)
        self._features[project.id] = features


def _spare_collections() -> None:
    """Leave what was read out of the searches for cycles: among many records each stops every request.

    A snapshot that was given up is in a cycle with what it remembers, so it is looked for before.
    """
    gc.unfreeze()
    gc.collect()
    gc.freeze()


def _guarded(record_id: str, put: Callable[[], None]) -> bool:
    """One record the engine cannot read must not keep the others from being ranked."""
    try:
        put()
    except Exception:
        _log.exception("record_not_ranked", record_id=record_id)
        return False
    return True

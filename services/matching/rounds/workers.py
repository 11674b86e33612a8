"""What works on rounds in the background: runs, deadlines, landing intents, and the prices that follow.

Every piece of work bears being repeated: a run has one result, and a landing intent one key at registry.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from services.matching.clients.registry import LandingAnswer, RegistryClient
from services.matching.engine.markets.errors import Refusal
from services.matching.recommendations.live import LiveEngine
from services.matching.recommendations.schemas import Texts
from services.matching.rounds import repository
from services.matching.rounds.computing import Computing
from services.matching.rounds.offers import expire_offers
from services.matching.rounds.schemas import RoundStateName
from services.matching.rounds.seeds import Seeds
from services.matching.rounds.service import LANDINGS, RUNS, shadow_prices
from services.matching.rounds.solving import Solved, solve_run
from services.matching.rounds.standing import sentence
from services.matching.settings import MatchingSettings
from shared import clock
from shared.db.engine import Database, Row, WriteSession
from shared.errors import DomainError
from shared.identity import SYSTEM
from shared.logging import get_logger
from shared.messaging.loop import LeaseLoop
from shared.messaging.pause import pause
from shared.messaging.timer import periodic

SIGNALS = (RUNS, LANDINGS)
"""What other processes of the store are to hear."""

EXPIRY_PERIOD_S = 60.0
PRICES_PERIOD_S = 30.0
_LONGEST_WAIT_S = 300
_RUN_SHARE = 0.75
"""What a run may take of its lease, a little less than the loop allows: one that takes longer has failed."""

_BROKEN = Texts(
    zh="引擎出错，详见服务日志。",
    en="The engine failed; the log of the service says how.",
)

_log = get_logger(__name__)


@dataclass(frozen=True)
class RunWork:
    """Works out runs, one at a time."""

    computing: Computing
    seeds: Seeds

    async def claim(self, tx: WriteSession, token: str, until: datetime, limit: int) -> Sequence[Row]:
        """Lease runs that wait."""
        return await repository.claim_runs(tx, token, clock.now(), until, limit)

    async def work(self, item: Row) -> Solved | Texts:
        """Return the result, or why there is none."""
        try:
            seed = self.seeds.of(item)
            return await self.computing(solve_run, item["snapshot"], item["configuration"], seed)
        except Refusal as error:
            en, zh = sentence(error)
            return Texts(zh=zh, en=en)
        except DomainError as error:
            return Texts(zh=error.detail_zh or error.title_zh, en=error.detail_en or error.title_en)
        except Exception:
            _log.exception("run_failed", run_id=item["id"])
            return _BROKEN

    async def apply(self, tx: WriteSession, item: Row, outcome: Solved | Texts, token: str) -> None:
        """Store the result and propose it, unless the round was cancelled meanwhile."""
        row = await repository.find_round(tx, SYSTEM, item["round_id"], lock=True)
        assert row is not None
        now = clock.now()
        solved = outcome if isinstance(outcome, Solved) else None
        values = {"finished_at": now, **(_done(outcome) if isinstance(outcome, Solved) else _failed(outcome))}
        stored = solved.result if solved else None
        if not await repository.apply_run(tx, item["id"], token, values, stored):
            return
        state = RoundStateName.FAILED if solved is None else RoundStateName.PROPOSED
        changes = {"state": state.value, "version": row["version"] + 1, "updated_at": now}
        await repository.change_round(tx, row["id"], changes)

    async def release(self, tx: WriteSession, token: str) -> None:
        """Give back what is not finished."""
        await repository.release_runs(tx, token)


def _done(solved: Solved) -> dict[str, Any]:
    return {
        "state": "done",
        "failure": None,
        "failure_zh": None,
        "matched": solved.matched,
        "result_hash": solved.result_hash,
        "kind": solved.kind,
        "figures": solved.figures,
        "displaced": solved.moved,
        "prices": solved.prices,
    }


def _failed(reason: Texts) -> dict[str, Any]:
    return {"state": "failed", "failure": reason.en, "failure_zh": reason.zh}


@dataclass(frozen=True)
class LandingWork:
    """Makes agreed pairs landing intents at registry, each exactly once."""

    registry: RegistryClient

    async def claim(self, tx: WriteSession, token: str, until: datetime, limit: int) -> Sequence[Row]:
        """Lease agreed pairs that are due."""
        return await repository.claim_landings(tx, token, clock.now(), until, limit)

    async def work(self, item: Row) -> LandingAnswer:
        """Ask registry; the same offer always asks with the same key."""
        key = f"landing-of-{item['id']}"
        return await self.registry.intend_landing(item["project_id"], item["home_unit_id"], key)

    async def apply(self, tx: WriteSession, item: Row, outcome: LandingAnswer, token: str) -> None:
        """Note what registry said, or when to ask again."""
        now, attempts = clock.now(), item["landing_attempts"] + 1
        wait = timedelta(seconds=min(2**attempts, _LONGEST_WAIT_S))
        values = {
            "landing_state": outcome.state,
            "landing_id": outcome.landing_id,
            "landing_code": outcome.code,
            "landing_attempts": attempts,
            "landing_due_at": now + wait if outcome.state == "pending" else None,
            "version": item["version"] + 1,
            "updated_at": now,
        }
        await repository.apply_landing(tx, item["id"], token, values)

    async def release(self, tx: WriteSession, token: str) -> None:
        """Give back what is not finished."""
        await repository.release_landings(tx, token)


class RoundWorkers:
    """The background work of rounds in one process; any number of processes may do the same."""

    def __init__(
        self, settings: MatchingSettings, database: Database, engine: LiveEngine, registry: RegistryClient
    ) -> None:
        self._database, self._engine = database, engine
        in_process = settings.environment != "test"
        self.computing = Computing(in_process=in_process)
        """For the questions, which do not wait for a run."""
        self.seeds = Seeds(settings.secret_key)
        self._running = Computing(in_process=in_process, limit_s=settings.round_lease_s * _RUN_SHARE)
        self.runs: LeaseLoop[Row, Solved | Texts] = LeaseLoop(
            "round runs",
            database,
            RunWork(self._running, self.seeds),
            lease_s=settings.round_lease_s,
            concurrency=1,
            signal=database.signal(RUNS),
        )
        self.landings: LeaseLoop[Row, LandingAnswer] = LeaseLoop(
            "landing intents", database, LandingWork(registry), signal=database.signal(LANDINGS)
        )
        deadlines = periodic(database, expire_offers, period_s=EXPIRY_PERIOD_S)
        self.tasks = (self.runs.run, self.landings.run, deadlines, self.follow_prices)
        """What runs until the process stops."""

    async def close(self) -> None:
        """End the computing processes."""
        await self.computing.close()
        await self._running.close()

    async def load_prices(self) -> None:
        """Tell the engine what places were worth in the round published last."""
        async with self._database.read() as session:
            self._engine.shadow_prices = await shadow_prices(session)

    async def follow_prices(self, stop: asyncio.Event) -> None:
        """Do so again and again, for what this and other processes publish."""
        signal = self._database.signal(LANDINGS)
        while not stop.is_set():
            seen = signal.count
            await self.load_prices()
            await pause(stop, PRICES_PERIOD_S, signal, seen)

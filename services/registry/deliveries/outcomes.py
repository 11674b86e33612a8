"""Writing what became of attempts: many at a time in one transaction, each only while its lane is leased."""

import asyncio
import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from prometheus_client import Counter

from services.registry.base import messaging
from services.registry.deliveries import repository
from services.registry.deliveries.breaker import Standing
from services.registry.deliveries.schemas import DELIVERY_EXHAUSTED, DeliveryRead, DeliveryState
from services.registry.egress.client import Answer
from services.registry.webhooks.lanes import change_lanes, lock_lanes
from services.registry.webhooks.schemas import DisabledReason
from services.registry.webhooks.service import disable_by_itself
from shared import clock
from shared.db.engine import Database, Row, WriteSession
from shared.identity import SYSTEM
from shared.messaging.outbox import publish

ATTEMPTS = Counter(
    "feidi_webhook_attempts_total", "Attempts at deliveries, by what they left the delivery in.", ("state",)
)
_ABOUT_WEBHOOKS = "webhook"
_MAX_RESPONSE = 16 * 1024
_FULL = 64
REST_S = 0.01
"""The least time between two transactions, unless many reports wait or one holds up the next of its lane."""


class LaneLost(Exception):
    """The lease ended before the outcome was written; whoever leases the lane next sends again."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """One attempt and the state it leaves its delivery in."""

    delivery: Row
    started_at: datetime
    answer: Answer
    state: DeliveryState
    tries: int
    due_at: datetime
    finished_at: datetime | None

    @property
    def number(self) -> int:
        """Which attempt of its delivery it was, from 1."""
        return int(self.delivery["attempts"]) + 1


@dataclass(frozen=True, slots=True)
class Report:
    """Outcomes of one lane, how it stands after them, and whether its endpoint is to be disabled.

    ``round`` moves when an endpoint begins anew, at another address or enabled again: what was found before
    says nothing of it then.
    """

    lane_id: str
    token: str
    ordering: str
    outcomes: Sequence[Outcome]
    standing: Standing
    round: int
    disable: DisabledReason | None = None


class OutcomeWriter:
    """Writes reports; those that come while a transaction runs, or in the rest after it, share the next one.

    A transaction costs a worker as much as several messages, so that resting lets it send more.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._waiting: list[tuple[Report, asyncio.Future[None]]] = []
        self._writing: asyncio.Task[None] | None = None
        self._hurry = asyncio.Event()

    def submit(self, report: Report) -> asyncio.Future[None]:
        """Return a future that is done once the report is committed, or raises ``LaneLost``."""
        written: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((report, written))
        if report.ordering != "none" or report.disable is not None or len(self._waiting) >= _FULL:
            self._hurry.set()
        if self._writing is None or self._writing.done():
            self._writing = asyncio.create_task(self._write_all())
        return written

    async def _write_all(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting, []
            self._hurry.clear()
            try:
                async with self._database.write() as tx:
                    lost = await write_reports(tx, [report for report, _ in batch])
            except Exception as error:
                _settle(batch, error)
            else:
                for report, written in batch:
                    _settle([(report, written)], LaneLost() if report.lane_id in lost else None)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(REST_S):
                    await self._hurry.wait()


def _settle(batch: Sequence[tuple[Report, asyncio.Future[None]]], error: Exception | None) -> None:
    for _, written in batch:
        if written.cancelled():
            continue
        if error is None:
            written.set_result(None)
        else:
            written.set_exception(error)


async def write_reports(tx: WriteSession, reports: Sequence[Report]) -> set[str]:
    """Write reports, those of one lane in their order, and return the lanes whose lease had ended."""
    lanes = await lock_lanes(tx, {report.lane_id for report in reports})
    held = [report for report in reports if _holds(lanes, report)]
    outcomes = [outcome for report in held for outcome in report.outcomes]
    await repository.log_attempts(tx, [_attempt(outcome) for outcome in outcomes])
    tx.after_commit(lambda: _count(outcomes))
    final = [outcome for outcome in outcomes if outcome.state is DeliveryState.DEAD]
    await repository.finish(tx, [_finished(one) for one in outcomes if one.state is not DeliveryState.DEAD])
    for outcome in final:
        await _bury(tx, outcome)
    for report in held:
        if report.ordering == "subject":
            await _keep_order(tx, report)
    current = [report for report in held if report.round == lanes[report.lane_id]["round"]]
    await change_lanes(tx, {report.lane_id: report.standing.columns() for report in current})
    for report in current:
        if report.disable is not None:
            await disable_by_itself(tx, report.lane_id, report.disable)
    return {report.lane_id for report in reports if not _holds(lanes, report)}


def _count(outcomes: Sequence[Outcome]) -> None:
    for outcome in outcomes:
        ATTEMPTS.labels(outcome.state.value).inc()


def _holds(lanes: dict[str, Row], report: Report) -> bool:
    lane = lanes.get(report.lane_id)
    return lane is not None and lane["lease_token"] == report.token


async def _keep_order(tx: WriteSession, report: Report) -> None:
    for outcome in report.outcomes:
        if outcome.state is DeliveryState.PENDING:
            await repository.hold_behind(tx, outcome.delivery, outcome.due_at)
        elif outcome.delivery["attempts"]:
            await repository.free_behind(tx, outcome.delivery, clock.now())


async def _bury(tx: WriteSession, outcome: Outcome) -> None:
    """Let a delivery be dead, and say so once; that a notice could not be delivered is no news."""
    current = await repository.find(tx, outcome.delivery["id"], lock=True)
    if current is None or current["state"] != DeliveryState.PENDING:
        return
    values = {name: value for name, value in _finished(outcome).items() if name != "delivery"}
    await repository.change(tx, current, values)
    if outcome.delivery["event_type"].startswith(_ABOUT_WEBHOOKS):
        return
    record = read_of({**current, **values})
    await publish(
        tx,
        messaging,
        DELIVERY_EXHAUSTED,
        actor=SYSTEM,
        record=record,
        subject_type="webhook_delivery",
        subject_id=record.id,
        version=record.attempts,
        root_id=record.endpoint_id,
        url=f"/v1/webhook-deliveries/{record.id}",
    )


def read_of(row: Row) -> DeliveryRead:
    """Return a delivery as it is read: only what is pending is due."""
    due_at = row["due_at"] if row["state"] == DeliveryState.PENDING else None
    return DeliveryRead.of({**row, "due_at": due_at})


def _finished(outcome: Outcome) -> dict[str, Any]:
    return {
        "delivery": outcome.delivery,
        "state": outcome.state.value,
        "attempts": outcome.number,
        "tries": outcome.tries,
        "due_at": outcome.due_at,
        "finished_at": outcome.finished_at,
    }


def _attempt(outcome: Outcome) -> dict[str, Any]:
    return attempt_row(outcome.delivery["id"], outcome.number, outcome.started_at, outcome.answer)


def attempt_row(of: str, number: int, started_at: datetime, answer: Answer) -> dict[str, Any]:
    """Return the log entry of an attempt, with at most 16 KiB of what was answered."""
    text = answer.body[:_MAX_RESPONSE].decode(errors="replace").replace("\x00", "\N{REPLACEMENT CHARACTER}")
    return {
        "delivery_id": of,
        "number": number,
        "started_at": started_at,
        "duration_ms": round(answer.duration_s * 1000),
        "status": answer.status,
        "error": answer.error,
        "address": answer.address,
        "response": text or None,
    }

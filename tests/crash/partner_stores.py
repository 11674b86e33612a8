"""Reading of registry's store what the checks of its partners need."""

import contextlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, create_engine, func, make_url, select, text
from sqlalchemy.pool import NullPool

from services.registry.deliveries.models import webhook_attempts, webhook_deliveries
from services.registry.replays.models import webhook_replays
from services.registry.webhooks.models import webhook_lanes

_d = webhook_deliveries.c
_PENDING = _d.state == "pending"


@dataclass(frozen=True)
class Event:
    """An event of the log as its payload tells it."""

    id: str
    sequence: int
    type: str
    subject_id: str
    document: dict[str, Any]

    @property
    def record(self) -> dict[str, Any]:
        record: dict[str, Any] = self.document["data"]["object"]
        return record


@dataclass(frozen=True)
class Waiting:
    """What is still to be done, and by how much the store's clock must move for all of it to be due."""

    unnumbered: int
    pending: int
    replays: int
    ahead_s: float

    @property
    def nothing(self) -> bool:
        return not (self.unnumbered or self.pending or self.replays)


@contextlib.contextmanager
def _reading(url: str) -> Iterator[Connection]:
    parsed = make_url(url)
    driver = "sqlite" if parsed.get_backend_name() == "sqlite" else "postgresql+psycopg"
    engine = create_engine(parsed.set(drivername=driver), poolclass=NullPool)
    with engine.connect() as connection:
        yield connection
    engine.dispose()


def waiting(url: str) -> Waiting:
    with _reading(url) as connection:
        unnumbered = connection.scalar(text("SELECT count(*) FROM events WHERE sequence IS NULL")) or 0
        pending = connection.scalar(select(func.count()).where(_PENDING)) or 0
        running = select(func.count()).where(webhook_replays.c.state == "running")
        replays = connection.scalar(running) or 0
        latest = [
            connection.scalar(select(func.max(_d.due_at)).where(_PENDING)),
            connection.scalar(select(func.max(webhook_lanes.c.closed_until))) if pending else None,
        ]
        offset = connection.scalar(text("SELECT max(offset_s) FROM sandbox_clock")) or 0
    now = datetime.now(UTC) + timedelta(seconds=offset)
    ahead_s = max(((instant - now).total_seconds() for instant in latest if instant), default=0.0)
    return Waiting(unnumbered, pending, replays, ahead_s)


def events(url: str) -> list[Event]:
    """Return the log in its order."""
    statement = text("SELECT id, sequence, type, subject_id, payload FROM events ORDER BY sequence")
    with _reading(url) as connection:
        rows = connection.execute(statement).all()
    return [Event(row.id, row.sequence, row.type, row.subject_id, json.loads(row.payload)) for row in rows]


def deliveries(url: str, endpoint_id: str) -> Sequence[Any]:
    """Return an endpoint's deliveries in the order of their sequence."""
    statement = select(webhook_deliveries).where(_d.endpoint_id == endpoint_id).order_by(_d.sequence)
    with _reading(url) as connection:
        return connection.execute(statement).all()


def attempts(url: str) -> dict[str, int]:
    """Return how many attempts are logged, by delivery."""
    a = webhook_attempts.c
    statement = select(a.delivery_id, func.count()).group_by(a.delivery_id)
    with _reading(url) as connection:
        return dict(connection.execute(statement).tuples().all())


def head(url: str, endpoint_id: str) -> int:
    """Return the last sequence of an endpoint."""
    statement = select(webhook_lanes.c.sequence).where(webhook_lanes.c.id == endpoint_id)
    with _reading(url) as connection:
        return connection.execute(statement).scalar_one()

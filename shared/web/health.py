"""Liveness and readiness. Neither touches the database: a background probe keeps what they report."""

import asyncio
import math
import time
from collections.abc import Awaitable, Callable

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel
from pydantic_core import to_json
from sqlalchemy import String, column, select, table, text

from shared.db.engine import Database
from shared.telemetry import CONSUMER_LAG
from shared.web.access import PUBLIC
from shared.web.strictness import StrictRoute

PROBE_INTERVAL_S = 1.0
PROBE_TIMEOUT_S = 2.0

_REVISION = select(column("version_num", String)).select_from(table("alembic_version"))

Lags = dict[str, int | None]
LagReader = Callable[[], Awaitable[Lags]]


class Alive(BaseModel):
    """The process answers."""

    status: str


class Readiness(BaseModel):
    """Whether traffic should come here: the database answers, its schema is not behind, not stopping.

    ``schema_head`` is the newest revision this version knows, ``schema_revision`` the store's. A store that
    is already ahead is no reason to turn traffic away: so it is while a new version is rolled out.
    ``lag_events`` tells by feed how many events are known of and not applied, null before anything was read.
    """

    ready: bool
    database: bool
    stopping: bool
    schema_revision: str | None
    schema_head: str | None
    lag_events: Lags


class Version(BaseModel):
    """What runs."""

    service: str
    version: str


class HealthProbe:
    """Asks the database once a second with a deadline and remembers the answer.

    ``revisions`` are those this code knows, the newest first; without them the schema is not looked at.
    """

    def __init__(self, database: Database, read_lag: LagReader | None = None) -> None:
        self._database = database
        self._read_lag = read_lag
        self._good_until = 0.0
        self.revisions: tuple[str, ...] = ()
        self.revision: str | None = None
        self.lag_events: Lags = {}
        self.stopping = False

    @property
    def database_ok(self) -> bool:
        """Whether the last probe succeeded, recently enough to be believed."""
        return time.monotonic() < self._good_until

    @property
    def schema_ok(self) -> bool:
        """Whether the store is not behind what this code was written for."""
        return not self.revisions or self.revision not in (None, *self.revisions[1:])

    async def probe(self) -> None:
        """Ask once."""
        try:
            async with asyncio.timeout(PROBE_TIMEOUT_S):
                async with self._database.read() as session:
                    if self.revisions:
                        self.revision = await session.scalar(_REVISION)
                    else:
                        await session.scalar(text("SELECT 1"))
                if self._read_lag is not None:
                    self.lag_events = await self._read_lag()
                    for consumer, events in self.lag_events.items():
                        CONSUMER_LAG.labels(consumer).set(math.nan if events is None else events)
        except Exception:
            self._good_until = 0.0
        else:
            self._good_until = time.monotonic() + 3 * PROBE_INTERVAL_S + PROBE_TIMEOUT_S

    async def run(self, stop: asyncio.Event) -> None:
        """Probe until stopped."""
        while not stop.is_set():
            await self.probe()
            try:
                await asyncio.wait_for(stop.wait(), PROBE_INTERVAL_S)
            except TimeoutError:
                continue

    def report(self) -> Readiness:
        """Return what readiness reports now."""
        return Readiness(
            ready=self.database_ok and self.schema_ok and not self.stopping,
            database=self.database_ok,
            stopping=self.stopping,
            schema_revision=self.revision,
            schema_head=next(iter(self.revisions), None),
            lag_events=self.lag_events,
        )


def health_router(service: str, version: str) -> APIRouter:
    """Return the routes ``/livez``, ``/readyz`` and ``/version``."""
    router = APIRouter(route_class=StrictRoute, tags=["health"])

    @router.get("/livez", response_model=Alive, operation_id="getLiveness", openapi_extra=PUBLIC)
    async def livez() -> Response:
        """Tell that the process answers."""
        return Response(b'{"status":"alive"}', media_type="application/json")

    @router.get(
        "/readyz",
        response_model=Readiness,
        operation_id="getReadiness",
        openapi_extra=PUBLIC,
        responses={503: {"model": Readiness, "description": "Not ready"}},
    )
    async def readyz(request: Request) -> Response:
        """Tell whether traffic should come here."""
        probe: HealthProbe = request.app.state.probe
        report = probe.report()
        return Response(to_json(report), 200 if report.ready else 503, media_type="application/json")

    @router.get("/version", response_model=Version, operation_id="getVersion", openapi_extra=PUBLIC)
    async def get_version() -> Response:
        """Tell which version of which service runs."""
        return Response(to_json(Version(service=service, version=version)), media_type="application/json")

    return router

"""One way to build a service: its routes, its middleware, its background tasks and its contract."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.routing import APIRoute
from starlette.middleware.cors import CORSMiddleware

from shared.db.engine import Database, WriteSession
from shared.db.idempotency import forget_expired
from shared.db.migrate import known_revisions, prepare
from shared.db.wakes import Wakes
from shared.logging import configure_logging, get_logger
from shared.messaging.outbox import PUBLISHED
from shared.messaging.retention import forget_events
from shared.messaging.sequencer import SEQUENCED
from shared.messaging.timer import periodic
from shared.settings import ServiceSettings
from shared.telemetry import serve_metrics, telemetry_config
from shared.web.admission import Admission
from shared.web.docs import docs_router
from shared.web.health import HealthProbe, LagReader, health_router
from shared.web.idempotency import Replayed
from shared.web.middleware import RequestMiddleware
from shared.web.openapi import api_routes, build_openapi, policies_of
from shared.web.problem_routes import problem_router
from shared.web.problems import install_problem_handlers
from shared.web.state import ServiceState

VERSION = "0.1.0"

DESCRIPTION = """\
Every operation but the public ones needs a token of registry, which all three services accept for 15 minutes:

    curl -s {registry}/oauth2/token -d grant_type=client_credentials -d client_id=cli_… \\
      -d client_secret=fs_… | python3 -c 'import json, sys; print(json.load(sys.stdin)["access_token"])'

Paste what it prints into *Authorize*. What an operation needs stands at it as a scope. Refusals are
`application/problem+json`; [all of their codes](/v1/problems). How to read lists, write safely and follow the
log stands in `docs/getting-started.md` and `docs/events.md` of the repository.
"""

Task = Callable[[asyncio.Event], Awaitable[None]]
"""Something that runs until the event is set."""


@dataclass(frozen=True)
class ServiceParts:
    """What one service brings: its folder, routers in the order of their heat, tasks, and hooks.

    ``contract`` writes into the OpenAPI document what does not follow from the routes; ``signals`` are those
    that other processes of the store are to hear, besides those of the log.
    """

    title: str
    summary: str
    directory: Path
    state: ServiceState
    routers: Sequence[APIRouter]
    tasks: Sequence[Task] = ()
    on_start: Sequence[Callable[[], Awaitable[None]]] = ()
    on_stop: Sequence[Callable[[], Awaitable[None]]] = ()
    signals: Sequence[str] = ()
    read_lag: LagReader | None = None
    tags: list[dict[str, str]] = field(default_factory=list)
    contract: Sequence[Callable[[dict[str, Any]], None]] = ()


def open_database(settings: ServiceSettings) -> Database:
    """Return the store the settings name; connections are made at first use."""
    return Database(
        settings.database_url,
        pool_size=settings.database_pool_size,
        command_timeout_s=settings.database_command_timeout_s,
        synchronous=settings.sqlite_synchronous,
    )


class MissingPolicy(RuntimeError):
    """An operation declares neither ``Reads`` nor ``Writes`` nor ``PUBLIC``."""


def create_service(parts: ServiceParts) -> FastAPI:
    """Return the application of a service; refuse to build it when an operation has no policy."""
    state = parts.state
    app = FastAPI(
        title=parts.title,
        summary=parts.summary,
        description=DESCRIPTION.format(registry=state.settings.issuer),
        version=VERSION,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        openapi_tags=parts.tags or None,
        redirect_slashes=False,
        telemetry=telemetry_config(),
        lifespan=_lifespan(parts),
    )
    app.state.service = state
    app.state.probe = HealthProbe(state.database, parts.read_lag)
    for router in (
        *parts.routers,
        problem_router(),
        health_router(state.name, VERSION),
        docs_router(parts.title),
        _contract_router(),
    ):
        # The routes themselves instead of include_router, which matches every request twice.
        app.router.routes.extend(router.routes)
    install_problem_handlers(app)
    app.add_exception_handler(Replayed, _on_replay)
    if state.settings.cors_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=state.settings.cors_origins,
            allow_methods=["*"],
            allow_headers=["*"],
            expose_headers=["ETag", "Location", "Link", "X-Request-Id", "Idempotency-Replayed"],
        )
    app.add_middleware(
        RequestMiddleware,
        max_body_bytes=state.settings.max_body_bytes,
        root_path=state.settings.root_path,
        admission=Admission(state.settings.max_concurrency),
    )
    app.openapi = lambda: build_openapi(app, parts.contract)  # type: ignore[method-assign]
    _require_policies(app)
    return app


def _require_policies(app: FastAPI) -> None:
    for route in api_routes(app):
        if not _is_public(route) and next(policies_of(route.dependant), None) is None:
            raise MissingPolicy(f"{sorted(route.methods or ())} {route.path}")


def _is_public(route: APIRoute) -> bool:
    return bool((route.openapi_extra or {}).get("x-public"))


def _contract_router() -> APIRouter:
    router = APIRouter(include_in_schema=False)

    @router.get("/openapi.json")
    async def read_contract(request: Request) -> Response:
        """Return the service's OpenAPI document."""
        from starlette.responses import JSONResponse

        root_path = request.scope.get("root_path")
        servers = {"servers": [{"url": root_path}]} if root_path else {}
        return JSONResponse({**request.app.openapi(), **servers}, headers={"Cache-Control": "no-cache"})

    return router


async def _on_replay(_request: Request, error: Exception) -> Response:
    assert isinstance(error, Replayed)
    return error.stored.as_response()


def _lifespan(parts: ServiceParts) -> Callable[[FastAPI], contextlib.AbstractAsyncContextManager[None]]:
    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        settings = parts.state.settings
        probe: HealthProbe = app.state.probe
        if settings.environment != "test":
            configure_logging(parts.state.name, settings.log_level)
            await asyncio.to_thread(prepare, parts.directory, settings.database_url)
            probe.revisions = await asyncio.to_thread(known_revisions, parts.directory)
        serve_metrics(settings.metrics_port, settings.host)
        for start in parts.on_start:
            await start()
        await probe.probe()
        stop = asyncio.Event()
        tasks: list[Task] = [probe.run]
        if settings.environment != "test":
            tasks.append(Wakes(parts.state.database, (PUBLISHED, SEQUENCED, *parts.signals)).run)
        if settings.run_workers:
            tasks += [*parts.tasks, periodic(parts.state.database, partial(_forget, parts.state), batch=1000)]
            if settings.event_retention_days is not None:
                keep = timedelta(days=settings.event_retention_days)
                forget = partial(_forget_events, parts.state, keep)
                tasks.append(periodic(parts.state.database, forget, batch=500))
        running = [asyncio.create_task(_guarded(task, stop)) for task in tasks]

        def begin_stop() -> None:
            probe.stopping = True
            stop.set()
            parts.state.feed.close()

        app.state.begin_stop = begin_stop
        try:
            yield
        finally:
            begin_stop()
            _, late = await asyncio.wait(running, timeout=settings.shutdown_grace_s)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
            for end in parts.on_stop:
                await end()
            await parts.state.database.dispose()

    return lifespan


async def _forget(state: ServiceState, tx: WriteSession, limit: int) -> int:
    return await forget_expired(tx, state.idempotency_keys, limit)


async def _forget_events(state: ServiceState, keep: timedelta, tx: WriteSession, limit: int) -> int:
    return await forget_events(tx, state.feed.tables, keep, limit)


async def _guarded(task: Task, stop: asyncio.Event) -> None:
    """Run a background task; if it dies, say so and start it again after a second."""
    while not stop.is_set():
        try:
            await task(stop)
        except Exception as error:
            get_logger("shared.web").error("background_task_failed", task=str(task), exc_info=error)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), 1.0)

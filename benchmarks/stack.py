"""What surrounds a handler: the middleware, the strict route and the policy, over a bare FastAPI route."""

from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Depends, FastAPI, Response

from benchmarks import inprocess, targets
from benchmarks.inprocess import Call
from benchmarks.measure import figure, interleave
from benchmarks.run import Run
from benchmarks.stores import party_id
from shared.web.access import PUBLIC, ReadAccess, Reads
from shared.web.strictness import StrictRoute

NAME = "stack"
BODY = b'{"ready":true}'


async def bare_asgi(_scope: Any, _receive: Any, send: Any) -> None:
    headers = [(b"content-type", b"application/json"), (b"content-length", b"14")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": BODY})


def bare_fastapi() -> FastAPI:
    app = FastAPI(openapi_url=None, telemetry={"auto_configure": False})

    @app.get("/v1/item/{name}")
    async def read(name: str) -> Response:
        return Response(BODY, media_type="application/json")

    return app


def routes_of_service() -> APIRouter:
    router = APIRouter(prefix="/v1", route_class=StrictRoute)

    @router.get("/public/{name}", openapi_extra=PUBLIC)
    async def read_public(name: str) -> Response:
        return Response(BODY, media_type="application/json")

    @router.get("/item/{name}")
    async def read(
        name: str, access: Annotated[ReadAccess, Depends(Reads("registry:projects:read"))]
    ) -> Response:
        return Response(BODY, media_type="application/json")

    return router


async def run(run: Run) -> None:
    store = await run.stores.registry("sqlite", 10_000)
    service = targets.registry(run.config(store.url, workers=False))
    added = routes_of_service().routes
    service.router.routes[:0] = added
    last = APIRouter(prefix="/v1/last", route_class=StrictRoute)
    last.get("/{name}", openapi_extra=PUBLIC)(added[0].endpoint)  # type: ignore[attr-defined]
    service.router.routes.extend(last.routes)
    headers = run.bearer("registry", party_id("large", 0))
    fastapi, count = bare_fastapi(), run.effort.requests * 2
    async with inprocess.lifespan(service):
        variants = {
            "bare ASGI": partial(inprocess.batch, bare_asgi, lambda _: Call("GET", "/"), count, 200),
            "bare FastAPI route": partial(
                inprocess.batch, fastapi, lambda _: Call("GET", "/v1/item/x"), count, 200
            ),
            "service, public": partial(
                inprocess.batch, service, lambda _: Call("GET", "/v1/public/x"), count, 200
            ),
            "service, with a policy": partial(
                inprocess.batch, service, lambda _: Call("GET", "/v1/item/x", headers=headers), count, 200
            ),
            "service, last route": partial(
                inprocess.batch, service, lambda _: Call("GET", "/v1/last/x"), count, 200
            ),
        }
        done = await interleave(variants, run.effort.rounds)
    base = done["bare FastAPI route"]
    for name, batches in done.items():
        run.keep(figure(NAME, name, "none", "in process", batches, floor=base))

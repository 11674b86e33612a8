"""The one middleware, pure ASGI: request id, safe headers, limits, a log line and a duration per request."""

import re
import time
from typing import Any

import anyio
from starlette._utils import get_route_path
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.context import RequestContext, request_context
from shared.errors import DomainError, Unavailable
from shared.ids import new_id
from shared.logging import get_logger
from shared.messaging.failures import is_permanent
from shared.telemetry import REQUEST_SECONDS
from shared.web.admission import PLACE, Admission, Place, TooBusy
from shared.web.problems import error_from_status, problem_response

CLIENT_CLOSED_REQUEST = 499
"""What is counted for a caller who left before the request was whole; nobody reads an answer."""

MAX_HEADER_BYTES = 65_536
MAX_TARGET_BYTES = 32_768
_REQUEST_ID = re.compile(rb"^[A-Za-z0-9_-]{8,128}$")
_TRACEPARENT = re.compile(rb"^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$")
_QUIET = frozenset({"/livez", "/readyz"})
_NOT_COUNTED = _QUIET | {"/version", "/v1/events", "/v1/events/stream"}
"""What answers without work, or waits on purpose, takes nobody's place."""
_WITHOUT_BODY = frozenset({"GET", "HEAD", "DELETE", "OPTIONS"})


class RequestMiddleware:
    """Wraps the whole application, so that answers of every layer carry the same headers."""

    def __init__(self, app: ASGIApp, max_body_bytes: int, admission: Admission, root_path: str = "") -> None:
        self._app = app
        self._root_path = root_path
        self._max_body_bytes = max_body_bytes
        self._admission = admission
        self._log = get_logger("access")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if root_path := self._root_path or scope.get("root_path"):
            # From here on the path is the service's own, whether or not the gateway took its part away.
            scope["root_path"] = root_path
            scope["path"] = get_route_path(scope)
        started = time.perf_counter()
        context, too_large = _read_headers(scope, self._max_body_bytes)
        token = request_context.set(context)
        identifier = context.request_id.encode()
        place = Place(self._admission, wanted=scope["path"] not in _NOT_COUNTED)
        scope[PLACE] = place
        status, started_answer = 500, False

        async def send_with_headers(message: Message) -> None:
            nonlocal status, started_answer
            if message["type"] == "http.response.start":
                status, started_answer = message["status"], True
                place.leave()
                headers = message.setdefault("headers", [])
                headers.append((b"x-request-id", identifier))
                headers.append((b"x-content-type-options", b"nosniff"))
                if not any(name == b"cache-control" for name, _ in headers):
                    headers.append((b"cache-control", b"no-store"))
            await send(message)

        try:
            if too_large is not None:
                await _problem(scope, error_from_status(too_large))(scope, receive, send_with_headers)
            else:
                if scope["method"] in _WITHOUT_BODY:
                    await place.enter()
                await self._app(scope, _limited(receive, self._max_body_bytes, place), send_with_headers)
        except TooBusy as error:
            await _problem(scope, error)(scope, receive, send_with_headers)
        except Exception as error:
            if isinstance(error, ClientDisconnect) and not started_answer:
                status = CLIENT_CLOSED_REQUEST
                return
            if started_answer and _caller_left(error):
                return
            self._log.error("unhandled_error", path=scope["path"], exc_info=error)
            if started_answer:
                raise
            await _problem(scope, _failure(error))(scope, receive, send_with_headers)
        finally:
            place.leave()
            self._record(scope, status, time.perf_counter() - started)
            request_context.reset(token)

    def _record(self, scope: Scope, status: int, seconds: float) -> None:
        path = scope["path"]
        if path in _QUIET:
            return
        route: Any = scope.get("route")
        template = getattr(route, "path", "unmatched")
        REQUEST_SECONDS.labels(scope["method"], template, str(status)).observe(seconds)
        self._log.info(
            "request", method=scope["method"], path=path, status=status, ms=round(seconds * 1000, 2)
        )


def _problem(scope: Scope, error: DomainError) -> Response:
    language = Headers(scope=scope).get("accept-language")
    return problem_response(error, instance=scope["path"], accept_language=language)


def _failure(error: Exception) -> DomainError:
    """Return what a caller is told: try again where the store or a peer was gone, else nothing in detail."""
    return error_from_status(500) if is_permanent(error) else Unavailable(headers={"Retry-After": "2"})


def _caller_left(error: BaseException) -> bool:
    """Tell whether a stream ended only because nobody reads it any longer."""
    if isinstance(error, BaseExceptionGroup):
        return all(_caller_left(inner) for inner in error.exceptions)
    return isinstance(error, anyio.BrokenResourceError | anyio.ClosedResourceError | ClientDisconnect)


def _limited(receive: Receive, limit: int, place: Place) -> Receive:
    """Count a body that did not say how long it is, and take the request's place once it is whole.

    FastAPI's own limit would answer in plain text.
    """
    taken = 0

    async def limited() -> Message:
        nonlocal taken
        message = await receive()
        taken += len(message.get("body", b""))
        if taken > limit:
            raise HTTPException(413)
        if message["type"] == "http.request" and not message.get("more_body"):
            await place.enter()
        return message

    return limited


def _read_headers(scope: Scope, max_body_bytes: int) -> tuple[RequestContext, int | None]:
    """Return the request's context and the status to refuse it with, if it is too large."""
    identifier, traceparent, size, body_size = None, None, 0, 0
    for name, value in scope["headers"]:
        size += len(name) + len(value)
        if name == b"x-request-id" and _REQUEST_ID.match(value):
            identifier = value.decode()
        elif name == b"traceparent" and _TRACEPARENT.match(value):
            traceparent = value.decode()
        elif name == b"content-length" and value.isdigit():
            body_size = int(value[:20])
    target = len(scope.get("raw_path") or b"") + len(scope["query_string"])
    refusal = 431 if size > MAX_HEADER_BYTES else 414 if target > MAX_TARGET_BYTES else None
    if refusal is None and body_size > max_body_bytes:
        refusal = 413
    if refusal is None and "\x00" in scope["path"]:
        refusal = 404  # No record is named so, and PostgreSQL cannot even be asked.
    return RequestContext(identifier or new_id("req"), traceparent), refusal

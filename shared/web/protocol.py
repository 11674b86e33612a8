"""HTTP/1.1 as uvicorn speaks it, with what it lacks: deadlines, a bound on the head, refusals as problems."""

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from shared.context import RequestContext, request_context
from shared.ids import new_id
from shared.web.problems import error_from_status, problem_response

HEAD_DEADLINE_S = 3.0
BODY_DEADLINE_S = 10.0
MAX_HEAD_BYTES = 98_304
"""More than the middleware admits, so that it refuses what arrives whole and this what never ends."""


class BoundedProtocol(HttpToolsProtocol):
    """Refuses a request whose head or body does not arrive in time, or whose head does not end."""

    _deadline: asyncio.TimerHandle | None = None
    _head_bytes = 0
    _in_head = True

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Give the first request its deadline."""
        super().connection_made(transport)
        self._expect_within(HEAD_DEADLINE_S)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the deadline."""
        self._expect_within(None)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse, and bound a head that has not ended yet."""
        self._head_bytes += len(data)
        super().data_received(data)
        if self._in_head and self._head_bytes > MAX_HEAD_BYTES:
            self._refuse(431)

    def on_message_begin(self) -> None:
        """Begin to read a head."""
        super().on_message_begin()
        self._in_head = True
        self._expect_within(HEAD_DEADLINE_S)

    def on_headers_complete(self) -> None:
        """Begin to read a body."""
        self._in_head, self._head_bytes = False, 0
        self._expect_within(BODY_DEADLINE_S)
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """Leave the rest to the application."""
        self._expect_within(None)
        super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        """Refuse what is no HTTP."""
        self._refuse(400)

    def _expect_within(self, seconds: float | None) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
        self._deadline = None if seconds is None else self.loop.call_later(seconds, self._refuse, 408)

    def _refuse(self, status: int) -> None:
        """Answer with a problem document unless an answer is on its way, and close the connection."""
        self._expect_within(None)
        answered = self.cycle is not None and self.cycle.response_started and not self.cycle.response_complete
        silent = self._in_head and self._head_bytes == 0
        if not (answered or silent or self.transport.is_closing()):
            self.transport.write(_problem(status, dict(self.headers or ()).get(b"accept-language", b"")))
        self.transport.close()


def _problem(status: int, accept_language: bytes) -> bytes:
    identifier = new_id("req")
    token = request_context.set(RequestContext(identifier, None))
    language = accept_language.decode("latin-1")
    response: Any = problem_response(error_from_status(status), instance="", accept_language=language)
    request_context.reset(token)
    response.headers["X-Request-Id"] = identifier
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Connection"] = "close"
    head = [name + b": " + value + b"\r\n" for name, value in response.raw_headers]
    return b"".join((STATUS_LINE[status], *head, b"\r\n", response.body))

"""What surrounds the code that runs now: the request it serves, and whether a write transaction is open."""

from contextvars import ContextVar
from dataclasses import dataclass


@dataclass(frozen=True)
class RequestContext:
    """What ties log lines, events and audit records of one request together."""

    request_id: str
    traceparent: str | None = None


request_context: ContextVar[RequestContext | None] = ContextVar("request_context", default=None)

write_in_progress: ContextVar[bool] = ContextVar("write_in_progress", default=False)
"""True inside a write transaction: network calls look at it and refuse."""

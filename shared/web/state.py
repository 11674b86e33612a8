"""What the handlers of one running service share."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from fastapi import Request
from sqlalchemy import Table

from shared.db.engine import Database
from shared.db.keyset import CursorSigner
from shared.messaging.feed import Feed
from shared.settings import ServiceSettings
from shared.web.auth import Authenticator


@dataclass
class ServiceState:
    """The parts of one service; ``extra`` holds what only that service has, by name."""

    name: str
    settings: ServiceSettings
    database: Database
    authenticator: Authenticator
    signer: CursorSigner
    feed: Feed
    idempotency_keys: Table
    data_age: Callable[[], dict[str, str]] = dict
    extra: dict[str, Any] = field(default_factory=dict)


def state_of(request: Request) -> ServiceState:
    """Return the state of the service that received the request."""
    state: ServiceState = request.app.state.service
    return state

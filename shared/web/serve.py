"""Running a service under uvicorn with the limits every service has."""

import asyncio
import signal
import socket
import sys
from collections.abc import Callable
from types import FrameType
from typing import TypeVar

import uvicorn
from fastapi import FastAPI
from pydantic import ValidationError
from pydantic_settings import SettingsError
from uvicorn.server import HANDLED_SIGNALS

from shared.errors import CannotStart
from shared.settings import ServiceSettings
from shared.web.protocol import BoundedProtocol

Settings = TypeVar("Settings", bound=ServiceSettings)


class _Server(uvicorn.Server):
    """Tells the application of a signal at once; its lifespan would hear of it only after the drain."""

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Be unready, end long polls and streams, then drain."""
        app: FastAPI = self.config.app  # type: ignore[assignment]
        begin_stop = getattr(app.state, "begin_stop", None)
        if begin_stop is not None:
            asyncio.get_event_loop().call_soon_threadsafe(begin_stop)
        super().handle_exit(sig, frame)


def start(read_settings: type[Settings], create_app: Callable[[Settings], FastAPI]) -> None:
    """Build a service from the environment and serve it; what is wrong with that is said in one line."""
    try:
        settings = read_settings()  # type: ignore[call-arg]
        app = create_app(settings)
        _require_free(settings)
    except ValidationError as error:
        prefix = read_settings.model_config.get("env_prefix", "")
        wrong = (
            f"{prefix}{'.'.join(map(str, entry['loc'])).upper()}: {entry['msg']}" for entry in error.errors()
        )
        sys.exit("; ".join(wrong))
    except (CannotStart, SettingsError) as error:
        sys.exit(str(error))
    serve(app, settings)


def _require_free(settings: ServiceSettings) -> None:
    """Look at the port before the start does its work; to take it is left to the server."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.host, settings.port))
        except OSError as error:
            name = f"{settings.model_config.get('env_prefix', '')}PORT"
            reason = f"{settings.host}:{settings.port} cannot be listened on ({error.strerror})"
            raise CannotStart(f"{reason}; {name} chooses another port") from None


def serve(app: FastAPI, settings: ServiceSettings) -> None:
    """Serve until SIGTERM or SIGINT and exit with 0; requests under way get the grace period to end."""
    # uvicorn raises a signal it was stopped by once more after the drain, for whoever had handled it before.
    for number in HANDLED_SIGNALS:
        signal.signal(number, _leave)
    config = uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=settings.shutdown_grace_s,
        http=BoundedProtocol,
        ws="none",
    )
    _Server(config).run()


def _leave(_number: int, _frame: FrameType | None) -> None:
    sys.exit(0)

"""Running a service under uvicorn with the limits every service has."""

import asyncio
import signal
import sys
from types import FrameType

import uvicorn
from fastapi import FastAPI
from uvicorn.server import HANDLED_SIGNALS

from shared.settings import ServiceSettings
from shared.web.protocol import BoundedProtocol


class _Server(uvicorn.Server):
    """Tells the application of a signal at once; its lifespan would hear of it only after the drain."""

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Be unready, end long polls and streams, then drain."""
        app: FastAPI = self.config.app  # type: ignore[assignment]
        begin_stop = getattr(app.state, "begin_stop", None)
        if begin_stop is not None:
            asyncio.get_event_loop().call_soon_threadsafe(begin_stop)
        super().handle_exit(sig, frame)


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

"""Running a service under uvicorn with the limits every service has."""

import uvicorn
from fastapi import FastAPI

from shared.settings import ServiceSettings
from shared.web.protocol import BoundedProtocol


def serve(app: FastAPI, settings: ServiceSettings) -> None:
    """Serve until SIGTERM or SIGINT; requests under way get the grace period to end."""
    uvicorn.run(
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

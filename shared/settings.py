"""Settings every service has. Each service subclasses this with its own prefix; nothing reads os.environ."""

import os
import secrets
from functools import cached_property
from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict
from sqlalchemy.engine import make_url

from shared.errors import CannotStart


class ServiceSettings(BaseSettings):
    """Frozen configuration of one service, read from environment variables with the service's prefix."""

    model_config = SettingsConfigDict(
        frozen=True, extra="ignore", env_ignore_empty=True, use_attribute_docstrings=True
    )

    environment: Literal["development", "sandbox", "test", "production"] = "development"
    """What this process is for; `test` leaves schema and logging to tests, `sandbox` may move its clock."""
    host: str = "127.0.0.1"
    """Address to listen on."""
    port: int = 8100
    """Port of the API."""
    root_path: str = Field(default="", pattern="^(/[A-Za-z0-9_.~-]+)*$")
    """Path under which a gateway shows this service, such as `/registry`, whether it takes it away or not."""
    metrics_port: int | None = None
    """Port of Prometheus' figures; none without it."""
    database_url: str
    """The store: `sqlite+aiosqlite:///path` or `postgresql+asyncpg://user:password@host/name`."""
    database_pool_size: int = 32
    """Connections to the store."""
    database_command_timeout_s: float = 5.0
    """After how long a statement on PostgreSQL is given up."""
    sqlite_synchronous: Literal["FULL", "NORMAL", "OFF"] = "FULL"
    """How SQLite writes; less than FULL loses acknowledged writes when the power fails."""
    secret: SecretStr | None = None
    """Key of cursors and secrets; must be set on PostgreSQL, kept beside the file of SQLite otherwise."""
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    """The least severe log lines written."""
    run_workers: bool = True
    """Whether this process also runs the background work of the service."""
    issuer: str = "http://127.0.0.1:8100"
    """Who issues the tokens that are accepted: the registry's public URL."""
    audience: str = "feidi"
    """Whom the tokens that are accepted are for."""
    event_retention_days: int | None = Field(default=None, ge=1, le=36_500)
    """After how many days events are forgotten, also by the audit and by who reads anew; never without it."""
    max_concurrency: int = Field(default=64, ge=1)
    """Requests worked on at once; twice as many wait for up to a second, and more are told 503."""
    max_body_bytes: int = 1_048_576
    """The largest request body taken."""
    cors_origins: list[str] = []
    """Origins whose pages may call the API, as a JSON list."""
    shutdown_grace_s: int = 25
    """How long requests and background work may go on after SIGTERM."""

    @cached_property
    def secret_key(self) -> bytes:
        """Return the key for cursors and secrets: given by ``secret``, else kept beside SQLite's file."""
        if self.secret is not None:
            return self.secret.get_secret_value().encode()
        url = make_url(self.database_url)
        if url.get_backend_name() != "sqlite" or not url.database:
            prefix = self.model_config.get("env_prefix", "")
            raise CannotStart(f"{prefix}SECRET must be set when the database is not an embedded SQLite file")
        return _secret_beside(Path(f"{url.database}.secret"))


def _secret_beside(path: Path) -> bytes:
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return path.read_bytes()
    key = secrets.token_hex(32).encode()
    with os.fdopen(descriptor, "wb") as file:
        file.write(key)
    return key

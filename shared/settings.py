"""Settings every service has. Each service subclasses this with its own prefix; nothing reads os.environ."""

import os
import secrets
from functools import cached_property
from pathlib import Path
from typing import Literal

from pydantic import SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict
from sqlalchemy.engine import make_url


class ServiceSettings(BaseSettings):
    """Frozen configuration of one service, read from environment variables with the service's prefix."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", env_ignore_empty=True)

    environment: Literal["development", "test", "production"] = "development"
    host: str = "127.0.0.1"
    port: int = 8100
    metrics_port: int | None = None
    database_url: str
    database_pool_size: int = 32
    database_command_timeout_s: float = 5.0
    sqlite_synchronous: Literal["FULL", "NORMAL", "OFF"] = "FULL"
    secret: SecretStr | None = None
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    run_workers: bool = True
    issuer: str = "http://127.0.0.1:8100"
    audience: str = "feidi"
    max_body_bytes: int = 1_048_576
    cors_origins: list[str] = []
    shutdown_grace_s: int = 25

    @cached_property
    def secret_key(self) -> bytes:
        """Return the key for cursors and secrets: given by ``secret``, else kept beside SQLite's file."""
        if self.secret is not None:
            return self.secret.get_secret_value().encode()
        url = make_url(self.database_url)
        if url.get_backend_name() != "sqlite" or not url.database:
            prefix = self.model_config.get("env_prefix", "")
            raise ValueError(f"{prefix}SECRET must be set when the database is not an embedded SQLite file")
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

"""Configuration of metrics: environment variables with the prefix ``FEIDI_METRICS_``."""

from pydantic import SecretStr
from pydantic_settings import SettingsConfigDict

from shared.settings import ServiceSettings


class MetricsSettings(ServiceSettings):
    """What metrics needs beyond what every service has: the feed it follows and how it signs in there."""

    model_config = SettingsConfigDict(
        env_prefix="FEIDI_METRICS_", frozen=True, extra="ignore", env_ignore_empty=True
    )

    database_url: str = "sqlite+aiosqlite:///.data/metrics.db"
    """The store: `sqlite+aiosqlite:///path` or `postgresql+asyncpg://user:password@host/name`."""
    port: int = 8102
    """Port of the API."""
    registry_url: str = "http://127.0.0.1:8100"
    """Where the registry is."""
    client_id: str | None = None
    """The client as which this service signs in at the registry; without it the feed is not followed."""
    client_secret: SecretStr | None = None
    """Its secret."""
    feed_page_size: int = 500
    """Events read at once."""
    feed_wait_s: float = 10.0
    """How long the registry may hold a question until there is something new."""
    database_command_timeout_s: float = 60.0
    """Seconds a statement may take: a scan passes over all facts, a new epoch empties whole tables."""

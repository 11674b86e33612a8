"""Configuration of matching: environment variables with the prefix ``FEIDI_MATCHING_``."""

from pydantic import Field, SecretStr
from pydantic_settings import SettingsConfigDict

from shared.settings import ServiceSettings


class MatchingSettings(ServiceSettings):
    """What matching needs beyond what every service has: the feed it follows and how it signs in there."""

    model_config = SettingsConfigDict(
        env_prefix="FEIDI_MATCHING_", frozen=True, extra="ignore", env_ignore_empty=True
    )

    database_url: str = "sqlite+aiosqlite:///.data/matching.db"
    """The store: `sqlite+aiosqlite:///path` or `postgresql+asyncpg://user:password@host/name`."""
    port: int = 8101
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
    round_lease_s: float = Field(default=900.0, ge=30, le=86_400)
    """After how many seconds another process takes over a run from one that died; it may take 80 % of it."""

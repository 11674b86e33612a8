"""Configuration of matching: environment variables with the prefix ``FEIDI_MATCHING_``."""

from pydantic import SecretStr
from pydantic_settings import SettingsConfigDict

from shared.settings import ServiceSettings


class MatchingSettings(ServiceSettings):
    """What matching needs beyond what every service has: the feed it follows and how it signs in there."""

    model_config = SettingsConfigDict(
        env_prefix="FEIDI_MATCHING_", frozen=True, extra="ignore", env_ignore_empty=True
    )

    database_url: str = "sqlite+aiosqlite:///.data/matching.db"
    port: int = 8101
    registry_url: str = "http://127.0.0.1:8100"
    client_id: str | None = None
    client_secret: SecretStr | None = None
    feed_page_size: int = 500
    feed_wait_s: float = 10.0

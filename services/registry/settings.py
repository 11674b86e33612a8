"""Configuration of registry: environment variables with the prefix ``FEIDI_REGISTRY_``."""

from pydantic import Field, SecretStr
from pydantic_settings import SettingsConfigDict

from shared.settings import ServiceSettings


class RegistrySettings(ServiceSettings):
    """What registry needs beyond what every service has."""

    model_config = SettingsConfigDict(
        env_prefix="FEIDI_REGISTRY_", frozen=True, extra="ignore", env_ignore_empty=True
    )

    database_url: str = "sqlite+aiosqlite:///.data/registry.db"
    port: int = 8100
    matching_url: str = "http://127.0.0.1:8101"
    access_token_ttl_s: int = Field(default=900, ge=60, le=3600)
    signing_key_max_age_days: int = Field(default=90, ge=1)
    bootstrap_client_id: str | None = None
    bootstrap_client_secret: SecretStr | None = None
    service_clients: dict[str, SecretStr] = Field(default_factory=dict)

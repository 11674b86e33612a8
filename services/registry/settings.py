"""Configuration of registry: environment variables with the prefix ``FEIDI_REGISTRY_``."""

from ipaddress import ip_network
from typing import Literal, Self

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import SettingsConfigDict

from shared.errors import CannotStart
from shared.settings import ServiceSettings

LEAST_RETENTION_DAYS = 38


class RegistrySettings(ServiceSettings):
    """What registry needs beyond what every service has."""

    model_config = SettingsConfigDict(
        env_prefix="FEIDI_REGISTRY_", frozen=True, extra="ignore", env_ignore_empty=True
    )

    database_url: str = "sqlite+aiosqlite:///.data/registry.db"
    """The store: `sqlite+aiosqlite:///path` or `postgresql+asyncpg://user:password@host/name`."""
    port: int = 8100
    """Port of the API."""
    matching_url: str = "http://127.0.0.1:8101"
    """Where matching is."""
    metrics_url: str = "http://127.0.0.1:8102"
    """Where metrics is."""
    access_token_ttl_s: int = Field(default=900, ge=60, le=3600)
    """How long a token is valid, 60 to 3600."""
    signing_key_max_age_days: int = Field(default=90, ge=1)
    """After how many days tokens are signed with a new key."""
    bootstrap_client_id: str | None = None
    """The first client of the network administration, made at the start."""
    bootstrap_client_secret: SecretStr | None = None
    """Its secret, at least 32 characters."""
    service_clients: dict[str, SecretStr] = Field(default_factory=dict)
    """The clients of the other services and their secrets, as a JSON object."""
    matching_client_id: str = "cli_matching"
    """Which of them is matching's: it may also propose projects and record landing intents."""
    webhook_allow_http: bool = False
    """Whether endpoints may have http URLs; what is sent to them can be read and changed on its way."""
    webhook_allowed_networks: list[str] = Field(default_factory=list)
    """Networks that are not public to which messages may go all the same, as a JSON list of CIDRs."""

    @field_validator("webhook_allowed_networks")
    @classmethod
    def _networks_are_cidrs(cls, texts: list[str]) -> list[str]:
        for text in texts:
            try:
                ip_network(text)
            except ValueError as error:
                raise ValueError(f"{error}; a network is written like 10.20.0.0/16") from None
        return texts

    webhook_lease_s: float = Field(default=60.0, ge=1, le=600)
    """After how many seconds another process takes over from one that died; an answer may take 40 % of it."""
    clock: Literal["real", "movable"] = "real"
    """`movable` lets `POST /v1/sandbox/clock` put registry ahead of time; only in a sandbox or a test."""

    @model_validator(mode="after")
    def _keep_time(self) -> Self:
        if self.clock == "movable" and self.environment not in ("sandbox", "test"):
            raise CannotStart(
                f"FEIDI_REGISTRY_CLOCK=movable needs FEIDI_REGISTRY_ENVIRONMENT=sandbox or test, "
                f"not {self.environment}"
            )
        kept = self.event_retention_days
        if kept is not None and kept < LEAST_RETENTION_DAYS:
            raise CannotStart(
                f"FEIDI_REGISTRY_EVENT_RETENTION_DAYS must be at least {LEAST_RETENTION_DAYS}: "
                "deliveries of events are kept up to 37 days"
            )
        return self

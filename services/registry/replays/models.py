"""The table of replays."""

from sqlalchemy import Column, ForeignKey, Index, Integer, String, Table

from services.registry.base import metadata
from shared.db.types import JsonDocument, UtcDateTime

webhook_replays = Table(
    "webhook_replays",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("endpoint_id", String(40), ForeignKey("webhook_endpoints.id"), nullable=False),
    Column("organisation_id", String(40), nullable=True),
    Column("mode", String(20), nullable=False),
    Column("criteria", JsonDocument, nullable=False),
    Column("state", String(20), nullable=False),
    Column("position", String(80), nullable=False),
    Column("sent", Integer, nullable=False),
    Column("version", Integer, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    Column("finished_at", UtcDateTime, nullable=True),
    Index("ix_webhook_replays_endpoint_id", "endpoint_id", "created_at", "id"),
    Index("ix_webhook_replays_organisation_id", "organisation_id", "created_at", "id"),
)

_RUNNING = webhook_replays.c.state == "running"

running_replays = Index(
    "ix_webhook_replays_running", webhook_replays.c.id, sqlite_where=_RUNNING, postgresql_where=_RUNNING
)

"""Tables of webhook endpoints: what a partner asked for, its secrets, and the lane its deliveries run in."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
)

from services.registry.base import metadata
from shared.db.types import JsonDocument, UtcDateTime
from shared.messaging.leases import lease_columns

webhook_endpoints = Table(
    "webhook_endpoints",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("organisation_id", String(40), ForeignKey("organisations.id"), nullable=False),
    Column("sees_network", Boolean, nullable=False),
    Column("name", String(200), nullable=False),
    Column("description", Text, nullable=False),
    Column("url", String(2048), nullable=False),
    Column("event_types", JsonDocument, nullable=False),
    Column("home_unit_ids", JsonDocument, nullable=True),
    Column("enclave_ids", JsonDocument, nullable=True),
    Column("operator_ids", JsonDocument, nullable=True),
    Column("project_ids", JsonDocument, nullable=True),
    Column("ordering", String(20), nullable=False),
    Column("max_rps", Integer, nullable=True),
    Column("max_in_flight", Integer, nullable=False),
    Column("signatures", JsonDocument, nullable=False),
    Column("status", String(20), nullable=False),
    Column("disabled_reason", String(20), nullable=True),
    Column("verified_at", UtcDateTime, nullable=True),
    Column("version", Integer, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    Index("ix_webhook_endpoints_organisation_id", "organisation_id", "created_at", "id"),
    Index("ix_webhook_endpoints_created_at", "created_at", "id"),
    Index("ix_webhook_endpoints_status", "status", "created_at", "id"),
)

webhook_secrets = Table(
    "webhook_secrets",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("endpoint_id", String(40), ForeignKey("webhook_endpoints.id"), nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("expires_at", UtcDateTime, nullable=True),
    Index("ix_webhook_secrets_endpoint_id", "endpoint_id", "created_at"),
)

# One row per endpoint, apart from what people edit: whoever works on an endpoint's deliveries leases it, so
# that its limits, its order and its breaker are decided in one place. Lock it before the endpoint's own row.
webhook_lanes = Table(
    "webhook_lanes",
    metadata,
    Column("id", String(40), ForeignKey("webhook_endpoints.id"), primary_key=True),
    Column("active", Boolean, nullable=False),
    Column("sequence", BigInteger, nullable=False),
    Column("due_at", UtcDateTime, nullable=True),
    *lease_columns(),
    Column("handshake_at", UtcDateTime, nullable=True),
    Column("handshake_tries", Integer, nullable=False),
    Column("sweep", JsonDocument, nullable=True),
    Column("closed_until", UtcDateTime, nullable=True),
    Column("breaker_open", Boolean, nullable=False),
    Column("recent", JsonDocument, nullable=False),
    Column("failures", Integer, nullable=False),
    Column("failing_since", UtcDateTime, nullable=True),
    Column("last_success_at", UtcDateTime, nullable=True),
    Column("enabled_at", UtcDateTime, nullable=True),
    Column("deleted", Boolean, nullable=False),
    Column("round", Integer, nullable=False),
)

_is_due = webhook_lanes.c.due_at.is_not(None)

due_lanes = Index(
    "ix_webhook_lanes_due_at", webhook_lanes.c.due_at, sqlite_where=_is_due, postgresql_where=_is_due
)

# One row, moved by every change of a subscription: who fans out remembers them by it.
webhook_generation = Table(
    "webhook_generation",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("generation", BigInteger, nullable=False),
)

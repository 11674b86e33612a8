"""Tables of deliveries, their attempts, replays, and the events that other services told of."""

from sqlalchemy import (
    BigInteger,
    Column,
    Index,
    Integer,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
)

from services.registry.base import metadata
from services.registry.deliveries.partitions import by_weeks
from shared.db.types import RowId, UtcDateTime

# ``created_at`` is in the keys because PostgreSQL drops what is past the retention by partitions of it.
webhook_deliveries = by_weeks(
    Table(
        "webhook_deliveries",
        metadata,
        Column("endpoint_id", String(40), nullable=False),
        Column("sequence", BigInteger, nullable=False),
        Column("created_at", UtcDateTime, nullable=False),
        Column("id", String(40), nullable=False),
        Column("event_id", String(40), nullable=False),
        Column("event_type", String(80), nullable=False),
        Column("event_sequence", BigInteger, nullable=False),
        Column("subject_id", String(40), nullable=False),
        Column("root_id", String(40), nullable=False),
        Column("state", String(20), nullable=False),
        Column("attempts", Integer, nullable=False),
        Column("tries", Integer, nullable=False),
        Column("due_at", UtcDateTime, nullable=False),
        Column("finished_at", UtcDateTime, nullable=True),
        PrimaryKeyConstraint("endpoint_id", "sequence", "created_at"),
        Index("ix_webhook_deliveries_id", "id"),
        Index("ix_webhook_deliveries_subject_id", "endpoint_id", "subject_id", "sequence"),
        postgresql_partition_by="RANGE (created_at)",
    )
)

_PENDING = webhook_deliveries.c.state == "pending"

due_deliveries = Index(
    "ix_webhook_deliveries_due_at",
    webhook_deliveries.c.endpoint_id,
    webhook_deliveries.c.due_at,
    webhook_deliveries.c.sequence,
    sqlite_where=_PENDING,
    postgresql_where=_PENDING,
)
waiting_deliveries = Index(
    "ix_webhook_deliveries_waiting",
    webhook_deliveries.c.endpoint_id,
    webhook_deliveries.c.sequence,
    sqlite_where=_PENDING,
    postgresql_where=_PENDING,
)

webhook_attempts = by_weeks(
    Table(
        "webhook_attempts",
        metadata,
        Column("delivery_id", String(40), nullable=False),
        Column("number", Integer, nullable=False),
        Column("started_at", UtcDateTime, nullable=False),
        Column("duration_ms", Integer, nullable=False),
        Column("status", Integer, nullable=True),
        Column("error", String(40), nullable=True),
        Column("address", String(64), nullable=True),
        Column("response", Text, nullable=True),
        PrimaryKeyConstraint("delivery_id", "number", "started_at"),
        postgresql_partition_by="RANGE (started_at)",
    )
)

PARTITIONED = (webhook_deliveries.name, webhook_attempts.name)

relayed_events = Table(
    "relayed_events",
    metadata,
    Column("row_id", RowId, primary_key=True, autoincrement=True),
    Column("id", String(40), nullable=False, unique=True),
    Column("source", String(20), nullable=False),
    Column("sequence", BigInteger, nullable=False),
    Column("type", String(80), nullable=False),
    Column("subject_id", String(40), nullable=False),
    Column("root_id", String(40), nullable=False),
    Column("recorded_at", UtcDateTime, nullable=False),
    Column("relayed_at", UtcDateTime, nullable=False),
    Column("payload", Text, nullable=False),
)

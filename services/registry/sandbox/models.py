"""The tables of sandbox receivers and of what arrived at them."""

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
)

from services.registry.base import metadata
from shared.db.types import JsonDocument, UtcDateTime

receivers = Table(
    "sandbox_receivers",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("organisation_id", String(40), ForeignKey("organisations.id"), nullable=False),
    Column("name", String(200), nullable=False),
    Column("url", String(1000), nullable=False),
    Column("handshake", String(10), nullable=False),
    Column("script", JsonDocument, nullable=False),
    Column("secret", LargeBinary, nullable=True),
    Column("run", Integer, nullable=False),
    Column("hits", Integer, nullable=False),
    Column("steps_taken", Integer, nullable=False),
    Column("bytes_taken", BigInteger, nullable=False),
    Column("last_used_at", UtcDateTime, nullable=False),
    Column("deleted_at", UtcDateTime, nullable=True),
    Column("version", Integer, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    Index("ix_sandbox_receivers_created_at", "created_at", "id"),
    Index("ix_sandbox_receivers_organisation_id", "organisation_id", "created_at", "id"),
    Index("ix_sandbox_receivers_last_used_at", "last_used_at"),
)

# Hits of an earlier run of their receiver are gone for everybody and wait to be swept. The body stands last,
# so that SQLite does not read through it for what stands behind it.
hits = Table(
    "sandbox_hits",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("receiver_id", String(40), ForeignKey("sandbox_receivers.id"), nullable=False),
    Column("run", Integer, nullable=False),
    Column("number", Integer, nullable=False),
    Column("bytes_taken", BigInteger, nullable=False),
    Column("received_at", UtcDateTime, nullable=False),
    Column("message_id", String(200), nullable=True),
    Column("type", String(200), nullable=True),
    Column("delivery_id", String(200), nullable=True),
    Column("endpoint_id", String(200), nullable=True),
    Column("sequence", BigInteger, nullable=True),
    Column("attempt", Integer, nullable=True),
    Column("verdict", String(20), nullable=True),
    Column("duplicate", Boolean, nullable=False),
    Column("handshake", Boolean, nullable=False),
    Column("status", Integer, nullable=False),
    Column("retry_after", Integer, nullable=True),
    Column("delay_ms", Integer, nullable=False),
    Column("challenge_answered", Boolean, nullable=False),
    Column("headers", JsonDocument, nullable=False),
    Column("body_bytes", Integer, nullable=False),
    Column("body_sha256", String(64), nullable=False),
    Column("body", LargeBinary, nullable=False),
    Index("uq_sandbox_hits_number", "receiver_id", "run", "number", unique=True),
    Index("ix_sandbox_hits_message_id", "receiver_id", "run", "message_id", "number"),
    Index("ix_sandbox_hits_bytes_taken", "receiver_id", "run", "bytes_taken"),
    Index("ix_sandbox_hits_received_at", "received_at"),
)

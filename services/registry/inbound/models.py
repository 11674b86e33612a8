"""Tables of inbound messages: sources, their mappings, what came in, and every attempt to repair it."""

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Integer, LargeBinary, String, Table, Text

from services.registry.base import metadata
from shared.db.types import JsonDocument, UtcDateTime

inbound_sources = Table(
    "inbound_sources",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("organisation_id", String(40), nullable=False),
    Column("name", String(200), nullable=False),
    Column("description", Text, nullable=False),
    Column("scopes", JsonDocument, nullable=False),
    Column("max_per_minute", Integer, nullable=False),
    Column("status", String(20), nullable=False),
    Column("mapping_version", Integer, nullable=True),
    Column("secrets", JsonDocument, nullable=False),
    Column("version", Integer, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    Index("ix_inbound_sources_created_at", "created_at", "id"),
    Index("ix_inbound_sources_organisation_id", "organisation_id", "created_at", "id"),
)

inbound_minutes = Table(
    "inbound_minutes",
    metadata,
    Column("source_id", String(40), ForeignKey("inbound_sources.id"), primary_key=True),
    Column("minute", BigInteger, nullable=False),
    Column("taken", Integer, nullable=False),
)
"""How many messages a source had taken in the clock minute it sent last in; minutes since 1970."""

inbound_mappings = Table(
    "inbound_mappings",
    metadata,
    Column("source_id", String(40), ForeignKey("inbound_sources.id"), primary_key=True),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("definition", JsonDocument, nullable=False),
    Column("created_by_kind", String(20), nullable=False),
    Column("created_by_id", String(100), nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
)
inbound_receipts = Table(
    "inbound_receipts",
    metadata,
    Column("source_id", String(40), primary_key=True),
    Column("webhook_id", String(200), primary_key=True),
    Column("message_id", String(40), nullable=False),
    Column("received_at", UtcDateTime, nullable=False),
    Index("ix_inbound_receipts_received_at", "received_at"),
)

inbound_messages = Table(
    "inbound_messages",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("source_id", String(40), ForeignKey("inbound_sources.id"), nullable=False),
    Column("organisation_id", String(40), nullable=False),
    Column("webhook_id", String(200), nullable=False),
    Column("state", String(20), nullable=False),
    Column("message_type", String(200), nullable=True),
    Column("command", String(30), nullable=True),
    Column("mapping_version", Integer, nullable=True),
    Column("subject_type", String(30), nullable=True),
    Column("subject_id", String(40), nullable=True),
    Column("subject_version", Integer, nullable=True),
    Column("problems", JsonDocument, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("repaired_body", LargeBinary, nullable=True),
    Column("discard_reason", Text, nullable=True),
    Column("discarded_by_id", String(100), nullable=True),
    Column("sent_at", UtcDateTime, nullable=False),
    Column("received_at", UtcDateTime, nullable=False),
    Column("settled_at", UtcDateTime, nullable=True),
    Column("version", Integer, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    Index("ix_inbound_messages_received_at", "received_at", "id"),
    Index("ix_inbound_messages_source_id", "source_id", "received_at", "id"),
    Index("ix_inbound_messages_organisation_id", "organisation_id", "received_at", "id"),
    Index("ix_inbound_messages_state", "state", "received_at", "id"),
    Index("ix_inbound_messages_settled_at", "settled_at"),
)

inbound_repairs = Table(
    "inbound_repairs",
    metadata,
    Column("message_id", String(40), ForeignKey("inbound_messages.id"), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("body", LargeBinary, nullable=True),
    Column("mapping_version", Integer, nullable=True),
    Column("outcome", String(20), nullable=False),
    Column("problems", JsonDocument, nullable=False),
    Column("by_kind", String(20), nullable=False),
    Column("by_id", String(100), nullable=False),
    Column("by_organisation_id", String(40), nullable=True),
    Column("at", UtcDateTime, nullable=False),
)

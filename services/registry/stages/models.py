"""Tables of the approvals and gate reviews of projects."""

from sqlalchemy import Column, Date, ForeignKey, Index, Integer, String, Table, Text

from services.registry.base import metadata
from shared.db.types import JsonDocument, UtcDateTime

approvals = Table(
    "approvals",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("project_id", String(40), ForeignKey("projects.id"), nullable=False),
    Column("role", String(20), nullable=False),
    Column("organisation_id", String(40), ForeignKey("organisations.id"), nullable=False),
    Column("actor_id", String(100), nullable=False),
    Column("approved", JsonDocument, nullable=True),
    Column("note", Text, nullable=True),
    Column("effective_at", UtcDateTime, nullable=False),
    Column("voided_at", UtcDateTime, nullable=True),
    Column("version", Integer, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    Index("ix_approvals_project_id", "project_id", "created_at", "id"),
)

reviews = Table(
    "reviews",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("project_id", String(40), ForeignKey("projects.id"), nullable=False),
    Column("gate", String(30), nullable=False),
    Column("outcome", String(10), nullable=False),
    Column("annual_grade", String(1), nullable=True),
    Column("evidence_ids", JsonDocument, nullable=False),
    Column("note", Text, nullable=True),
    Column("held_on", Date, nullable=False),
    Column("version", Integer, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    Index("ix_reviews_project_id", "project_id", "held_on", "id"),
)

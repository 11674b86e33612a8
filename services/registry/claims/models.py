"""The table of claims."""

from sqlalchemy import Boolean, Column, Date, ForeignKey, Index, Integer, String, Table, Text

from services.registry.base import metadata
from shared.db.types import UtcDateTime

claims = Table(
    "claims",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("subject_type", String(20), nullable=False),
    Column("subject_id", String(40), nullable=False),
    Column("metric", String(60), nullable=False),
    Column("value", String(40), nullable=True),
    Column("value_text", Text, nullable=True),
    Column("comparator", String(20), nullable=True),
    Column("unit", String(40), nullable=True),
    Column("place_adcode", String(6), nullable=True),
    Column("quote", Text, nullable=True),
    Column("source", String(200), nullable=False),
    Column("as_of", Date, nullable=True),
    Column("note", Text, nullable=True),
    Column("stated_by_id", String(40), ForeignKey("organisations.id"), nullable=True),
    Column("state", String(20), nullable=False),
    Column("withdrawn_reason", Text, nullable=True),
    Column("withdrawn_at", UtcDateTime, nullable=True),
    Column("external_id", String(100), nullable=True),
    Column("synthetic", Boolean, nullable=False),
    Column("version", Integer, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    Index("ix_claims_created_at", "created_at", "id"),
    Index("ix_claims_subject", "subject_type", "subject_id", "created_at", "id"),
    Index("ix_claims_metric", "metric", "created_at", "id"),
    Index("uq_claims_stated_by_external", "stated_by_id", "external_id", unique=True),
)

_NOBODY_STATED = claims.c.stated_by_id.is_(None)

external_id_stated_by_nobody = Index(
    "uq_claims_external",
    claims.c.external_id,
    unique=True,
    sqlite_where=_NOBODY_STATED,
    postgresql_where=_NOBODY_STATED,
)

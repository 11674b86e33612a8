"""The table of agreements."""

from sqlalchemy import Boolean, Column, Date, ForeignKey, Index, Integer, String, Table

from services.registry.base import metadata
from shared.db.types import JsonDocument, UtcDateTime

agreements = Table(
    "agreements",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("kind", String(30), nullable=False),
    Column("title", String(200), nullable=False),
    Column("party_ids", JsonDocument, nullable=False),
    Column("project_id", String(40), ForeignKey("projects.id"), nullable=True),
    Column("enclave_id", String(40), ForeignKey("enclaves.id"), nullable=True),
    Column("signed_on", Date, nullable=True),
    Column("valid_from", Date, nullable=True),
    Column("valid_to", Date, nullable=True),
    Column("commitments", JsonDocument, nullable=True),
    Column("kpis", JsonDocument, nullable=False),
    Column("shares", JsonDocument, nullable=False),
    Column("recorded_by_id", String(40), nullable=True),
    Column("external_id", String(100), nullable=True),
    Column("synthetic", Boolean, nullable=False),
    Column("version", Integer, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    Index("ix_agreements_created_at", "created_at", "id"),
    Index("uq_agreements_recorded_by_external", "recorded_by_id", "external_id", unique=True),
    Index("ix_agreements_kind", "kind", "created_at", "id"),
    Index("ix_agreements_project_id", "project_id", "created_at", "id"),
    Index("ix_agreements_enclave_id", "enclave_id", "created_at", "id"),
)

_RECORDED_BY_NOBODY = agreements.c.recorded_by_id.is_(None)

external_id_recorded_by_nobody = Index(
    "uq_agreements_external",
    agreements.c.external_id,
    unique=True,
    sqlite_where=_RECORDED_BY_NOBODY,
    postgresql_where=_RECORDED_BY_NOBODY,
)

"""The table of evidence."""

from sqlalchemy import Column, Date, ForeignKey, Index, Integer, String, Table

from services.registry.base import metadata
from shared.db.types import UtcDateTime

evidence = Table(
    "evidence",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("project_id", String(40), ForeignKey("projects.id"), nullable=False),
    Column("kind", String(30), nullable=False),
    Column("title", String(200), nullable=False),
    Column("uri", String(2000), nullable=True),
    Column("sha256", String(64), nullable=True),
    Column("issued_by", String(200), nullable=True),
    Column("issued_on", Date, nullable=True),
    Column("filed_by_id", String(40), nullable=True),
    Column("verified_by_id", String(40), nullable=True),
    Column("verified_at", UtcDateTime, nullable=True),
    Column("version", Integer, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    Index("ix_evidence_project_id", "project_id", "created_at", "id"),
)

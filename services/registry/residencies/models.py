"""The table of residencies."""

from sqlalchemy import Boolean, Column, Date, Double, ForeignKey, Index, Integer, String, Table

from services.registry.base import metadata
from shared.db.types import UtcDateTime

residencies = Table(
    "residencies",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("project_id", String(40), ForeignKey("projects.id"), nullable=False),
    Column("enclave_id", String(40), ForeignKey("enclaves.id"), nullable=False),
    Column("state", String(20), nullable=False),
    Column("seats", Integer, nullable=False),
    Column("area_m2", Double, nullable=True),
    Column("starts_on", Date, nullable=False),
    Column("ends_on", Date, nullable=False),
    Column("left_on", Date, nullable=True),
    Column("holds_space", Boolean, nullable=False),
    Column("version", Integer, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    Index("ix_residencies_created_at", "created_at", "id"),
    Index("ix_residencies_ends_on", "ends_on", "id"),
    Index("ix_residencies_project_id", "project_id", "created_at", "id"),
    Index("ix_residencies_enclave_id", "enclave_id", "starts_on"),
)

_PRESENT = residencies.c.state != "left"

one_at_a_time = Index(
    "uq_residencies_project_enclave",
    residencies.c.project_id,
    residencies.c.enclave_id,
    unique=True,
    sqlite_where=_PRESENT,
    postgresql_where=_PRESENT,
)

"""Tables of the parties."""

from sqlalchemy import Boolean, Column, Index, Integer, String, Table

from services.registry.base import metadata
from shared.db.types import UtcDateTime

organisations = Table(
    "organisations",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("kind", String(30), nullable=False),
    Column("name", String(200), nullable=False),
    Column("unit_type", String(30), nullable=True),
    Column("adcode", String(6), nullable=True),
    Column("operator_class", String(30), nullable=True),
    Column("uscc", String(18), nullable=True, unique=True),
    Column("external_id", String(100), nullable=True, unique=True),
    Column("synthetic", Boolean, nullable=False),
    Column("version", Integer, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    Index("ix_organisations_created_at", "created_at", "id"),
    Index("ix_organisations_kind", "kind", "created_at", "id"),
    Index("ix_organisations_name", "name", "id"),
)

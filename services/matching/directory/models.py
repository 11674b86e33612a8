"""Tables of the directory: what matching knows of the registry, rebuilt from its feed alone.

Each row carries the version the registry gave it and the revision at which it was last written here; the
engine in memory asks only for rows beyond the revision it has.
"""

from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, String, Table, Text

from services.matching.base import metadata
from shared.db.types import JsonDocument, UtcDateTime

home_units = Table(
    "home_units",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("name", String(200), nullable=False),
    Column("place", JsonDocument, nullable=True),
    Column("synthetic", Boolean, nullable=False),
    Column("version", Integer, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    Column("revision", BigInteger, nullable=False),
    Index("ix_home_units_revision", "revision"),
)

enclaves = Table(
    "enclaves",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("home_unit_id", String(40), nullable=False),
    Column("operator_id", String(40), nullable=True),
    Column("host_place", JsonDocument, nullable=True),
    Column("version", Integer, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    Column("revision", BigInteger, nullable=False),
    Index("ix_enclaves_revision", "revision"),
)

projects = Table(
    "projects",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("title", String(200), nullable=False),
    Column("summary", Text, nullable=False),
    Column("stage", String(30), nullable=False),
    Column("enclave_id", String(40), nullable=True),
    Column("conductor_ids", JsonDocument, nullable=True),
    Column("industry_codes", JsonDocument, nullable=False),
    Column("strategic_fields", JsonDocument, nullable=False),
    Column("needs", JsonDocument, nullable=False),
    Column("host_adcode", String(6), nullable=True),
    Column("host_place", JsonDocument, nullable=True),
    Column("synthetic", Boolean, nullable=False),
    Column("version", Integer, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    Column("revision", BigInteger, nullable=False),
    Index("ix_projects_revision", "revision"),
    Index("ix_projects_enclave_id", "enclave_id"),
)

clients = Table(
    "clients",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("revoked", Boolean, nullable=False),
    Column("version", Integer, nullable=False),
    Column("revision", BigInteger, nullable=False),
)

directory_state = Table(
    "directory_state",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("revision", BigInteger, nullable=False),
    Column("generation", Integer, nullable=False),
)

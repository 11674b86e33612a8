"""Tables of the directory: what matching knows of the registry, rebuilt from its feed alone.

Each row carries the version the registry gave it and the revision at which it was last written here; the
engine in memory asks only for rows beyond the revision it has. The moves of a track are kept as they were
told; ``admissions`` and ``landings`` say what follows from them: the day, as a number YYYYMMDD, from which a
project is admitted or has landed, null where it is not or where that was taken back.
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

stage_moves = Table(
    "stage_moves",
    metadata,
    Column("project_id", String(40), primary_key=True),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("state", String(30), nullable=False),
    Column("initial", Boolean, nullable=False),
    Column("enclave_id", String(40), nullable=True),
    Column("effective_at", UtcDateTime, nullable=False),
    Column("recorded_at", UtcDateTime, nullable=False),
    Column("sequence", BigInteger, nullable=False),
)

landing_moves = Table(
    "landing_moves",
    metadata,
    Column("landing_id", String(40), primary_key=True),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("state", String(30), nullable=False),
    Column("initial", Boolean, nullable=False),
    Column("effective_at", UtcDateTime, nullable=False),
    Column("recorded_at", UtcDateTime, nullable=False),
    Column("sequence", BigInteger, nullable=False),
)

admissions = Table(
    "admissions",
    metadata,
    Column("project_id", String(40), primary_key=True),
    Column("enclave_id", String(40), nullable=True),
    Column("admitted_day", Integer, nullable=True),
    Column("revision", BigInteger, nullable=False),
    Index("ix_admissions_enclave_id", "enclave_id"),
    Index("ix_admissions_revision", "revision"),
)

landings = Table(
    "landings",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("project_id", String(40), nullable=False),
    Column("home_unit_id", String(40), nullable=False),
    Column("state", String(30), nullable=False),
    Column("landed_day", Integer, nullable=True),
    Column("revision", BigInteger, nullable=False),
    Index("ix_landings_project_id", "project_id"),
    Index("ix_landings_revision", "revision"),
)

directory_state = Table(
    "directory_state",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("revision", BigInteger, nullable=False),
    Column("generation", Integer, nullable=False),
)

"""Tables of recommendations: each project's first three, how far they are worked at, and whole runs."""

from sqlalchemy import BigInteger, Boolean, Column, Float, Index, Integer, String, Table

from services.matching.base import metadata
from shared.db.types import JsonDocument, UtcDateTime
from shared.messaging.leases import lease_columns

top_recommendations = Table(
    "top_recommendations",
    metadata,
    Column("project_id", String(40), primary_key=True),
    Column("top", JsonDocument, nullable=False),
    Column("version", Integer, nullable=False),
    Column("revision", BigInteger, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
)

recommendation_state = Table(
    "recommendation_state",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("revision", BigInteger, nullable=False),
    Column("generation", Integer, nullable=False),
    Column("filled", Boolean, nullable=False),
    *lease_columns(),
)

recommendation_runs = Table(
    "recommendation_runs",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("state", String(20), nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("project_count", Integer, nullable=True),
    Column("home_unit_count", Integer, nullable=True),
    Column("changed_count", Integer, nullable=True),
    Column("peak_mb", Float, nullable=True),
    Column("directory_revision", BigInteger, nullable=True),
    Column("version", Integer, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("started_at", UtcDateTime, nullable=True),
    Column("finished_at", UtcDateTime, nullable=True),
    Index("ix_recommendation_runs_state", "state", "id"),
)

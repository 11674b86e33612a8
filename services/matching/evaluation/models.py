"""Tables of evaluations and of proposed weights; they exist here only."""

from sqlalchemy import BigInteger, Column, Date, Index, Integer, String, Table, Text

from services.matching.base import metadata
from shared.db.types import JsonDocument, UtcDateTime

evaluations = Table(
    "evaluations",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("kind", String(20), nullable=False),
    Column("horizon_months", Integer, nullable=False),
    Column("as_of", Date, nullable=False),
    Column("seed", BigInteger, nullable=False),
    Column("directory_revision", BigInteger, nullable=False),
    Column("result", JsonDocument, nullable=False),
    Column("created_by", String(200), nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Index("ix_evaluations_created_at", "created_at", "id"),
)

weight_proposals = Table(
    "weight_proposals",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("home_unit_id", String(40), nullable=False),
    Column("status", String(20), nullable=False),
    Column("profile_version", Integer, nullable=False),
    Column("directory_revision", BigInteger, nullable=False),
    Column("weights", JsonDocument, nullable=True),
    Column("evidence", JsonDocument, nullable=False),
    Column("decision_reason", Text, nullable=True),
    Column("decided_by", String(200), nullable=True),
    Column("decided_at", UtcDateTime, nullable=True),
    Column("version", Integer, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    Index("ix_weight_proposals_home_unit_id", "home_unit_id", "created_at", "id"),
)

"""Tables of rounds: a round, its runs with their documents, its offers, and what places were worth."""

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
    UniqueConstraint,
)

from services.matching.base import metadata
from shared.db.types import JsonDocument, UtcDateTime
from shared.messaging.leases import lease_columns

rounds = Table(
    "rounds",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("name", String(200), nullable=False),
    Column("period", String(20), nullable=False),
    Column("state", String(20), nullable=False),
    Column("settings", JsonDocument, nullable=False),
    Column("home_unit_ids", JsonDocument, nullable=False),
    Column("not_taking_part", JsonDocument, nullable=False),
    Column("run_number", Integer, nullable=False),
    Column("published_at", UtcDateTime, nullable=True),
    Column("version", Integer, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    Index("ix_rounds_created_at", "created_at", "id"),
)

round_runs = Table(
    "round_runs",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("round_id", String(40), ForeignKey("rounds.id"), nullable=False),
    Column("number", Integer, nullable=False),
    Column("state", String(20), nullable=False),
    Column("snapshot_hash", String(64), nullable=False),
    Column("configuration_hash", String(64), nullable=False),
    Column("seed", String(64), nullable=True),
    Column("sealed_seed", LargeBinary, nullable=True),
    Column("commitment", String(64), nullable=False),
    Column("projects", Integer, nullable=False),
    Column("matched", Integer, nullable=True),
    Column("result_hash", String(64), nullable=True),
    Column("kind", String(40), nullable=True),
    Column("figures", JsonDocument, nullable=True),
    Column("displaced", JsonDocument, nullable=False),
    Column("prices", JsonDocument, nullable=True),
    Column("failure", Text, nullable=True),
    Column("failure_zh", Text, nullable=True),
    Column("created_at", UtcDateTime, nullable=False),
    Column("finished_at", UtcDateTime, nullable=True),
    *lease_columns(),
    UniqueConstraint("round_id", "number"),
    Index("ix_round_runs_state", "state", "created_at"),
)

round_documents = Table(
    "round_documents",
    metadata,
    Column("run_id", String(40), ForeignKey("round_runs.id"), primary_key=True),
    Column("snapshot", LargeBinary, nullable=False),
    Column("result", LargeBinary, nullable=True),
    Column("left_out", LargeBinary, nullable=True),
)

offers = Table(
    "round_offers",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("round_id", String(40), ForeignKey("rounds.id"), nullable=False),
    Column("run_number", Integer, nullable=False),
    Column("project_id", String(40), nullable=False),
    Column("project_title", String(200), nullable=False),
    Column("home_unit_id", String(40), nullable=False),
    Column("home_unit_name", String(200), nullable=False),
    Column("conductor_ids", JsonDocument, nullable=False),
    Column("state", String(20), nullable=False),
    Column("home_unit_answer", JsonDocument, nullable=True),
    Column("project_answer", JsonDocument, nullable=True),
    Column("deadline_at", UtcDateTime, nullable=False),
    Column("decided_at", UtcDateTime, nullable=True),
    Column("landing_state", String(20), nullable=True),
    Column("landing_id", String(40), nullable=True),
    Column("landing_code", String(80), nullable=True),
    Column("landing_attempts", Integer, nullable=False),
    Column("landing_due_at", UtcDateTime, nullable=True),
    Column("version", Integer, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    *lease_columns(),
    UniqueConstraint("round_id", "run_number", "project_id"),
    Index("ix_round_offers_round_id", "round_id", "created_at", "id"),
    Index("ix_round_offers_created_at", "created_at", "id"),
    Index("ix_round_offers_deadline_at", "state", "deadline_at"),
    Index("ix_round_offers_landing_due_at", "landing_state", "landing_due_at"),
)

shadow_prices = Table(
    "shadow_prices",
    metadata,
    Column("home_unit_id", String(40), primary_key=True),
    Column("price", BigInteger, nullable=False),
    Column("round_id", String(40), nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
)

"""The table of landings."""

from sqlalchemy import Boolean, Column, Date, Float, ForeignKey, Index, Integer, String, Table

from services.registry.base import metadata
from shared.db.types import Money, UtcDateTime

landings = Table(
    "landings",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("project_id", String(40), ForeignKey("projects.id"), nullable=False),
    Column("home_unit_id", String(40), ForeignKey("organisations.id"), nullable=False),
    Column("enclave_id", String(40), ForeignKey("enclaves.id"), nullable=True),
    Column("state", String(20), nullable=False),
    Column("amount_cny", Money, nullable=True),
    Column("start_on", Date, nullable=True),
    Column("annual_output_cny", Money, nullable=True),
    Column("annual_tax_cny", Money, nullable=True),
    Column("jobs", Integer, nullable=True),
    Column("reinvestment_percent", Float, nullable=True),
    Column("relocation_clause", Boolean, nullable=True),
    Column("compliance_approver", String(200), nullable=True),
    Column("entity_name", String(200), nullable=True),
    Column("entity_uscc", String(18), nullable=True),
    Column("entity_adcode", String(6), nullable=True),
    Column("verified_output_cny", Money, nullable=True),
    Column("grace_working_days", Integer, nullable=False),
    Column("lapses_after", Date, nullable=True),
    Column("version", Integer, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    Index("uq_landings_project_home_unit", "project_id", "home_unit_id", unique=True),
    Index("ix_landings_created_at", "created_at", "id"),
    Index("ix_landings_home_unit_id", "home_unit_id", "created_at", "id"),
    Index("ix_landings_enclave_id", "enclave_id", "created_at", "id"),
    Index("ix_landings_state", "state", "lapses_after", "id"),
)

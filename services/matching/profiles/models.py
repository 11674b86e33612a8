"""Tables of home-unit profiles: the current one, and every version it had."""

from sqlalchemy import BigInteger, Boolean, Column, Date, Float, Index, Integer, String, Table, Text

from services.matching.base import metadata
from shared.db.types import JsonDocument, Money, UtcDateTime

profiles = Table(
    "home_unit_profiles",
    metadata,
    Column("home_unit_id", String(40), primary_key=True),
    Column("description", Text, nullable=False),
    Column("leading_industries", JsonDocument, nullable=False),
    Column("accepted_stages", JsonDocument, nullable=True),
    Column("accepted_plant_classes", JsonDocument, nullable=True),
    Column("available_space_m2", Float, nullable=True),
    Column("max_fund_amount_cny", Money, nullable=True),
    Column("remaining_budget_cny", Money, nullable=True),
    Column("policy_supported_fields", JsonDocument, nullable=True),
    Column("talent_count", Integer, nullable=True),
    Column("weights", JsonDocument, nullable=True),
    Column("figures_as_of", Date, nullable=True),
    Column("quotas", JsonDocument, nullable=True),
    Column("industry_caps", JsonDocument, nullable=True),
    Column("budgets", JsonDocument, nullable=True),
    Column("preferences", JsonDocument, nullable=True),
    Column("synthetic", Boolean, nullable=False),
    Column("version", Integer, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    Column("revision", BigInteger, nullable=False),
    Index("ix_home_unit_profiles_revision", "revision"),
)

profile_versions = Table(
    "home_unit_profile_versions",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("home_unit_id", String(40), nullable=False),
    Column("version", Integer, nullable=False),
    Column("changed", JsonDocument, nullable=False),
    Column("actor_kind", String(20), nullable=False),
    Column("actor_id", String(200), nullable=False),
    Column("actor_organisation_id", String(40), nullable=True),
    Column("recorded_at", UtcDateTime, nullable=False),
    Column("profile", JsonDocument, nullable=False),
    Index("uq_home_unit_profile_versions_version", "home_unit_id", "version", unique=True),
)

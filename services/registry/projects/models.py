"""Tables of projects, the places of their functions and the log of their transitions."""

from sqlalchemy import Boolean, Column, Date, Float, ForeignKey, Index, Integer, String, Table, Text

from services.registry.base import metadata
from shared.db.types import JsonDocument, UtcDateTime

projects = Table(
    "projects",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("title", String(200), nullable=False),
    Column("summary", Text, nullable=False),
    Column("stage", String(30), nullable=False),
    Column("enclave_id", String(40), ForeignKey("enclaves.id"), nullable=True),
    Column("operator_id", String(40), ForeignKey("organisations.id"), nullable=True),
    Column("home_unit_ids", JsonDocument, nullable=False),
    Column("team_name", String(200), nullable=False),
    Column("team_organisation_id", String(40), nullable=True),
    Column("owner_name", String(200), nullable=True),
    Column("uscc", String(18), nullable=True),
    Column("external_id", String(100), nullable=True),
    Column("industry_codes", JsonDocument, nullable=False),
    Column("strategic_fields", JsonDocument, nullable=False),
    Column("needs", JsonDocument, nullable=False),
    Column("host_adcode", String(6), nullable=True),
    Column("last_contact_on", Date, nullable=True),
    Column("reserve_score", Float, nullable=True),
    Column("admitted_at", UtcDateTime, nullable=True),
    Column("party_ids", JsonDocument, nullable=False),
    Column("synthetic", Boolean, nullable=False),
    Column("version", Integer, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    Column("fingerprint", String(32), nullable=False),
    Column("identity", String(40), nullable=True, unique=True),
    Column("reserve_reasons", JsonDocument, nullable=True),
    Index("ix_projects_created_at", "created_at", "id"),
    Index("ix_projects_updated_at", "updated_at", "id"),
    Index("ix_projects_stage", "stage", "created_at", "id"),
    Index("ix_projects_enclave_id", "enclave_id", "created_at", "id"),
    Index("ix_projects_operator_id", "operator_id", "created_at", "id"),
    Index("ix_projects_synthetic", "synthetic", "created_at", "id"),
    Index("ix_projects_uscc", "uscc"),
    Index("ix_projects_fingerprint", "fingerprint"),
    Index("uq_projects_operator_external", "operator_id", "external_id", unique=True),
)

project_industries = Table(
    "project_industries",
    metadata,
    Column("project_id", String(40), ForeignKey("projects.id"), primary_key=True),
    Column("industry_code", String(4), primary_key=True),
    Index("ix_project_industries_industry_code", "industry_code", "project_id"),
)

function_places = Table(
    "function_places",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("project_id", String(40), ForeignKey("projects.id"), nullable=False),
    Column("function", String(20), nullable=False),
    Column("adcode", String(6), nullable=False),
    Column("starts_on", Date, nullable=False),
    Column("ends_on", Date, nullable=True),
    Column("version", Integer, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    Index("ix_function_places_project_id", "project_id", "function", "starts_on"),
)

transitions = Table(
    "transitions",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("project_id", String(40), ForeignKey("projects.id"), nullable=False),
    Column("track", String(20), nullable=False),
    Column("subject_id", String(40), nullable=False),
    Column("from_state", String(30), nullable=True),
    Column("to_state", String(30), nullable=False),
    Column("actor_kind", String(20), nullable=False),
    Column("actor_id", String(100), nullable=False),
    Column("actor_organisation_id", String(40), nullable=True),
    Column("evidence_ids", JsonDocument, nullable=False),
    Column("reason", Text, nullable=True),
    Column("forced", Boolean, nullable=False),
    Column("details", JsonDocument, nullable=False),
    Column("effective_at", UtcDateTime, nullable=False),
    Column("recorded_at", UtcDateTime, nullable=False),
    Index("ix_transitions_project_id", "project_id", "recorded_at", "id"),
    Index("ix_transitions_subject_id", "subject_id", "recorded_at", "id"),
)

"""Tables of the ledger: what the feeds told, with when it happened and when it was learned.

Everything here can be dropped and read again from the feed. What describes a record (its enclave, its
industries) is kept by version, each valid from ``recorded_at`` until ``superseded_at``: how a record is
described is a matter of knowledge. What happened to it (its stages, its landings) is kept as facts with
``effective_at`` and ``recorded_at``.

A ``…_day`` is a civil date in China written as the number YYYYMMDD, so that a year is 10,000.
"""

from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, String, Table

from services.metrics.base import metadata
from shared.db.types import UtcDateTime

organisations = Table(
    "organisations",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("kind", String(30), nullable=False),
    Column("name", String(200), nullable=False),
    Column("adcode", String(6), nullable=True),
    Column("version", Integer, nullable=False),
)

enclave_versions = Table(
    "enclave_versions",
    metadata,
    Column("enclave_id", String(40), primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("recorded_at", UtcDateTime, nullable=False),
    Column("superseded_at", UtcDateTime, nullable=True),
    Column("name", String(200), nullable=False),
    Column("home_unit_id", String(40), nullable=True),
    Column("host_city_adcode", String(6), nullable=True),
    Column("operator_id", String(40), nullable=True),
    Column("operating_mode", String(30), nullable=True),
    Column("carrier_type", String(40), nullable=True),
    Column("siting_pattern", String(30), nullable=True),
    Index("ix_enclave_versions_home_unit_id", "home_unit_id"),
    Index("ix_enclave_versions_operator_id", "operator_id"),
)

project_versions = Table(
    "project_versions",
    metadata,
    Column("project_id", String(40), primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("recorded_at", UtcDateTime, nullable=False),
    Column("superseded_at", UtcDateTime, nullable=True),
    Column("title", String(200), nullable=False),
    Column("enclave_id", String(40), nullable=True),
    Column("operator_id", String(40), nullable=True),
    Column("feasible", Boolean, nullable=False),
    Column("last_contact_day", Integer, nullable=True),
    Column("synthetic", Boolean, nullable=False),
    Index("ix_project_versions_enclave_id", "enclave_id"),
    Index("ix_project_versions_operator_id", "operator_id"),
)

project_tags = Table(
    "project_tags",
    metadata,
    Column("project_id", String(40), primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("kind", String(10), primary_key=True),
    Column("value", String(60), primary_key=True),
    Index("ix_project_tags_value", "kind", "value"),
)
"""Attributes of a version that can have several values: ``industry``, ``section``, ``field`` and ``home``
(the home units a project was proposed to).
"""


def _facts(name: str, subject: str, *more: Column[str]) -> Table:
    """Facts of one track. ``rank`` is how far along it the state is; exits and failures have none.

    ``initial`` marks the state a record was entered with: it yields to every fact with a date of its own,
    because a record may be entered long after its history began.
    """
    return Table(
        name,
        metadata,
        Column(subject, String(40), primary_key=True),
        Column("version", Integer, primary_key=True),
        *more,
        Column("state", String(30), nullable=False),
        Column("rank", Integer, nullable=True),
        Column("initial", Boolean, nullable=False),
        Column("effective_at", UtcDateTime, nullable=False),
        Column("effective_day", Integer, nullable=False),
        Column("recorded_at", UtcDateTime, nullable=False),
        Column("sequence", BigInteger, nullable=False),
    )


stage_facts = _facts("stage_facts", "project_id")
landing_facts = _facts(
    "landing_facts",
    "landing_id",
    Column("project_id", String(40), nullable=False, index=True),
    Column("home_unit_id", String(40), nullable=False),
)

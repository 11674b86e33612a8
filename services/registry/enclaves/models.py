"""Tables of enclaves and of the 1+N networks they form."""

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Column,
    Date,
    Double,
    ForeignKey,
    Index,
    Integer,
    String,
    Table,
)

from services.registry.base import metadata
from shared.db.types import JsonDocument, UtcDateTime

networks = Table(
    "networks",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("name", String(200), nullable=False),
    Column("operator_id", String(40), ForeignKey("organisations.id"), nullable=True),
    Column("external_id", String(100), nullable=True),
    Column("synthetic", Boolean, nullable=False),
    Column("version", Integer, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    Index("ix_networks_created_at", "created_at", "id"),
    Index("ix_networks_name", "name", "id"),
    Index("uq_networks_operator_external", "operator_id", "external_id", unique=True),
)

enclaves = Table(
    "enclaves",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("name", String(200), nullable=False),
    Column("home_unit_id", String(40), ForeignKey("organisations.id"), nullable=False),
    Column("home_adcode", String(6), nullable=True),
    Column("host_adcode", String(6), nullable=True),
    Column("host_city_adcode", String(6), nullable=True),
    Column("host_site", String(200), nullable=True),
    Column("operator_id", String(40), ForeignKey("organisations.id"), nullable=True),
    Column("host_park_id", String(40), ForeignKey("organisations.id"), nullable=True),
    Column("operating_mode", String(20), nullable=True),
    Column("carrier_type", String(30), nullable=True),
    Column("siting_pattern", String(20), nullable=True),
    Column("network_id", String(40), ForeignKey("networks.id"), nullable=True),
    Column("network_role", String(10), nullable=True),
    Column("area_m2", Double, nullable=True),
    Column("site_area_m2", Double, nullable=True),
    Column("offices", Integer, nullable=True),
    Column("open_areas", Integer, nullable=True),
    Column("workstations", Integer, nullable=True),
    Column("meeting_rooms", Integer, nullable=True),
    Column("roadshow_hall", Boolean, nullable=True),
    Column("terrace_m2", Double, nullable=True),
    Column("seat_capacity", Integer, nullable=True),
    Column("area_capacity_m2", Double, nullable=True),
    Column("capacity_synthetic", Boolean, nullable=False),
    Column("industries_stated", JsonDocument, nullable=False),
    Column("opened_on", Date, nullable=True),
    Column("closed_on", Date, nullable=True),
    Column("external_id", String(100), nullable=True),
    Column("synthetic", Boolean, nullable=False),
    Column("version", Integer, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    CheckConstraint("(network_id IS NULL) = (network_role IS NULL)", name="network_role_with_network"),
    Index("ix_enclaves_created_at", "created_at", "id"),
    Index("ix_enclaves_name", "name", "id"),
    Index("uq_enclaves_home_unit_external", "home_unit_id", "external_id", unique=True),
    Index("ix_enclaves_home_unit_id", "home_unit_id", "created_at", "id"),
    Index("ix_enclaves_operator_id", "operator_id", "created_at", "id"),
    Index("ix_enclaves_host_city_adcode", "host_city_adcode", "created_at", "id"),
    Index("ix_enclaves_network_id", "network_id", "id"),
)

_IS_CENTRE = enclaves.c.network_role == "centre"

one_centre_per_network = Index(
    "uq_enclaves_network_centre",
    enclaves.c.network_id,
    unique=True,
    sqlite_where=_IS_CENTRE,
    postgresql_where=_IS_CENTRE,
)

_NOBODY_OPERATES = networks.c.operator_id.is_(None)

external_id_without_operator = Index(
    "uq_networks_external",
    networks.c.external_id,
    unique=True,
    sqlite_where=_NOBODY_OPERATES,
    postgresql_where=_NOBODY_OPERATES,
)

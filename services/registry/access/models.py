"""Tables of credentials. Secrets are kept as hashes, private keys encrypted."""

from sqlalchemy import Boolean, Column, Index, Integer, LargeBinary, String, Table

from services.registry.base import metadata
from shared.db.types import JsonDocument, UtcDateTime

clients = Table(
    "clients",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("organisation_id", String(40), nullable=False),
    Column("name", String(200), nullable=False),
    Column("scopes", JsonDocument, nullable=False),
    Column("reach", String(20), nullable=False),
    Column("secret_hash", String(64), nullable=False),
    Column("status", String(20), nullable=False),
    Column("managed", Boolean, nullable=False),
    Column("last_used_at", UtcDateTime, nullable=True),
    Column("version", Integer, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    Index("ix_clients_organisation_id", "organisation_id", "created_at", "id"),
    Index("ix_clients_created_at", "created_at", "id"),
    Index("ix_clients_name", "name", "id"),
    Index("ix_clients_updated_at", "updated_at"),
)

api_keys = Table(
    "api_keys",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("organisation_id", String(40), nullable=False),
    Column("client_id", String(40), nullable=True),
    Column("name", String(200), nullable=False),
    Column("prefix", String(16), nullable=False),
    Column("secret_hash", String(64), nullable=False, unique=True),
    Column("scopes", JsonDocument, nullable=False),
    Column("expires_at", UtcDateTime, nullable=False),
    Column("last_used_at", UtcDateTime, nullable=True),
    Column("revoked_at", UtcDateTime, nullable=True),
    Column("version", Integer, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    Index("ix_api_keys_organisation_id", "organisation_id", "created_at", "id"),
    Index("ix_api_keys_created_at", "created_at", "id"),
    Index("ix_api_keys_client_id", "client_id"),
)

signing_keys = Table(
    "signing_keys",
    metadata,
    Column("kid", String(40), primary_key=True),
    Column("private_key", LargeBinary, nullable=False),
    Column("public_jwk", JsonDocument, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("retired_at", UtcDateTime, nullable=True),
)

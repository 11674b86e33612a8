"""Alembic's entry for registry."""

from services.registry.tables import metadata
from shared.db.migrate import run_migrations

run_migrations(metadata)

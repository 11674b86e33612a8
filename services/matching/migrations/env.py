"""Alembic's entry for matching."""

from services.matching.tables import metadata
from shared.db.migrate import run_migrations

run_migrations(metadata)

"""Alembic's entry for metrics."""

from services.metrics.tables import metadata
from shared.db.migrate import run_migrations

run_migrations(metadata)

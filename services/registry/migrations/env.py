"""Alembic's entry for registry."""

from services.registry.deliveries.partitions import is_partition
from services.registry.tables import metadata
from shared.db.migrate import run_migrations

run_migrations(metadata, is_partition)

"""One Alembic tree per service, on both databases: batch mode, short lock timeouts, a check of the head.

SQLite upgrades itself when the service starts; on PostgreSQL the service refuses to start on an old schema.
"""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from sqlalchemy import JSON, URL, BigInteger, Connection, MetaData, create_engine, make_url, pool, text

from shared.db.types import Money, UtcDateTime

if TYPE_CHECKING:
    from alembic.config import Config

LOCK_TIMEOUT_MS = 200
_DRIVERS = {"sqlite": "sqlite", "postgresql": "postgresql+psycopg"}


class SchemaOutdated(RuntimeError):
    """The database is not at the revision this code expects."""


def sync_url(url: str) -> URL:
    """Return the URL for the synchronous driver migrations run on."""
    parsed = make_url(url)
    return parsed.set(drivername=_DRIVERS[parsed.get_backend_name()])


def alembic_config(service_directory: Path, url: str) -> "Config":
    """Return Alembic's configuration for the service whose folder is given."""
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(service_directory / "migrations"))
    config.attributes["url"] = sync_url(url)
    return config


def upgrade(service_directory: Path, url: str, revision: str = "head") -> None:
    """Migrate a store upwards."""
    from alembic import command

    command.upgrade(alembic_config(service_directory, url), revision)


def downgrade(service_directory: Path, url: str, revision: str = "base") -> None:
    """Migrate a store downwards."""
    from alembic import command

    command.downgrade(alembic_config(service_directory, url), revision)


def prepare(service_directory: Path, url: str) -> None:
    """Bring an embedded store to the head; refuse a server store that is not there."""
    if make_url(url).get_backend_name() == "sqlite":
        Path(make_url(url).database or "").parent.mkdir(parents=True, exist_ok=True)
        upgrade(service_directory, url)
        return
    current, head = revisions(service_directory, url)
    if current != head:
        raise SchemaOutdated(
            f"{service_directory.name}: the database is at {current or 'no revision'}, "
            f"this version needs {head}. Run the migrations first (./dev migrate)."
        )


def revisions(service_directory: Path, url: str) -> tuple[str | None, str | None]:
    """Return the store's revision and the newest one."""
    from alembic.migration import MigrationContext
    from alembic.script import ScriptDirectory

    head = ScriptDirectory.from_config(alembic_config(service_directory, url)).get_current_head()
    engine = create_engine(sync_url(url), poolclass=pool.NullPool, hide_parameters=True)
    with engine.connect() as connection:
        current = MigrationContext.configure(connection).get_current_revision()
    engine.dispose()
    return current, head


def known_revisions(service_directory: Path) -> tuple[str, ...]:
    """Return every revision this code knows, the newest first."""
    from alembic.script import ScriptDirectory

    scripts = ScriptDirectory(str(service_directory / "migrations"))
    return tuple(script.revision for script in scripts.walk_revisions())


def run_migrations(
    metadata: MetaData, is_partition: Callable[[str | None], bool] = lambda _name: False
) -> None:
    """The body of every service's ``env.py``; partitions are no tables of their own to a comparison."""
    from alembic import context

    engine = create_engine(context.config.attributes["url"], poolclass=pool.NullPool, hide_parameters=True)
    with engine.connect() as connection:
        _bound_locks(connection)
        context.configure(
            connection=connection,
            target_metadata=metadata,
            render_as_batch=True,
            compare_type=True,
            render_item=_render_type,
            include_name=lambda name, kind, _parents: not (kind == "table" and is_partition(name)),
        )
        with context.begin_transaction():
            context.run_migrations()
        connection.commit()
    engine.dispose()


def _render_type(kind: str, item: Any, _context: Any) -> str | Literal[False]:
    """Write our own column types into a generated migration by name."""
    if kind != "type":
        return False
    if isinstance(item, UtcDateTime | Money):
        return f"shared.db.types.{type(item).__name__}()"
    if isinstance(item, JSON):
        return "shared.db.types.JsonDocument"
    if isinstance(item, BigInteger) and "sqlite" in item._variant_mapping:
        return "shared.db.types.RowId"
    return False


def _bound_locks(connection: Connection) -> None:
    if connection.dialect.name == "postgresql":
        connection.execute(text(f"SET lock_timeout = '{LOCK_TIMEOUT_MS}ms'"))
        connection.commit()

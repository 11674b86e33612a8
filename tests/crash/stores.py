"""Looking into the stores after the services have stopped."""

import json
from typing import Any

from sqlalchemy import MetaData, create_engine, make_url, select, text

from shared.messaging.sequencer import link
from shared.messaging.tables import GENESIS

# What differs between a store that lived through it all and one rebuilt from the feed, by right.
NOT_CONTENT = {
    "alembic_version",
    "consumers",
    "dead_letters",
    "directory_state",
    "events",
    "feed_state",
    "idempotency_keys",
    "issuer_keys",
    # Made from the directory, in its own time; the version of a first three counts its changes.
    "recommendation_state",
    "top_recommendations",
}


def _engine(url: str) -> Any:
    parsed = make_url(url)
    driver = "sqlite" if parsed.get_backend_name() == "sqlite" else "postgresql+psycopg"
    return create_engine(parsed.set(drivername=driver))


# Columns that count changes of this one store, whatever they were.
BOOKKEEPING = {"row_id", "revision"}


def content(url: str) -> dict[str, list[str]]:
    """Return every row of every table of content, sorted, as text. Autoincrement keys are left out."""
    engine = _engine(url)
    metadata = MetaData()
    metadata.reflect(engine)
    result = {}
    with engine.connect() as connection:
        for table in metadata.sorted_tables:
            if table.name in NOT_CONTENT:
                continue
            columns = [column for column in table.columns if column.name not in BOOKKEEPING]
            rows = connection.execute(select(*columns)).mappings()
            result[table.name] = sorted(
                json.dumps(dict(row), default=str, sort_keys=True, ensure_ascii=False) for row in rows
            )
    engine.dispose()
    return result


def dead_letters(url: str) -> int:
    engine = _engine(url)
    with engine.connect() as connection:
        count = connection.execute(text("SELECT count(*) FROM dead_letters")).scalar_one()
    engine.dispose()
    return int(count)


def position(url: str) -> int:
    """Return how far the store's consumer has come in registry's feed, 0 before its first page."""
    engine = _engine(url)
    with engine.connect() as connection:
        value = connection.execute(text("SELECT max(position) FROM consumers")).scalar_one()
    engine.dispose()
    return int(value or 0)


def head(url: str) -> int:
    engine = _engine(url)
    with engine.connect() as connection:
        value = connection.execute(text("SELECT head FROM feed_state")).scalar_one()
    engine.dispose()
    return int(value)


def violations(url: str, acknowledged: dict[str, int]) -> list[str]:
    """Return what is wrong in registry's store: state and events must tell the same story."""
    engine = _engine(url)
    with engine.connect() as connection:
        projects = dict(connection.execute(text("SELECT id, version FROM projects")).tuples().all())
        events = connection.execute(
            text("SELECT sequence, subject_id, subject_version, payload, chain FROM events ORDER BY row_id")
        ).all()
    engine.dispose()
    problems = [
        f"acknowledged {identifier} v{version} but the store has v{projects.get(identifier)}"
        for identifier, version in acknowledged.items()
        if projects.get(identifier, 0) < version
    ]
    problems += _order_violations(events)
    told: dict[str, list[int]] = {}
    for event in sorted(events, key=lambda event: event.sequence or 0):
        if event.subject_id.startswith("prj_"):
            told.setdefault(event.subject_id, []).append(event.subject_version)
    for identifier, version in projects.items():
        if told.get(identifier) != list(range(1, version + 1)):
            problems.append(f"{identifier} is at v{version}, its events say {told.get(identifier)}")
    problems += [
        f"events of {identifier}, which does not exist" for identifier in told.keys() - projects.keys()
    ]
    return problems


def _order_violations(events: Any) -> list[str]:
    positions = [event.sequence for event in events]
    if None in positions:
        return ["an event was never given a position"]
    if sorted(positions) != list(range(1, len(positions) + 1)):
        return ["positions are not contiguous"]
    chain = GENESIS
    for event in sorted(events, key=lambda event: event.sequence):
        if event.chain != link(chain, event.payload):
            return [f"the hash chain breaks at {event.sequence}"]
        chain = event.chain
    return []

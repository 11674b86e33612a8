"""Tables of the event log and of its consumers, declared once per service on its own metadata."""

from dataclasses import dataclass

from sqlalchemy import (
    BigInteger,
    Column,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from shared.db.types import JsonDocument, RowId, UtcDateTime

GENESIS = "0" * 64
"""What the hash chain starts from."""


@dataclass(frozen=True)
class MessagingTables:
    """The tables that outbox, sequencer, feed and consumers work on.

    ``consumers`` is what this service reads of other feeds, ``event_consumers`` what others read of this one.
    """

    events: Table
    feed_state: Table
    consumers: Table
    dead_letters: Table
    event_consumers: Table


def messaging_tables(metadata: MetaData) -> MessagingTables:
    """Declare the tables on ``metadata`` and return them."""
    return MessagingTables(
        _events(metadata),
        _feed_state(metadata),
        _consumers(metadata),
        _dead_letters(metadata),
        _event_consumers(metadata),
    )


def _events(metadata: MetaData) -> Table:
    """``row_id`` is the order of insertion, ``sequence`` the position given after the commit.

    ``payload`` is the event as JSON without its sequence; ``chain`` is the hash over the previous event's
    chain and this payload, which makes the log tamper-evident. ``sequenced_at`` never falls along the
    sequence, so a position can be found by instant without an index.
    """
    unsequenced = text("sequence IS NULL")
    return Table(
        "events",
        metadata,
        Column("row_id", RowId, primary_key=True, autoincrement=True),
        Column("sequence", BigInteger, nullable=True, unique=True),
        Column("id", String(40), nullable=False, unique=True),
        Column("type", String(80), nullable=False),
        Column("subject_type", String(40), nullable=False),
        Column("subject_id", String(40), nullable=False),
        Column("subject_version", Integer, nullable=False),
        Column("root_id", String(40), nullable=False),
        Column("recorded_at", UtcDateTime, nullable=False),
        Column("payload", Text, nullable=False),
        Column("chain", String(64), nullable=True),
        Column("sequenced_at", UtcDateTime, nullable=True),
        Index("ix_events_unsequenced", "row_id", sqlite_where=unsequenced, postgresql_where=unsequenced),
        Index("ix_events_subject_id", "subject_id", "sequence"),
        Index("ix_events_root_id", "root_id", "sequence"),
    )


def _feed_state(metadata: MetaData) -> Table:
    """One row: the epoch, which changes on a restore, the head position and the head of the hash chain.

    ``earliest`` is the last position that was forgotten, 0 when none was, and ``earliest_chain`` its link.
    """
    return Table(
        "feed_state",
        metadata,
        Column("id", Integer, primary_key=True, autoincrement=False),
        Column("epoch", String(40), nullable=False),
        Column("head", BigInteger, nullable=False),
        Column("chain", String(64), nullable=False),
        Column("sequenced_at", UtcDateTime, nullable=False),
        Column("earliest", BigInteger, nullable=False, server_default="0"),
        Column("earliest_chain", String(64), nullable=False, server_default=GENESIS),
    )


def _consumers(metadata: MetaData) -> Table:
    """One row per feed this service follows; the cursor moves in the transaction of the effect.

    ``cursor`` is the other service's and opaque; ``position`` and ``head`` are its numbers, kept to tell the
    lag. ``caught_up_at`` is the last instant at which nothing was left to read.
    """
    return Table(
        "consumers",
        metadata,
        Column("name", String(80), primary_key=True),
        Column("cursor", String(400), nullable=True),
        Column("epoch", String(40), nullable=False),
        Column("position", BigInteger, nullable=False),
        Column("head", BigInteger, nullable=False),
        Column("caught_up_at", UtcDateTime, nullable=True),
        Column("updated_at", UtcDateTime, nullable=False),
    )


def _dead_letters(metadata: MetaData) -> Table:
    """Events a consumer could not apply; later events of the same subject wait behind them."""
    return Table(
        "dead_letters",
        metadata,
        Column("consumer", String(80), primary_key=True),
        Column("sequence", BigInteger, primary_key=True),
        Column("subject_id", String(40), nullable=False),
        Column("reason", Text, nullable=False),
        Column("payload", Text, nullable=False),
        Column("recorded_at", UtcDateTime, nullable=False),
        Index("ix_dead_letters_subject_id", "consumer", "subject_id"),
    )


def _event_consumers(metadata: MetaData) -> Table:
    """Named consumers of this service's feed: where their owner, an organisation or a client, has got to."""
    return Table(
        "event_consumers",
        metadata,
        Column("id", String(40), primary_key=True),
        Column("owner_id", String(40), nullable=False),
        Column("name", String(80), nullable=False),
        Column("cursor", String(200), nullable=False),
        Column("types", JsonDocument, nullable=True),
        Column("version", Integer, nullable=False),
        Column("created_at", UtcDateTime, nullable=False),
        Column("updated_at", UtcDateTime, nullable=False),
        UniqueConstraint("owner_id", "name"),
        Index("ix_event_consumers_owner_id", "owner_id", "created_at", "id"),
    )

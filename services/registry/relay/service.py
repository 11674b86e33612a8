"""Events of matching and metrics on their way to partners: registry follows their feeds, and fans out.

A relayed event keeps its id, its bytes and its own feed's sequence. It is seen by those who see the record it
is about as registry knows it. Rounds, offers and proposed weights are matching's own: their events name their
parties, who are kept here like those of any record. What else registry does not know is for the network's
administration.
"""

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from operator import itemgetter
from typing import Any

from pydantic_core import to_json

from services.registry.base import messaging, parties
from services.registry.deliveries.fanout import FanOut
from services.registry.deliveries.relayed import keep_relayed
from services.registry.deliveries.retention import KEPT
from services.registry.settings import RegistrySettings
from shared import clock
from shared.db.engine import Database, ReadSession, WriteSession
from shared.db.visibility import set_parties
from shared.http import ServiceClient
from shared.messaging.consumer import FeedConsumer, lag
from shared.messaging.received import Event, FeedSource, HttpFeedSource

SOURCES = ("matching", "metrics")
_NAME_THEIR_PARTIES: dict[tuple[str, str], Callable[[dict[str, Any]], list[str]]] = {
    ("matching", "round"): itemgetter("party_ids"),
    ("matching", "offer"): itemgetter("party_ids"),
    ("matching", "weight_proposal"): lambda record: [record["home_unit_id"]],
}
"""Sources and subjects that no record of registry can be confused with, and who their parties are."""

_PAGE = 200


class Relays:
    """What follows the feeds of the other services, in one application."""

    def __init__(
        self,
        settings: RegistrySettings,
        database: Database,
        token: Callable[[], Awaitable[str]],
        fan_out: FanOut,
    ) -> None:
        urls = {"matching": settings.matching_url, "metrics": settings.metrics_url}
        self._database = database
        self._clients = {source: ServiceClient(urls[source], token=token) for source in SOURCES}
        self.tasks = tuple(
            consumer_from(source, database, HttpFeedSource(client), fan_out).run
            for source, client in self._clients.items()
        )

    async def lag_events(self) -> dict[str, int | None]:
        """Return by source how many events are known of and not relayed."""
        async with self._database.read() as session:
            return {source: (await _lag(session, source)) for source in SOURCES}

    async def close(self) -> None:
        """Close the connections."""
        for client in self._clients.values():
            await client.close()


def consumer_from(source: str, database: Database, pages: FeedSource, fan_out: FanOut) -> FeedConsumer:
    """Return what follows a feed wherever its pages come from."""
    apply = partial(_apply, source, fan_out)
    return FeedConsumer(source, database, messaging, pages, apply, _reset, page_size=_PAGE)


async def _lag(session: ReadSession, source: str) -> int | None:
    return (await lag(session, messaging, source)).events


async def _apply(source: str, fan_out: FanOut, tx: WriteSession, events: Sequence[Event]) -> None:
    # What is older is no news: it comes when a feed is followed for the first time, or begins again.
    oldest = clock.now() - KEPT
    recent = [event for event in events if event.timestamp >= oldest]
    for event in recent:
        if named := _NAME_THEIR_PARTIES.get((source, event.subject_type)):
            await set_parties(tx, parties, event.subject_id, named(event.object))
    new = await keep_relayed(tx, [_row(source, event) for event in recent])
    await fan_out(tx, new)


async def _reset(tx: WriteSession) -> None:
    """Nothing to undo when a feed begins again: what was relayed was sent, and is known by its id."""


def _row(source: str, event: Event) -> dict[str, Any]:
    raw = {name: value for name, value in event.raw.items() if name != "sequence"}
    return {
        "id": event.id,
        "source": source,
        "sequence": event.sequence,
        "type": event.type,
        "subject_id": event.subject_id,
        "root_id": event.subject_id,
        "recorded_at": event.timestamp,
        "relayed_at": clock.now(),
        "payload": to_json(raw).decode(),
    }

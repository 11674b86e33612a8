"""Keeping the rollup equal to the ledger: what events touch is taken out as it was, and put in as it is."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import delete

from services.metrics.kpis.tables import kpi_cells, landing_cells
from services.metrics.kpis.tally import Tally
from services.metrics.ledger import service as ledger
from services.metrics.ledger.histories import (
    PLACE,
    chunks,
    places_of_enclaves,
    project_page,
    projects_of_enclaves,
    read_histories,
)
from shared.db.engine import WriteSession
from shared.messaging.received import Event

_CHUNK = 500
_CHANGES = 50_000
"""Changes a rebuild holds before it writes them."""


async def apply_events(tx: WriteSession, events: Sequence[Event]) -> None:
    """Take events into the ledger and their effect into the rollup."""
    projects = sorted(_projects_told_of(events) | await _projects_moved(tx, events))
    tally = Tally()
    await _count(tx, tally, projects, -1)
    await ledger.apply_events(tx, events)
    await _count(tx, tally, projects, 1)
    await tally.write(tx)


async def reset(tx: WriteSession) -> None:
    """Empty the ledger and the rollup, to be read again from the start of the feed."""
    await ledger.reset_ledger(tx)
    await _clear(tx)


async def rebuild(tx: WriteSession) -> int:
    """Add the rollup up anew from the ledger; return how many projects it holds."""
    await _clear(tx)
    done, after, tally = 0, "", Tally()
    while page := await project_page(tx, after, _CHUNK):
        await _count(tx, tally, page, 1)
        done, after = done + len(page), page[-1]
        if len(tally) > _CHANGES:
            await tally.write(tx)
    await tally.write(tx)
    return done


async def _clear(tx: WriteSession) -> None:
    await tx.execute(delete(kpi_cells))
    await tx.execute(delete(landing_cells))


async def _count(tx: WriteSession, tally: Tally, projects: Sequence[str], sign: int) -> None:
    for part in chunks(projects):
        for history in await read_histories(tx, part):
            tally.add(history, sign)


def _projects_told_of(events: Sequence[Event]) -> set[str]:
    kinds = [(ledger.kind_of(event), event) for event in events]
    own = {event.subject_id for kind, event in kinds if kind == "project"}
    return own | {event.object["project_id"] for kind, event in kinds if kind == "landing"}


async def _projects_moved(tx: WriteSession, events: Sequence[Event]) -> set[str]:
    """The projects of enclaves whose description changes in what the rollup tells apart.

    Who moves into one or out of it in the same page is told of by an event of its own.
    """
    told = [event for event in events if ledger.kind_of(event) == "enclave"]
    if not told:
        return set()
    known = await places_of_enclaves(tx, sorted({event.subject_id for event in told}))
    moved = {event.subject_id for event in told if _moves(event, known.get(event.subject_id))}
    return set(await projects_of_enclaves(tx, sorted(moved)))


def _moves(event: Event, known: tuple[int, tuple[Any, ...]] | None) -> bool:
    if known is None:
        return True
    version, place = known
    values = ledger.enclave_values(event)
    return event.subject_version > version and tuple(values[name] for name in PLACE) != place

"""All SQL of rounds, their runs and their offers."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Select, and_, delete, func, insert, select, update

from services.matching.base import parties
from services.matching.rounds.models import offers, round_documents, round_runs, rounds, shadow_prices
from shared.db.engine import ReadSession, Row, WriteSession
from shared.db.keyset import CursorSigner, ListQuery
from shared.db.pages import Page, fetch_page
from shared.db.visibility import Viewer, visible, visible_in_list
from shared.messaging.leases import apply_leased, claim_rows, release_rows

_CHUNK = 500
Values = Mapping[str, Any]

# -- rounds


async def find_round(
    session: ReadSession, viewer: Viewer, round_id: str, *, lock: bool = False
) -> Row | None:
    """Return a round the viewer may see, locked for this transaction if asked."""
    statement = select(rounds).where(rounds.c.id == round_id, visible(parties, rounds.c.id, viewer))
    return await session.row(statement.with_for_update(of=rounds) if lock else statement)


async def rounds_page(session: ReadSession, viewer: Viewer, query: ListQuery, signer: CursorSigner) -> Page:
    """Return one page of the rounds a viewer may see."""
    statement = select(rounds).where(visible_in_list(parties, rounds.c.id, viewer))
    return await fetch_page(session, statement, rounds.c, query, signer)


async def add_round(tx: WriteSession, values: Values) -> None:
    """Insert one round."""
    await tx.execute(insert(rounds).values(values))


async def change_round(tx: WriteSession, round_id: str, values: Values) -> None:
    """Update a round whose row this transaction has locked."""
    await tx.execute(update(rounds).where(rounds.c.id == round_id).values(values))


# -- runs


async def runs_of(session: ReadSession, round_ids: Sequence[str]) -> Sequence[Row]:
    """Return the runs of some rounds in their order."""
    statement = select(round_runs).where(round_runs.c.round_id.in_(round_ids))
    return await session.rows(statement.order_by(round_runs.c.round_id, round_runs.c.number))


async def add_run(tx: WriteSession, values: Values, snapshot: bytes, left_out: bytes | None) -> None:
    """Insert a run with its snapshot and the pairs left out of it."""
    await tx.execute(insert(round_runs).values(values))
    documents = {"run_id": values["id"], "snapshot": snapshot, "result": None, "left_out": left_out}
    await tx.execute(insert(round_documents).values(documents))


async def change_run(tx: WriteSession, run_id: str, values: Values) -> None:
    """Update a run; the caller has locked its round."""
    await tx.execute(update(round_runs).where(round_runs.c.id == run_id).values(values))


async def documents(session: ReadSession, run_id: str) -> Row:
    """Return the stored snapshot and result of a run."""
    row = await session.row(select(round_documents).where(round_documents.c.run_id == run_id))
    assert row is not None
    return row


async def claim_runs(
    tx: WriteSession, token: str, instant: datetime, until: datetime, limit: int
) -> Sequence[Row]:
    """Lease runs that wait to be worked out, with their round's settings and their snapshot."""
    rows = await claim_rows(
        tx,
        round_runs,
        round_runs.c.state == "running",
        token=token,
        instant=instant,
        until=until,
        limit=limit,
        order_by=(round_runs.c.created_at, round_runs.c.id),
    )
    found = []
    for row in rows:
        settings = await tx.scalar(select(rounds.c.settings).where(rounds.c.id == row["round_id"]))
        stored = await documents(tx, row["id"])
        found.append({**row, "configuration": settings["configuration"], "snapshot": stored["snapshot"]})
    return found


async def apply_run(tx: WriteSession, run_id: str, token: str, values: Values, result: bytes | None) -> bool:
    """Store what became of a run; False, and nothing stored, when the lease was lost."""
    if not await apply_leased(tx, round_runs, run_id, token, values):
        return False
    await tx.execute(update(round_documents).where(round_documents.c.run_id == run_id).values(result=result))
    return True


async def release_runs(tx: WriteSession, token: str) -> None:
    """Give back what a token holds."""
    await release_rows(tx, round_runs, token)


# -- offers


async def add_offers(tx: WriteSession, rows: Sequence[Values], seen_by: Mapping[str, Sequence[str]]) -> None:
    """Insert offers and let their parties see them."""
    for start in range(0, len(rows), _CHUNK):
        await tx.execute(insert(offers), rows[start : start + _CHUNK])
    seen = [{"record_id": offer, "organisation_id": one} for offer, ones in seen_by.items() for one in ones]
    for start in range(0, len(seen), _CHUNK):
        await tx.execute(insert(parties), seen[start : start + _CHUNK])


async def find_offer(
    session: ReadSession, viewer: Viewer, offer_id: str, *, lock: bool = False
) -> Row | None:
    """Return an offer the viewer may see, locked for this transaction if asked."""
    statement = select(offers).where(offers.c.id == offer_id, visible(parties, offers.c.id, viewer))
    return await session.row(statement.with_for_update(of=offers) if lock else statement)


async def offers_page(
    session: ReadSession, viewer: Viewer, query: ListQuery, signer: CursorSigner, round_id: str | None
) -> Page:
    """Return one page of the offers a viewer may see, of one round if asked."""
    statement = select(offers).where(visible_in_list(parties, offers.c.id, viewer))
    if round_id is not None:
        statement = statement.where(offers.c.round_id == round_id)
    return await fetch_page(session, statement, offers.c, query, signer)


async def offers_of(session: ReadSession, round_id: str, *, lock: bool = False) -> Sequence[Row]:
    """Return every offer of a round."""
    statement = select(offers).where(offers.c.round_id == round_id).order_by(offers.c.created_at, offers.c.id)
    return await session.rows(statement.with_for_update() if lock else statement)


async def offers_to(session: ReadSession, round_id: str, organisation_id: str) -> Sequence[Row]:
    """Return the offers of a round that an organisation is a party of."""
    mine = select(parties.c.record_id).where(parties.c.organisation_id == organisation_id)
    statement = select(offers).where(offers.c.round_id == round_id, offers.c.id.in_(mine))
    return await session.rows(statement.order_by(offers.c.run_number))


async def open_offers(session: ReadSession, round_id: str) -> int:
    """Count the offers of a round that wait for an answer."""
    waiting = and_(offers.c.round_id == round_id, offers.c.state == "open")
    return int(await session.scalar(select(func.count()).select_from(offers).where(waiting)))


async def overdue_offers(tx: WriteSession, instant: datetime, limit: int) -> Sequence[Row]:
    """Lock open offers whose deadline has passed; those that are being answered are passed over."""
    statement = select(offers).where(offers.c.state == "open", offers.c.deadline_at <= instant)
    ordered = statement.order_by(offers.c.deadline_at, offers.c.id).limit(limit)
    return await tx.rows(ordered.with_for_update(skip_locked=True))


async def change_offer(tx: WriteSession, offer_id: str, values: Values) -> None:
    """Update an offer whose row this transaction has locked."""
    await tx.execute(update(offers).where(offers.c.id == offer_id).values(values))


async def ask_for_landings(tx: WriteSession, round_id: str, instant: datetime) -> int:
    """Let every agreed pair of a round become a landing intent; return how many there are."""
    agreed = update(offers).where(offers.c.round_id == round_id, offers.c.state == "accepted")
    due = {"landing_state": "pending", "landing_due_at": instant, "updated_at": instant}
    return await tx.execute(agreed.values(**due, version=offers.c.version + 1))


async def claim_landings(
    tx: WriteSession, token: str, instant: datetime, until: datetime, limit: int
) -> Sequence[Row]:
    """Lease agreed pairs that are to become landing intents now."""
    due = and_(offers.c.landing_state == "pending", offers.c.landing_due_at <= instant)
    return await claim_rows(
        tx,
        offers,
        due,
        token=token,
        instant=instant,
        until=until,
        limit=limit,
        order_by=(offers.c.landing_due_at, offers.c.id),
    )


async def apply_landing(tx: WriteSession, offer_id: str, token: str, values: Values) -> bool:
    """Store what registry said; False, and nothing stored, when the lease was lost."""
    return await apply_leased(tx, offers, offer_id, token, values)


async def release_landings(tx: WriteSession, token: str) -> None:
    """Give back what a token holds."""
    await release_rows(tx, offers, token)


def _decided() -> Select[Any]:
    return select(offers).where(offers.c.state.in_(("accepted", "refused", "expired")))


async def decided_offers(session: ReadSession) -> Sequence[Row]:
    """Return every offer that was answered or ran out, oldest decision first."""
    return await session.rows(_decided().order_by(offers.c.decided_at, offers.c.id))


# -- what places were worth


async def put_shadow_prices(tx: WriteSession, rows: Sequence[Values]) -> None:
    """Replace the prices by those of the round published last."""
    await tx.execute(delete(shadow_prices))
    for start in range(0, len(rows), _CHUNK):
        await tx.execute(insert(shadow_prices), rows[start : start + _CHUNK])


async def all_shadow_prices(session: ReadSession) -> Sequence[Row]:
    """Return the price of every home unit that has one."""
    return await session.rows(select(shadow_prices))

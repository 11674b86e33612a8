"""Use cases of rounds: from a draft to a published result."""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from services.matching.base import messaging, parties
from services.matching.engine.markets.configuration import Configuration
from services.matching.engine.markets.errors import InvalidConfiguration
from services.matching.engine.markets.lottery import commitment
from services.matching.rounds import repository
from services.matching.rounds.documents import configuration_from
from services.matching.rounds.errors import ConfigurationRefused, RoundChanged, SeedUnreadable
from services.matching.rounds.preparing import Prepared
from services.matching.rounds.reading import round_read
from services.matching.rounds.schemas import (
    ROUND_CANCELLED,
    ROUND_FROZEN,
    ROUND_PUBLISHED,
    RoundCreate,
    RoundRead,
    RoundStateName,
    RoundUpdate,
)
from services.matching.rounds.seeds import Seeds
from services.matching.rounds.standing import (
    locked,
    require_network,
    require_no_open_offers,
    require_round,
    require_state,
    sentence,
)
from shared import clock
from shared.db.engine import ReadSession, Row, WriteSession
from shared.db.keyset import CursorSigner, ListQuery
from shared.db.pages import Page
from shared.db.visibility import parties_of, set_parties
from shared.errors import check_version
from shared.identity import Principal
from shared.ids import new_id
from shared.messaging.outbox import EventType, publish

RUNS = "rounds.runs"
LANDINGS = "rounds.landings"
"""The store's signals that a run or a landing intent waits to be worked on."""

_OWN = ("name", "period")


@dataclass(frozen=True)
class OfferOutcome:
    """What became of one offer; ``reason`` is the code of a refusal."""

    round_id: str
    project_id: str
    home_unit_id: str
    decision: Literal["accepted", "refused", "expired"]
    reason: str | None
    decided_at: datetime


# -- drafts


async def create_round(tx: WriteSession, actor: Principal, data: RoundCreate) -> RoundRead:
    """Begin a round as a draft that only the network's administration sees."""
    require_network(actor)
    content = data.model_dump(mode="json")
    _check_configuration(content)
    now = clock.now()
    row = {
        "id": new_id("rnd"),
        **{name: content.pop(name) for name in _OWN},
        "state": RoundStateName.DRAFT.value,
        "settings": content,
        "home_unit_ids": [],
        "not_taking_part": [],
        "run_number": 0,
        "published_at": None,
        "version": 1,
        "created_at": now,
        "updated_at": now,
    }
    await repository.add_round(tx, row)
    return round_read(row, [], actor)


async def update_round(
    tx: WriteSession, actor: Principal, round_id: str, expected_version: int, data: RoundUpdate
) -> RoundRead:
    """Change a draft; a patch that changes nothing keeps its version."""
    row = await locked(tx, actor, round_id)
    check_version(row["version"], expected_version)
    require_state(row, RoundStateName.DRAFT)
    sent = {name: data.model_dump(mode="json")[name] for name in data.model_fields_set}
    own = {name: sent.pop(name) for name in _OWN if name in sent}
    settings = {**row["settings"], **sent}
    _check_configuration(settings)
    if settings == row["settings"] and all(row[name] == value for name, value in own.items()):
        return round_read(row, [], actor)
    return await _change(tx, actor, row, {**own, "settings": settings})


async def get_round(session: ReadSession, viewer: Principal, round_id: str) -> RoundRead:
    """Return a round with its runs to whoever takes part in it."""
    row = await require_round(session, viewer, round_id)
    return round_read(row, await repository.runs_of(session, [round_id]), viewer)


async def list_rounds(
    session: ReadSession, viewer: Principal, query: ListQuery, signer: CursorSigner
) -> tuple[list[RoundRead], Page]:
    """Return one page of the rounds a viewer takes part in."""
    page = await repository.rounds_page(session, viewer, query, signer)
    runs = await repository.runs_of(session, [row["id"] for row in page.rows])
    mine: dict[str, list[Row]] = {}
    for run in runs:
        mine.setdefault(run["round_id"], []).append(run)
    return [round_read(row, mine.get(row["id"], []), viewer) for row in page.rows], page


async def cancel_round(tx: WriteSession, actor: Principal, round_id: str) -> RoundRead:
    """End a round without a result; what runs is given up and open offers are withdrawn by the caller."""
    row = await locked(tx, actor, round_id)
    ended = (RoundStateName.PUBLISHED, RoundStateName.CANCELLED)
    require_state(row, *(state for state in RoundStateName if state not in ended))
    for run in await repository.runs_of(tx, [round_id]):
        if run["state"] in ("frozen", "running"):
            given_up = {"state": "cancelled", "lease_token": None, "leased_until": None}
            await repository.change_run(tx, run["id"], given_up)
    event_type = ROUND_CANCELLED if row["run_number"] else None
    return await _change(tx, actor, row, {"state": RoundStateName.CANCELLED.value}, event_type)


# -- snapshots


async def freeze(
    tx: WriteSession, actor: Principal, seeds: Seeds, round_id: str, prepared: Prepared | None
) -> RoundRead:
    """Fix the snapshot of a draft, draw the lottery's seed and publish what commits to both."""
    row = await locked(tx, actor, round_id)
    require_state(row, RoundStateName.DRAFT)
    return await _freeze(tx, actor, seeds, row, prepared, RoundStateName.FROZEN)


async def start_run(tx: WriteSession, actor: Principal, round_id: str) -> RoundRead:
    """Let a frozen round be worked out, or one that failed once more."""
    row = await locked(tx, actor, round_id)
    require_state(row, RoundStateName.FROZEN, RoundStateName.FAILED)
    run = (await repository.runs_of(tx, [round_id]))[-1]
    await repository.change_run(tx, run["id"], {"state": "running", "failure": None, "failure_zh": None})
    tx.after_commit(tx.database.signal(RUNS).notify)
    return await _change(tx, actor, row, {"state": RoundStateName.RUNNING.value})


async def rerun(
    tx: WriteSession, actor: Principal, seeds: Seeds, round_id: str, prepared: Prepared | None
) -> RoundRead:
    """Match the rest again: agreed pairs stay, refused ones are barred, on a new snapshot with a new seed."""
    row = await locked(tx, actor, round_id)
    require_state(row, RoundStateName.PROPOSED, RoundStateName.OFFERING, RoundStateName.FAILED)
    await require_no_open_offers(tx, round_id)
    tx.after_commit(tx.database.signal(RUNS).notify)
    return await _freeze(tx, actor, seeds, row, prepared, RoundStateName.RUNNING)


async def _freeze(
    tx: WriteSession,
    actor: Principal,
    seeds: Seeds,
    row: Row,
    prepared: Prepared | None,
    state: RoundStateName,
) -> RoundRead:
    if prepared is None or prepared.version != row["version"]:
        raise RoundChanged()
    market, configuration = prepared.built.market, configuration_from(row["settings"]["configuration"])
    run_id, seed, now = new_id("run"), secrets.token_hex(32), clock.now()
    run = {
        "id": run_id,
        "round_id": row["id"],
        "number": row["run_number"] + 1,
        "state": state.value,
        "snapshot_hash": market.hash,
        "configuration_hash": configuration.hash,
        "seed": None,
        "sealed_seed": seeds.sealed(run_id, seed),
        "commitment": commitment(seed, market.hash),
        "projects": market.shape[0],
        "displaced": [],
        "created_at": now,
    }
    await repository.add_run(tx, run, prepared.snapshot, prepared.left_out)
    conductors = {one for ones in prepared.built.conductors.values() for one in ones}
    before = await parties_of(tx, parties, row["id"])
    await set_parties(tx, parties, row["id"], {*before, *market.home_unit_ids, *conductors})
    changes = {
        "state": state.value,
        "home_unit_ids": sorted({*row["home_unit_ids"], *market.home_unit_ids}),
        "not_taking_part": list(prepared.built.without_quota),
        "run_number": run["number"],
    }
    return await _change(tx, actor, row, changes, ROUND_FROZEN)


async def publish_round(tx: WriteSession, actor: Principal, seeds: Seeds, round_id: str) -> RoundRead:
    """End a round whose offers are all decided: seeds are revealed and agreed pairs become landings.

    A run on the rest that fails does not take from the parties what they agreed on before it.
    """
    row = await locked(tx, actor, round_id)
    offered = bool(await repository.offers_of(tx, round_id))
    require_state(row, RoundStateName.OFFERING, *([RoundStateName.FAILED] if offered else []))
    await require_no_open_offers(tx, round_id)
    now = clock.now()
    if await repository.ask_for_landings(tx, round_id, now):
        tx.after_commit(tx.database.signal(LANDINGS).notify)
    runs = await repository.runs_of(tx, [round_id])
    for run in runs:
        if (seed := _revealed(seeds, run)) is not None:
            await repository.change_run(tx, run["id"], {"seed": seed, "sealed_seed": None})
    prices = runs[-1]["prices"]
    if prices is not None:
        rows = [
            {"home_unit_id": home, "price": price, "round_id": round_id, "updated_at": now}
            for home, price in sorted(prices.items())
            if home not in row["not_taking_part"]
        ]
        await repository.put_shadow_prices(tx, rows)
    changes = {"state": RoundStateName.PUBLISHED.value, "published_at": now}
    return await _change(tx, actor, row, changes, ROUND_PUBLISHED)


def _revealed(seeds: Seeds, run: Row) -> str | None:
    """The seed of a run; None where it cannot be read and nothing came of the run."""
    try:
        return seeds.of(run)
    except SeedUnreadable:
        if run["state"] == "failed":
            return None
        raise


# -- for the rooms above


async def offer_outcomes(session: ReadSession) -> list[OfferOutcome]:
    """Return every offer that was answered or ran out, of every round."""
    return [
        OfferOutcome(
            row["round_id"],
            row["project_id"],
            row["home_unit_id"],
            row["state"],
            next((answer["reason"] for answer in _answers(row) if answer["decision"] == "refused"), None),
            row["decided_at"],
        )
        for row in await repository.decided_offers(session)
    ]


async def shadow_prices(session: ReadSession) -> dict[str, int]:
    """Return what a place was worth in the round published last, in millionths, by home unit."""
    return {row["home_unit_id"]: row["price"] for row in await repository.all_shadow_prices(session)}


async def change_state(tx: WriteSession, actor: Principal, row: Row, state: RoundStateName) -> RoundRead:
    """Move a locked round to another state."""
    return await _change(tx, actor, row, {"state": state.value})


async def _change(
    tx: WriteSession,
    actor: Principal,
    row: Row,
    changes: Mapping[str, Any],
    event_type: EventType | None = None,
) -> RoundRead:
    after = {**row, **changes, "version": row["version"] + 1, "updated_at": clock.now()}
    await repository.change_round(
        tx, row["id"], {**changes, "version": after["version"], "updated_at": after["updated_at"]}
    )
    runs = await repository.runs_of(tx, [row["id"]])
    if event_type is not None:
        await _tell(tx, actor, event_type, after, runs)
    return round_read(after, runs, actor)


async def _tell(
    tx: WriteSession, actor: Principal, event_type: EventType, row: Row, runs: Sequence[Row]
) -> None:
    await publish(
        tx,
        messaging,
        event_type,
        actor=actor,
        record=round_read(row, runs, None),
        subject_type="round",
        subject_id=row["id"],
        version=row["version"],
        root_id=row["id"],
        url=f"/v1/rounds/{row['id']}",
    )


def _answers(row: Row) -> list[Mapping[str, Any]]:
    return [answer for name in ("home_unit_answer", "project_answer") if (answer := row[name]) is not None]


def _check_configuration(settings: Mapping[str, Any]) -> None:
    try:
        Configuration(**settings["configuration"])
    except InvalidConfiguration as error:
        raise ConfigurationRefused(*sentence(error)) from error

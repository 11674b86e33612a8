"""The snapshot of a round, worked out outside any transaction from what the engine has in memory."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from services.matching.engine.markets.errors import InvalidMarket
from services.matching.engine.markets.market import NONE
from services.matching.recommendations.live import LiveEngine
from services.matching.rounds import repository
from services.matching.rounds.documents import packed, unpacked
from services.matching.rounds.errors import MarketRefused
from services.matching.rounds.market_building import Built, build_market
from services.matching.rounds.participants import Earlier, Participants, participants_of
from services.matching.rounds.schemas import RoundStateName
from services.matching.rounds.standing import (
    require_network,
    require_no_open_offers,
    require_round,
    sentence,
)
from shared import clock
from shared.db.engine import Database, ReadSession, Row
from shared.identity import Principal


@dataclass(frozen=True)
class Prepared:
    """A snapshot that was worked out outside the transaction, and the version of the round it is for."""

    version: int
    built: Built
    snapshot: bytes
    left_out: bytes | None


async def prepare(
    database: Database, engine: LiveEngine, viewer: Principal, round_id: str, *states: RoundStateName
) -> Prepared | None:
    """Work out the snapshot of a round in one of these states, None in any other; nothing is written.

    Of a round that has offers all must be decided: decided offers stay as they are, so that what is read here
    still holds when the snapshot is stored.
    """
    async with database.read() as session:
        row = await require_round(session, viewer, round_id)
        require_network(viewer)
        if row["state"] not in states:
            return None
        earlier = await _earlier(session, row)
    await engine.refresh()
    settings = {**row["settings"], "period": row["period"]}
    found = participants_of(engine, settings, clock.today(), earlier)
    try:
        built, snapshot, left_out = await asyncio.to_thread(_built, found, settings)
    except InvalidMarket as error:
        raise MarketRefused(*sentence(error)) from error
    return Prepared(row["version"], built, snapshot, left_out)


def _built(found: Participants, settings: Mapping[str, Any]) -> tuple[Built, bytes, bytes | None]:
    built = build_market(found, settings)
    assert built.market.hash
    left_out = packed({"budget_cap": built.over_caps}) if built.over_caps else None
    return built, packed(built.market.document()), left_out


async def _earlier(session: ReadSession, row: Row) -> Earlier:
    if row["run_number"] == 0:
        return Earlier()
    await require_no_open_offers(session, row["id"])
    offers = await repository.offers_of(session, row["id"])
    kept = {one["project_id"]: one["home_unit_id"] for one in offers if one["state"] == "accepted"}
    refused = {(one["project_id"], one["home_unit_id"]) for one in offers if one["state"] != "accepted"}
    barred = {pair for pair in refused if kept.get(pair[0]) != pair[1]}
    done = [run for run in await repository.runs_of(session, [row["id"]]) if run["state"] == "done"]
    pairs = await _pairs(session, done[-1]["id"]) if done else None
    return Earlier(tuple(sorted(kept.items())), frozenset(barred), pairs, again=True)


@dataclass(frozen=True)
class Proposal:
    """What a run proposes: the home unit of every project that has one."""

    run_id: str
    pairs: Mapping[str, str]


async def proposal_of(database: Database, viewer: Principal, round_id: str) -> Proposal | None:
    """Read the last run of a round that is proposed, None of any other; outside any write."""
    async with database.read() as session:
        row = await require_round(session, viewer, round_id)
        require_network(viewer)
        if row["state"] != RoundStateName.PROPOSED:
            return None
        run_id = (await repository.runs_of(session, [round_id]))[-1]["id"]
        return Proposal(run_id, await _pairs(session, run_id))


async def _pairs(session: ReadSession, run_id: str) -> dict[str, str]:
    stored = await repository.documents(session, run_id)
    return await asyncio.to_thread(_pairs_of, stored["snapshot"], stored["result"])


def _pairs_of(packed_snapshot: bytes, packed_result: bytes) -> dict[str, str]:
    snapshot, result = unpacked(packed_snapshot), unpacked(packed_result)
    homes = snapshot["home_units"]
    return {
        project_id: homes[home]
        for project_id, home in zip(snapshot["projects"], result["assignment"], strict=True)
        if home != NONE
    }

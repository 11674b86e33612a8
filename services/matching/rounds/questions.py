"""Use cases that ask about a finished run. They store nothing."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from services.matching.engine.markets.canonical import canonical_json
from services.matching.engine.markets.errors import Refusal
from services.matching.rounds import repository
from services.matching.rounds.answers import (
    Checks,
    Compare,
    Comparison,
    Counterfactual,
    Levers,
    PlaceExplanation,
    Propensities,
    WhatIf,
)
from services.matching.rounds.computing import Computing
from services.matching.rounds.documents import Stored
from services.matching.rounds.errors import (
    ConfigurationRefused,
    MarketRefused,
    MarketTooLarge,
    NoSuchPair,
    RoundState,
)
from services.matching.rounds.explanation import explain, without_wishes
from services.matching.rounds.hypotheses import compare_configuration, compare_runs, counterfactual, what_if
from services.matching.rounds.schemas import CertificateFor, RoundStateName
from services.matching.rounds.seeds import Seeds
from services.matching.rounds.solving import check_run, propensities
from services.matching.rounds.standing import not_found, require_network, require_round, sentence
from shared.db.engine import Database, ReadSession, Row
from shared.errors import Conflict, NotFound
from shared.identity import Principal

MAX_PROJECTS = 2_000
MAX_REPLAYED = 500_000
"""Projects times replays."""

Answer = TypeVar("Answer")


@dataclass(frozen=True)
class Desk:
    """What every question needs: where rounds are stored and worked out, and what opens their seeds."""

    database: Database
    computing: Computing
    seeds: Seeds


class NotTogether(Conflict):
    """Two fields of which exactly one is asked for."""

    code = "not_together"
    title_en = "Give either another round or a configuration"
    title_zh = "请只提供另一轮次或一个配置"


async def read_certificate(
    session: ReadSession, seeds: Seeds, viewer: Principal, round_id: str, number: int | None
) -> bytes:
    """Return the canonical document of a run, to the administration or to whom the round shows it."""
    row = await require_round(session, viewer, round_id)
    _require_shown(viewer, row)
    run = await _finished(session, row, number)
    found = await repository.documents(session, run["id"])
    seed = seeds.of(run) if row["state"] == RoundStateName.PUBLISHED else None
    stored = Stored(found["snapshot"], found["result"], seed)
    return await asyncio.to_thread(lambda: canonical_json(stored.document()).encode())


async def verify(desk: Desk, viewer: Principal, round_id: str) -> Checks:
    """Let the independent verifier check the last run, against what was committed to before it."""
    async with desk.database.read() as session:
        row = await require_round(session, viewer, round_id)
        _require_shown(viewer, row)
        run = await _finished(session, row, None)
        stored = await _documents(session, desk.seeds, run)
    known = {name: run[name] for name in ("commitment", "configuration_hash")}
    found = await desk.computing(check_run, stored, known)
    return Checks.model_validate({"passed": all(one["passed"] for one in found), "checks": found})


async def ask_what_if(desk: Desk, viewer: Principal, round_id: str, data: WhatIf) -> Comparison:
    """Say what the round would have found in another market, with the same lottery."""
    more = sum(one.count for one in data.added_projects)
    stored = await _for_network(desk, viewer, round_id, bounded=True, more=more)
    changes = data.model_dump(mode="json")
    return Comparison.model_validate(await _computed(desk, what_if, stored, changes))


async def ask_counterfactual(desk: Desk, viewer: Principal, round_id: str, data: Counterfactual) -> Levers:
    """Say what would have brought a project to a home unit."""
    stored = await _for_network(desk, viewer, round_id, bounded=True)
    found = await _computed(desk, counterfactual, stored, data.project_id, data.home_unit_id)
    return Levers.model_validate({"levers": found})


async def compare(desk: Desk, viewer: Principal, round_id: str, data: Compare) -> Comparison:
    """Compare a round with another one, or with another configuration of the same market."""
    if (data.other_round_id is None) == (data.configuration is None):
        raise NotTogether()
    stored = await _for_network(desk, viewer, round_id, bounded=data.configuration is not None)
    if data.configuration is not None:
        wanted = data.configuration.model_dump(mode="json")
        return Comparison.model_validate(await _computed(desk, compare_configuration, stored, wanted))
    other = await _for_network(desk, viewer, data.other_round_id or "", bounded=False)
    return Comparison.model_validate(await _computed(desk, compare_runs, stored, other))


async def ask_propensities(desk: Desk, viewer: Principal, round_id: str, replays: int) -> Propensities:
    """Replay the lottery of a stable round and count where each project ends."""
    async with desk.database.read() as session:
        row = await require_round(session, viewer, round_id)
        require_network(viewer)
        if row["settings"]["configuration"]["mechanism"] != "stable":
            raise ConfigurationRefused("Only a stable round has a lottery.", "仅 stable 机制的轮次有抽签。")
        run = await _finished(session, row, None)
        if run["projects"] * replays > MAX_REPLAYED:
            raise MarketTooLarge(
                f"At most {MAX_REPLAYED} projects times replays are replayed at once.",
                f"项目数与重放次数之积不得超过 {MAX_REPLAYED}。",
            )
        stored = await _documents(session, desk.seeds, run)
    found = await _computed(desk, propensities, stored, replays)
    return Propensities.model_validate({"replays": replays, "projects": found})


async def explain_place(
    desk: Desk,
    viewer: Principal,
    round_id: str,
    project_id: str,
    conductor_ids: frozenset[str],
) -> PlaceExplanation:
    """Say why a project is where it is: to the administration and to both sides of its offer.

    Those of an offer are told of the run it comes from: what later runs propose is for others to be offered
    first. Once the round is published, also those are told who speak for a project that got no offer.
    """
    async with desk.database.read() as session:
        row = await require_round(session, viewer, round_id)
        conducts = row["state"] == RoundStateName.PUBLISHED and viewer.organisation_id in conductor_ids
        as_project, number = True, None
        if not viewer.sees_network and not conducts:
            offer = await _own_offer(session, viewer, round_id, project_id)
            as_project, number = viewer.organisation_id in offer["conductor_ids"], offer["run_number"]
        run = await _finished(session, row, number)
        stored = await repository.documents(session, run["id"])
    lottery_untold = Stored(stored["snapshot"], stored["result"], None)
    found = await desk.computing(explain, lottery_untold, stored["left_out"], project_id)
    if found is None:
        raise NoSuchPair()
    return PlaceExplanation.model_validate(found if as_project else without_wishes(found))


async def _own_offer(session: ReadSession, viewer: Principal, round_id: str, project_id: str) -> Row:
    """Return the last offer of a project to the caller, or raise a 404."""
    offers = await repository.offers_to(session, round_id, viewer.organisation_id or "")
    mine = [one for one in offers if one["project_id"] == project_id]
    if not mine:
        raise NotFound("No such project in this round.", "本轮没有该项目。")
    return mine[-1]


def _require_shown(viewer: Principal, row: Row) -> None:
    shown = row["settings"]["certificate_for"] == CertificateFor.PARTICIPANTS
    if not viewer.sees_network and not (shown and row["state"] == RoundStateName.PUBLISHED):
        raise NotFound(
            "The certificate of this round is not shown to its participants.", "本轮证书未向参与方开放。"
        )


async def _for_network(
    desk: Desk, viewer: Principal, round_id: str, *, bounded: bool, more: int = 0
) -> Stored:
    """Return the last run, of at most ``MAX_PROJECTS`` together with so many ``more`` if that matters."""
    async with desk.database.read() as session:
        row = await require_round(session, viewer, round_id)
        require_network(viewer)
        run = await _finished(session, row, None)
        if bounded and run["projects"] + more > MAX_PROJECTS:
            raise MarketTooLarge(
                f"Beyond {MAX_PROJECTS} projects ask with a round of its own, and compare the two.",
                f"项目超过 {MAX_PROJECTS} 个时，请另建一轮后再做比较。",
            )
        return await _documents(session, desk.seeds, run)


async def _documents(session: ReadSession, seeds: Seeds, run: Row) -> Stored:
    found = await repository.documents(session, run["id"])
    return Stored(found["snapshot"], found["result"], seeds.of(run))


async def _finished(session: ReadSession, row: Row, number: int | None) -> Row:
    """Return the run of this number, or the last one that has a result."""
    runs = [run for run in await repository.runs_of(session, [row["id"]]) if run["state"] == "done"]
    found = runs if number is None else [run for run in runs if run["number"] == number]
    if found:
        return found[-1]
    if number is not None:
        raise not_found()
    raise RoundState("The round has no result yet.", "该轮次尚无结果。")


async def _computed(desk: Desk, work: Callable[..., Answer], *arguments: object) -> Answer:
    try:
        return await desk.computing(work, *arguments)
    except Refusal as error:
        raise MarketRefused(*sentence(error)) from error

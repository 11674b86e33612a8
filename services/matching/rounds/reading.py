"""Rounds and offers from their rows to what a caller may read of them."""

from collections.abc import Sequence
from typing import Any

from services.matching.recommendations.schemas import Texts
from services.matching.rounds.schemas import (
    LandingOutcome,
    NotTakingPart,
    OfferRead,
    RoundRead,
    RoundRunRead,
    RoundStateName,
)
from shared.db.engine import Row
from shared.identity import Principal

QUESTION = Texts(
    zh="本期拟接收多少个项目？未填写名额即视为未知，本轮不向其分配项目。",
    en="How many projects do you take in this period? Without a quota nobody knows, and none is placed.",
)


def round_read(row: Row, runs: Sequence[Row], viewer: Principal | None) -> RoundRead:
    """Return a round as the viewer sees it; None is everybody who takes part, as in an event."""
    network = viewer is not None and viewer.sees_network
    asked = [
        home
        for home in row["not_taking_part"]
        if network or (viewer is not None and viewer.organisation_id == home)
    ]
    published = row["state"] == RoundStateName.PUBLISHED
    return RoundRead(
        id=row["id"],
        name=row["name"],
        period=row["period"],
        state=row["state"],
        settings=row["settings"] if network else None,
        party_ids=row["home_unit_ids"],
        not_taking_part=[NotTakingPart(home_unit_id=home, question=QUESTION) for home in asked],
        runs=[_run(run, network=network, published=published) for run in runs],
        published_at=row["published_at"],
        version=row["version"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
    )


def _run(run: Row, *, network: bool, published: bool) -> RoundRunRead:
    failure = run["failure"] if network else None
    zh = run["failure_zh"] or "未能得出结果，原因仅以英文记录。"
    return RoundRunRead(
        number=run["number"],
        state=run["state"],
        snapshot_hash=run["snapshot_hash"],
        configuration_hash=run["configuration_hash"],
        commitment=run["commitment"],
        seed=run["seed"] if published else None,
        projects=run["projects"],
        matched=run["matched"] if network or published else None,
        result_hash=run["result_hash"],
        certificate_kind=run["kind"],
        figures=run["figures"] if network else None,
        displaced_project_ids=run["displaced"] if network else [],
        failure=None if failure is None else Texts(zh=zh, en=failure),
        created_at=run["created_at"],
        finished_at=run["finished_at"],
    )


def offer_read(row: Row) -> OfferRead:
    """Return an offer; both of its parties see the same."""
    names = OfferRead.model_fields.keys() - {"landing", "party_ids"}
    values: dict[str, Any] = {name: row[name] for name in names}
    values["landing"] = _landing(row)
    values["party_ids"] = parties_of_offer(row)
    return OfferRead.model_validate(values)


def parties_of_offer(row: Row) -> list[str]:
    """Return the home unit and those who speak for the project."""
    return sorted({row["home_unit_id"], *row["conductor_ids"]})


def _landing(row: Row) -> LandingOutcome | None:
    if row["landing_state"] is None:
        return None
    return LandingOutcome(state=row["landing_state"], landing_id=row["landing_id"], code=row["landing_code"])

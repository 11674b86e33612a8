"""What a worker process is asked to do with the documents of a run: plain data in, plain data out."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from services.matching import verifier
from services.matching.engine.markets import solving
from services.matching.engine.markets.canonical import sha256
from services.matching.engine.markets.configuration import Configuration
from services.matching.engine.markets.market import NONE, Market
from services.matching.rounds.documents import (
    Document,
    Stored,
    configuration_from,
    market_from,
    packed,
    unpacked,
    without_snapshot,
)


@dataclass(frozen=True)
class Solved:
    """A result ready to be stored, without its seed.

    ``moved`` are the ids of projects that had another place before; ``prices`` is what one more place is
    worth by home unit, in millionths, None where the mechanism has no prices.
    """

    result: bytes
    result_hash: str
    kind: str
    matched: int
    figures: dict[str, Any]
    moved: list[str]
    prices: dict[str, int] | None


@dataclass(frozen=True)
class Loaded:
    """A run that has a result, as the questions about it need it."""

    market: Market
    configuration: Configuration
    seed: str
    assignment: list[int]
    figures: dict[str, Any]
    document: Document

    @classmethod
    def of(cls, stored: Stored) -> "Loaded":
        """Read the stored documents."""
        document = stored.added()
        return cls(
            market_from(unpacked(stored.snapshot)),
            configuration_from(document["configuration"]),
            document["seed"],
            document["assignment"],
            document["figures"],
            document,
        )

    @property
    def array(self) -> Any:
        """Return the assignment as the engine takes it."""
        return np.array(self.assignment, np.int64)


def solve_run(snapshot: bytes, configuration: Document, seed: str) -> Solved:
    """Match a frozen market; the same arguments give the same bytes, whoever asks and how often."""
    market = market_from(unpacked(snapshot))
    result = solving.solve(market, configuration_from(configuration), seed)
    document = without_snapshot(result)
    return Solved(
        result=packed({**document, "seed": None}),
        result_hash=document["result_hash"],
        kind=document["certificate"]["kind"],
        matched=document["figures"]["matched"],
        figures=document["figures"],
        moved=[market.project_ids[row] for row in document["figures"]["moved"]],
        prices=_prices(market, document["certificate"]),
    )


def _prices(market: Market, certificate: Document) -> dict[str, int] | None:
    """The dual price of a place; the quotas stand first among the limits of a bound."""
    if certificate["kind"] == "optimality":
        prices, scale = certificate["prices"], certificate["price_scale"]
    elif certificate["kind"] == "bound":
        prices, scale = certificate["multipliers"], certificate["multiplier_scale"]
    else:
        return None
    return {name: price // scale for name, price in zip(market.home_unit_ids, prices, strict=False)}


def check_run(stored: Stored, known: dict[str, str]) -> list[dict[str, Any]]:
    """Let the independent verifier check a stored result, against what was published before it as well."""
    return [one._asdict() for one in verifier.verify(stored.document(), **known)]


def propensities(stored: Stored, replays: int) -> list[dict[str, Any]]:
    """Count over lottery replays where each project ends; the seeds follow from the snapshot's hash."""
    run = Loaded.of(stored)
    counts = np.zeros((run.market.shape[0], run.market.shape[1] + 1), np.int64)
    rows = np.arange(run.market.shape[0])
    seeds = [sha256(f"{run.market.hash} replay {number}") for number in range(replays)]
    for assignment in _replayed(run, seeds):
        counts[rows, assignment] += 1
    return [
        {
            "project_id": project_id,
            "unmatched": int(found[NONE]),
            "home_units": [
                {"home_unit_id": run.market.home_unit_ids[home], "count": int(found[home])}
                for home in np.flatnonzero(found[:-1]).tolist()
            ],
        }
        for project_id, found in zip(run.market.project_ids, counts, strict=True)
    ]


def _replayed(run: Loaded, seeds: list[str]) -> NDArray[np.int64]:
    """The assignment under each seed, seeds × projects."""
    from services.matching.engine.markets.stable.propensities import propensities as replays_of

    return replays_of(run.market, run.configuration, seeds)

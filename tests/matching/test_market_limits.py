"""Markets at the edge, and what a solver, a disk or a size refuses: right answers or clear words."""

import importlib.util
from pathlib import Path
from typing import Any, NamedTuple

import numba
import numpy as np
import pytest

from services.matching.engine import compiled
from services.matching.engine.compiled import kept
from services.matching.engine.markets.building import market_of
from services.matching.engine.markets.comparison import blocking_pairs
from services.matching.engine.markets.configuration import Configuration
from services.matching.engine.markets.errors import Infeasible, InvalidConfiguration, InvalidMarket
from services.matching.engine.markets.market import NONE, Market
from services.matching.engine.markets.solving import solve
from services.matching.engine.markets.stable import incremental
from services.matching.engine.markets.terms import adjusted_scores, pair_weights, weights_at
from services.matching.engine.markets.welfare import fairness
from services.matching.verifier import verify
from tests.matching.random_rounds import SEED

TWO: dict[str, Any] = {
    "project_ids": ["a", "b"],
    "home_unit_ids": ["x", "y"],
    "u": [[900_000, 100_000], [800_000, 200_000]],
    "v": [[900_000, 100_000], [800_000, 200_000]],
    "quotas": [1, 1],
}
MECHANISMS = (Configuration("stable"), Configuration("welfare"), Configuration("welfare", fairness="max_min"))


def two(**changed: Any) -> Market:
    return market_of(**{**TWO, **changed})


def one_sided(projects: int, homes: int, u: int, quota: int) -> Market:
    """Every pair alike."""
    return market_of(
        project_ids=[f"p{number}" for number in range(projects)],
        home_unit_ids=[f"h{number}" for number in range(homes)],
        u=np.full((projects, homes), u),
        v=np.full((projects, homes), u),
        quotas=[quota] * homes,
    )


@pytest.mark.parametrize("rules", MECHANISMS, ids=["stable", "welfare", "fair"])
@pytest.mark.parametrize(
    ("projects", "homes", "score", "quota", "matched"),
    [
        (0, 0, 0, 0, 0),
        (0, 3, 500_000, 2, 0),
        (4, 0, 500_000, 2, 0),
        (4, 3, 500_000, 0, 0),
        (4, 3, NONE, 2, 0),
        (7, 3, 500_000, 2, 6),
        (7, 1, 1_000_000, 10**15, 7),
    ],
    ids=["nothing", "no project", "no home unit", "no quota", "all gated", "all tied", "no end of places"],
)
def test_a_degenerate_market_has_its_right_answer(
    rules: Configuration, projects: int, homes: int, score: int, quota: int, matched: int
) -> None:
    result = solve(one_sided(projects, homes, score, quota), rules, SEED)
    assert np.count_nonzero(result.assignment != NONE) == result.figures["matched"] == matched
    assert [check for check in verify(result.document()) if not check.passed] == []


@pytest.mark.parametrize(
    "nonsense",
    [
        {"u": []},
        {"quotas": []},
        {"quotas": [1, float("nan")]},
        {"u": [[float("nan"), 0], [0, 0]]},
        {"v": [[-2, 0], [0, 0]]},
        {"project_ids": ["a", "a"]},
        {"region_caps": [(0, 10**30)], "regions": ["330000"]},
        {"region_caps": [(0, 2.5)], "regions": ["330000"]},
        {"region_caps": [(0.5, 2)], "regions": ["330000"]},
        {"region_caps": [(0, float("nan"))], "regions": ["330000"]},
        {"commitments": [(0, 0, "weight", 0.5, "o")]},
        {"commitments": [(0, 0, "weight", float("nan"), "o")]},
        {"commitments": [(0, 0, "fixed", 1, "o")]},
        {"demand_names": ["m2"], "demands": [[1, 1]], "resources": [(0, 0, float("inf"))]},
        {"industries": ["27"], "project_industry": [1, 0]},
    ],
)
def test_nonsense_has_a_sentence(nonsense: dict[str, Any]) -> None:
    with pytest.raises(InvalidMarket):
        two(**nonsense)


def test_demands_whose_sum_leaves_64_bits_are_refused_and_do_not_wrap_around() -> None:
    projects = 10_000
    demands = {"demand_names": ["cny"], "demands": [[10**15] * projects], "resources": [(0, 0, 10**15)]}
    with pytest.raises(InvalidMarket, match="together"):
        market_of(
            project_ids=[f"p{number:05}" for number in range(projects)],
            home_unit_ids=["h"],
            u=np.zeros((projects, 1), np.int64),
            v=np.zeros((projects, 1), np.int64),
            quotas=[projects],
            **demands,
        )


def test_the_weights_of_some_pairs_are_those_of_the_table() -> None:
    market = two(
        u=[[900_000, -1], [800_000, 200_000]],
        v=[[700_000, -1], [800_000, 300_000]],
        previous=[1, 0],
        commitments=[(0, 0, "weight", 5_000, "o")],
    )
    rules = Configuration("welfare", match_bonus=7, move_penalty=100)
    projects, homes = np.divmod(np.arange(4), 2)
    assert weights_at(market, rules, projects, homes).tolist() == pair_weights(market, rules).ravel().tolist()


def test_a_fixed_project_blocks_nothing_in_a_comparison() -> None:
    market = two(commitments=[(0, 1, "fixed", 0, "o")])
    result = solve(market, Configuration("stable"), SEED)
    assert result.assignment.tolist() == [1, 0]
    assert blocking_pairs(market, adjusted_scores(market), result.assignment) == 0


def test_what_the_solver_gave_up_on_is_not_called_impossible(monkeypatch: pytest.MonkeyPatch) -> None:
    class Answer(NamedTuple):
        status: int
        x: None = None

    market = two(lower_quotas=[1, 1], v=[[900_000, -1], [800_000, -1]], u=[[900_000, -1], [800_000, -1]])
    rules = Configuration("stable", lower_quotas="fewest_blocking")
    with pytest.raises(Infeasible):
        solve(market, rules, SEED)
    monkeypatch.setattr("scipy.optimize.milp", lambda *_, **__: Answer(1))
    with pytest.raises(InvalidConfiguration, match="soft"):
        solve(market, rules, SEED)


def test_a_fair_round_is_no_less_fair_than_a_plain_one_if_the_solver_stops_early(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(fairness, "_exact", lambda problem, _: np.full(len(problem.weights), NONE))
    result = solve(two(), Configuration("welfare", fairness="max_min"), SEED)
    without = result.figures["least_home_welfare_per_place_without_fairness"]
    assert result.figures["least_home_welfare_per_place"] >= without > 0


def test_a_standing_round_refuses_more_projects_than_it_has_lottery_numbers_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(incremental, "bits_of", lambda _: 39)
    with pytest.raises(InvalidConfiguration, match="a standing round of so many"):
        incremental.Standing(two(), Configuration("stable"), SEED)


def test_where_no_cache_can_be_written_kernels_are_compiled_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file stands where the folder's cache would be, as if the package belonged to somebody else."""
    monkeypatch.setattr("numba.config.CACHE_DIR", "")
    for name in ("HOME", "XDG_CACHE_HOME"):
        monkeypatch.setenv(name, "/dev/null/cache")
    (tmp_path / "__pycache__").touch()
    module = tmp_path / "kernel_of_somebody_else.py"
    module.write_text("def twice(value):\n    return 2 * value\n")
    found = importlib.util.spec_from_file_location(module.stem, module)
    assert found is not None
    assert found.loader is not None
    loaded = importlib.util.module_from_spec(found)
    found.loader.exec_module(loaded)
    with pytest.raises(RuntimeError):
        numba.njit(cache=True)(loaded.twice)
    assert kept()(loaded.twice)(21) == 42


def test_kernels_are_kept_in_one_way_only() -> None:
    engine = Path(compiled.__file__).parent
    asking = [path for path in engine.rglob("*.py") if "cache=True" in path.read_text("utf-8")]
    assert asking == [Path(compiled.__file__)]

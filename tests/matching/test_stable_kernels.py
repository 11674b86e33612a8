"""Compiled code against plain Python, other processes, and markets at the edge."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path
from time import process_time

import numpy as np
import pytest

from services.matching.engine.markets.building import market_of
from services.matching.engine.markets.canonical import canonical_json
from services.matching.engine.markets.configuration import Configuration
from services.matching.engine.markets.errors import InvalidConfiguration
from services.matching.engine.markets.market import FULL, NONE
from services.matching.engine.markets.solving import solve
from services.matching.engine.markets.stable import acceptance
from services.matching.engine.markets.stable.mechanism import solve_stable
from tests.matching.stable_world import SEED, configuration, small

ROOT = Path(__file__).resolve().parents[2]
STABLE = Configuration("stable")


def test_compiled_code_equals_plain_python(monkeypatch: pytest.MonkeyPatch) -> None:
    chance = np.random.default_rng(21)
    for number in range(500):
        market = small(chance, int(chance.integers(0, 25)), int(chance.integers(0, 7)), caps=number % 2 == 0)
        chosen = configuration(chance, ties=("lottery", "promotion")[number % 3 == 0])
        compiled = solve_stable(market, chosen, SEED)
        with monkeypatch.context() as patch:
            patch.setenv(acceptance.KERNELS, "python")
            assert acceptance.compiled() is None
            plain = solve_stable(market, chosen, SEED)
        assert plain.assignment.tolist() == compiled.assignment.tolist()
        assert plain.certificate == compiled.certificate
        assert plain.figures == compiled.figures


@pytest.mark.parametrize("crowd", [0, 5])
def test_a_crowd_that_is_chosen_from_at_once_ends_where_single_requests_do(
    monkeypatch: pytest.MonkeyPatch, crowd: int
) -> None:
    chance = np.random.default_rng(24)
    for number in range(300):
        projects = int(chance.integers(0, 30 if number % 10 else 900))
        market = small(chance, projects, int(chance.integers(0, 7)), caps=number % 2 == 0)
        chosen = configuration(chance, ties="lottery")
        singly = solve_stable(market, chosen, SEED)
        with monkeypatch.context() as patch:
            patch.setattr(acceptance, "CROWD", crowd)
            together = solve_stable(market, chosen, SEED)
        assert together.document() == singly.document()


def document_hash() -> str:
    """The bytes of a middling round, hashed; called in other processes as well."""
    chance = np.random.default_rng(22)
    digest = hashlib.sha256()
    for ties in ("lottery", "promotion"):
        market = small(chance, 400, 8, caps=True)
        result = solve(market, Configuration("stable", priority_step=200_000, ties=ties), SEED)
        digest.update(canonical_json(result.document()).encode())
    return digest.hexdigest()


@pytest.mark.parametrize("environment", [{"NUMBA_NUM_THREADS": "1"}, {"NUMBA_NUM_THREADS": "2"}])
def test_another_process_gives_the_same_bytes(environment: dict[str, str]) -> None:
    code = "from tests.matching.test_stable_kernels import document_hash; print(document_hash())"
    done = subprocess.run(
        [sys.executable, "-c", code],
        check=True,
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={**os.environ, **environment, "PYTHONHASHSEED": environment["NUMBA_NUM_THREADS"]},
    )
    assert done.stdout.strip() == document_hash()


def market(u, quotas, **more):
    u = np.asarray(u)
    ids = [[f"{kind}_{n:07}" for n in range(size)] for kind, size in zip(("p", "h"), u.shape, strict=True)]
    return market_of(project_ids=ids[0], home_unit_ids=ids[1], u=u, v=u, quotas=quotas, **more)


@pytest.mark.parametrize("ties", ["lottery", "promotion"])
def test_empty_markets_have_empty_answers(ties: str) -> None:
    chosen = Configuration("stable", ties=ties)
    for shape in ((0, 0), (0, 3), (3, 0)):
        result = solve(market(np.zeros(shape, int), np.ones(shape[1], int)), chosen, SEED)
        assert result.assignment.tolist() == [NONE] * shape[0]
        assert result.document()["certificate"]["blocking_pairs"] == 0
    nobody = solve(market(np.full((3, 2), NONE), [1, 1]), chosen, SEED)
    assert nobody.assignment.tolist() == [NONE] * 3
    assert nobody.figures["without_permitted_home_unit"] == 3
    closed = solve(market(np.full((3, 2), 5), [0, 0]), chosen, SEED)
    assert closed.assignment.tolist() == [NONE] * 3
    assert [row["cutoff"] for row in closed.certificate["cutoffs"]] == [NONE, NONE]


def test_all_tied_is_decided_by_the_lottery_alone() -> None:
    tied = market(np.full((6, 2), 7), [2, 1])
    by_lottery = np.argsort(acceptance_order(tied))
    first = solve(tied, STABLE, SEED).assignment
    assert [first[p] for p in by_lottery] == [0, 0, 1, NONE, NONE, NONE]
    other = {tuple(solve(tied, STABLE, f"{seed:064x}").assignment.tolist()) for seed in range(20)}
    assert len(other) > 5


def acceptance_order(one) -> np.ndarray:
    from services.matching.engine.markets import lottery

    return lottery.numbers(SEED, one.project_ids)


def test_one_home_unit_everybody_wants_takes_the_best() -> None:
    scores = np.full((200, 3), 10)
    scores[:, 1] = FULL - np.random.default_rng(23).permutation(200)
    result = solve(market(scores, [0, 20, 300]), STABLE, SEED)
    assert sorted(np.flatnonzero(result.assignment == 1)) == sorted(np.argsort(-scores[:, 1])[:20])
    assert (result.assignment != NONE).all()


def test_resources_are_refused_only_where_they_could_run_out() -> None:
    more = {"demand_names": ["space_m2"], "demands": [[30, 20, 10]]}
    enough = market(np.ones((3, 1), int), [2], resources=[(0, 0, 50)], **more)
    assert solve(enough, STABLE, SEED).figures["matched"] == 2
    tight = market(np.ones((3, 1), int), [2], resources=[(0, 0, 49)], **more)
    with pytest.raises(InvalidConfiguration, match="space_m2 at home unit h_0000000"):
        solve(tight, STABLE, SEED)


def test_many_projects_take_little_time() -> None:
    chance = np.random.default_rng(24)
    scores = chance.integers(0, FULL, (200_000, 5), np.int32)
    big = market(scores, [30_000] * 5)
    begun = process_time()
    result = solve_stable(big, STABLE, SEED)
    assert process_time() - begun < 12
    assert result.figures["matched"] == 150_000
    assert result.certificate["blocking_pairs"] == 0

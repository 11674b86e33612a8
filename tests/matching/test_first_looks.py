"""A home unit's first look at all projects: compiled or not, sorted or not, it sees the same."""

import random
from collections.abc import Callable
from dataclasses import replace
from types import ModuleType

import numpy as np
import pytest

from services.matching.engine.scoring import lens_kernel
from services.matching.engine.scoring.bulk import warm
from services.matching.engine.scoring.evaluation import for_project
from services.matching.engine.scoring.features import HomeUnitFeatures
from services.matching.engine.scoring.grams import Indexed
from services.matching.engine.scoring.lens import Compiled, Lens, for_home
from services.matching.engine.scoring.ranking import best_rows
from services.matching.engine.scoring.snapshot import Snapshot
from tests.matching.bulk_markets import a_home, a_project
from tests.matching.ranking_markets import CODES, HOMES

IDS = tuple(f"prj_{number:02d}" for number in range(40))
KERNELS = (lens_kernel.see, lens_kernel.count, lens_kernel.mark, lens_kernel.sort)
Use = Callable[[ModuleType | None], None]


@pytest.fixture
def use(monkeypatch: pytest.MonkeyPatch) -> Use:
    """Have first looks go through the compiled form, or through the plain one."""
    return lambda kernel: monkeypatch.setattr(Compiled, "kernel", kernel)


def seen(snapshot: Snapshot, home: HomeUnitFeatures) -> tuple[bytes, ...]:
    """Everything a look at a home unit as it might be tells, which is always a first one."""
    found = Lens(snapshot, snapshot.hypothetical(home)).evaluation(both_sides=True)
    assert found.team is not None
    return found.outcomes.tobytes(), found.total.tobytes(), found.team.tobytes()


def changed(chance: random.Random, snapshot: Snapshot) -> None:
    """Projects come, change and go; some are in many industries, wish twice or say very little."""
    for project_id in chance.sample(IDS, 6):
        project = a_project(chance, project_id)
        many = {"industry_codes": tuple(chance.sample(CODES, 7))} if chance.random() < 0.3 else {}
        wishes = tuple(chance.choices(HOMES, k=3)) if chance.random() < 0.5 else ()
        snapshot.upsert_project(replace(project, preferred_home_unit_ids=wishes, **many))
    for project_id in chance.sample(IDS, 3):
        if project_id in snapshot.project_table.rows:
            snapshot.remove_project(project_id)


def test_compiled_and_plain_looks_are_the_same_bytes(use: Use) -> None:
    chance, passed = random.Random(11), 0
    for _ in range(12):
        snapshot = Snapshot([a_home(chance, home_id) for home_id in HOMES])
        for _ in range(6):
            changed(chance, snapshot)
            for home_id in HOMES:
                home = a_home(chance, home_id)
                use(lens_kernel)
                compiled = seen(snapshot, home)
                use(None)
                assert compiled == seen(snapshot, home)
                passed += compiled[0].count(b"\0")
    assert passed > 10_000


@pytest.mark.parametrize("kernel", [lens_kernel, None])
def test_a_look_kept_current_is_a_first_look(use: Use, kernel: ModuleType | None) -> None:
    chance = random.Random(12)
    use(kernel)
    snapshot = Snapshot([a_home(chance, home_id) for home_id in HOMES], [a_project(chance, i) for i in IDS])
    for _ in range(30):
        changed(chance, snapshot)
        points = [for_project(snapshot, project)[0].total for project in snapshot.project_rows]
        for row, home in enumerate(snapshot.home_rows):
            kept, first = for_home(snapshot, home), Lens(snapshot, home).evaluation()
            assert kept.outcomes.tobytes() == first.outcomes.tobytes()
            assert kept.total.tobytes() == first.total.tobytes()
            assert kept.total.tolist() == [int(total[row]) for total in points]


def test_one_compilation_serves_every_look() -> None:
    warm()
    assert Compiled.kernel is lens_kernel
    before = [len(each.signatures) for each in KERNELS]
    chance = random.Random(13)
    snapshot = Snapshot([a_home(chance, home_id) for home_id in HOMES])
    for project_id in IDS:
        snapshot.upsert_project(a_project(chance, project_id))
        seen(snapshot, a_home(chance, HOMES[0]))
    after = [len(each.signatures) for each in KERNELS]
    assert before == after == [1, 1, 1, 1]


def test_bigrams_are_counted_alike_before_and_after_they_are_sorted() -> None:
    chance, held, both = random.Random(14), list[set[int]](), (Indexed(), Indexed())
    for _ in range(400):
        row, grams = chance.randrange(len(held) + 1), set(chance.sample(range(1 << 17), 5)) | {1, 1 << 16}
        if chance.random() < 0.3 and row < len(held):
            for each in both:
                each.drop(row, len(held) - 1)
            held[row] = held[-1]
            held.pop()
        else:
            for each in both:
                each.put(row, np.array(sorted(grams), np.int32))
            held[row : row + 1] = [grams]
        asked = np.array(sorted({*chance.sample(range(1 << 17), 3), 1, 1 << 18, *grams}), np.int32)
        expected = [len(grams.intersection(asked.tolist())) for grams in held]
        assert both[0].shared(asked, len(held)).tolist() == expected
        assert both[1].shared(asked, len(held), lens_kernel).tolist() == expected


@pytest.mark.parametrize("span", [3, 10**9])
@pytest.mark.parametrize("share", [0.0005, 0.5])
@pytest.mark.parametrize("lead", [0, 10**9])
def test_the_best_of_many_are_those_of_a_full_sort(span: int, share: float, lead: int) -> None:
    """With a lead the few rows of a sample are better than all others."""
    chance, size = np.random.default_rng(15), 6_000
    ids = [f"prj_{number:05d}" for number in chance.permutation(size).tolist()]
    for limit in (1, 10, 700, size):
        total, allowed = chance.integers(0, span, size, np.int32), chance.random(size) < share
        total[::64] += lead
        order = sorted(np.flatnonzero(allowed).tolist(), key=lambda row: (-int(total[row]), ids[row]))
        assert best_rows(total, allowed, ids, limit) == order[:limit]

"""Bulk scoring equals scoring one by one, and standings kept current equal standings made anew."""

import random
from dataclasses import replace

import numpy as np
import pytest

from services.matching.engine.scoring import bulk, lens
from services.matching.engine.scoring.bulk import Best, Bulk
from services.matching.engine.scoring.features import PLANT_CLASSES, STAGES, HomeUnitFeatures, ProjectFeatures
from services.matching.engine.scoring.gates import PASS
from services.matching.engine.scoring.ranking import recommend_home_units
from services.matching.engine.scoring.snapshot import Snapshot
from services.matching.engine.scoring.standings import TOP, Standings
from tests.matching.bulk_markets import a_home, a_project
from tests.matching.ranking_markets import CODES, FIELDS, HOMES

PROJECTS = tuple(f"prj_{number:02d}" for number in range(14))


def market(chance: random.Random, homes: int, projects: int) -> Snapshot:
    return Snapshot(
        [a_home(chance, home_id) for home_id in chance.sample(HOMES, homes)],
        [a_project(chance, project_id) for project_id in PROJECTS[:projects]],
    )


def same(left: Best, right: Best) -> bool:
    return (
        left.columns.tobytes() == right.columns.tobytes() and left.scores.tobytes() == right.scores.tobytes()
    )


def test_compiled_and_plain_scoring_are_the_same_bytes() -> None:
    chance, passed = random.Random(1), 0
    for _ in range(120):
        snapshot = market(chance, chance.randrange(13), chance.randrange(15))
        compiled, plain = Bulk(snapshot), Bulk(snapshot, compiled=False)
        for limit in (1, TOP, 20):
            found = compiled.best(limit)
            assert same(found, plain.best(limit))
        passed += int((found.columns >= 0).sum())
    assert passed > 300


WIDE = {
    "accepted_stages": frozenset(STAGES),
    "accepted_plant_classes": frozenset(PLANT_CLASSES),
    "available_space_m2": 5_000,
    "max_fund_amount_cny": 10**8,
    "remaining_budget_cny": 10**8,
    "policy_supported_fields": frozenset(CODES + FIELDS),
}


@pytest.mark.parametrize("homes", [63, 64, 65, 150])
def test_more_home_units_than_one_line_holds(homes: int) -> None:
    """Many pass, many are equal, and there are more of them than are asked for."""
    chance = random.Random(homes)
    kinds = [a_home(chance, "kind") for _ in range(9)]
    kinds += [replace(kind, **WIDE) for kind in kinds]
    snapshot = Snapshot(
        [replace(chance.choice(kinds), id=f"org_{number:03d}") for number in range(homes)],
        [a_project(chance, f"prj_{number:03d}") for number in range(60)],
    )
    compiled, plain = Bulk(snapshot), Bulk(snapshot, compiled=False)
    assert (plain.best(homes).columns >= 0).sum(axis=1).max() > max(homes // 2, 34)
    for limit in (1, 7, homes - 1, homes, homes + 70):
        assert same(compiled.best(limit), plain.best(limit))


def test_best_is_what_a_recommendation_ranks() -> None:
    chance = random.Random(2)
    for _ in range(40):
        snapshot = market(chance, 12, 6)
        found = Bulk(snapshot).best(20)
        for row, project in enumerate(snapshot.project_rows):
            ranked = recommend_home_units(snapshot, project.features, 20).ranked
            assert found.top(row) == [item.candidate_id for item in ranked]
            assert found.scores[row, : len(ranked)].tolist() == [item.score for item in ranked]


def test_a_home_units_own_view_of_projects_agrees() -> None:
    snapshot = market(random.Random(3), 12, 14)
    best = Bulk(snapshot).best(12)
    for column, home_unit_id in enumerate(best.home_unit_ids):
        seen = lens.for_home(snapshot, snapshot.home_unit(home_unit_id))
        permitted = np.flatnonzero(seen.outcomes.max(axis=0) == PASS)
        rows, places = np.nonzero(best.columns == column)
        assert rows.tolist() == permitted.tolist()
        assert best.scores[rows, places].tolist() == seen.total[permitted].tolist()


def test_many_hosts_are_worked_out_block_by_block(monkeypatch: pytest.MonkeyPatch) -> None:
    snapshot = market(random.Random(4), 12, 14)
    usual = Bulk(snapshot).best(5)
    monkeypatch.setattr(bulk, "_HOST_CELLS", 0)
    monkeypatch.setattr(bulk, "BLOCK", 3)
    assert same(Bulk(snapshot).best(5), usual)
    assert same(Bulk(snapshot).best(5, threads=2), usual)


def test_texts_too_long_for_the_kernel_are_scored_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    snapshot = market(random.Random(5), 12, 14)
    usual = Bulk(snapshot).best(5)
    monkeypatch.setattr(bulk, "_LONGEST", 1)
    assert same(Bulk(snapshot).best(5), usual)
    monkeypatch.undo()
    long = ProjectFeatures(
        id="prj_long", title="新能源", stage="lead", summary="".join(map(chr, range(0x4E00, 0x4F00)))
    )
    snapshot.upsert_project(long)
    assert same(Bulk(snapshot).best(5), Bulk(snapshot, compiled=False).best(5))


def open_home(home_id: str) -> HomeUnitFeatures:
    return HomeUnitFeatures(
        id=home_id,
        name=home_id,
        accepted_stages=frozenset({"lead"}),
        policy_supported_fields=frozenset(),
    )


FREE = {"plant_class": "none", "fund_amount_cny": 0, "industry_codes": ("36",)}


@pytest.mark.parametrize("compiled", [True, False])
def test_degenerate_markets(compiled: bool) -> None:
    project = ProjectFeatures(id="prj_a", title="甲", stage="lead", **FREE)
    twin = replace(project, id="prj_b")
    assert Bulk(Snapshot(), compiled=compiled).best(3).columns.shape == (0, 3)
    assert Bulk(Snapshot([], [project]), compiled=compiled).best(3).top(0) == []
    assert Bulk(Snapshot([open_home("org_a")]), compiled=compiled).best(3).columns.shape == (0, 3)
    gated = Snapshot([replace(open_home("org_a"), accepted_stages=frozenset({"pilot"}))], [project])
    assert Bulk(gated, compiled=compiled).best(3).scores.tolist() == [[-1, -1, -1]]
    tied = Snapshot([open_home(name) for name in ("org_d", "org_b", "org_a", "org_c")], [project, twin])
    best = Bulk(tied, compiled=compiled).best(3)
    assert [best.top(row) for row in (0, 1)] == [["org_a", "org_b", "org_c"]] * 2
    assert len(set(best.scores.ravel().tolist())) == 1
    assert Bulk(tied, compiled=compiled).best(0).columns.shape == (2, 0)
    # Told of again, a record takes its own place.
    tied.upsert_home_unit(open_home("org_a"))
    tied.upsert_project(project)
    assert same(Bulk(tied, compiled=compiled).best(3), best)


class Follower:
    """A market with its standings, and a random change at a time."""

    def __init__(self, chance: random.Random, *, alike: bool) -> None:
        self.chance, self.alike = chance, alike
        self.snapshot = Snapshot()
        self.standings = Standings(self.snapshot)
        self.tops: dict[str, tuple[str, ...]] = {}

    def home(self, home_id: str) -> HomeUnitFeatures:
        return open_home(home_id) if self.alike else a_home(self.chance, home_id)

    def project(self, project_id: str) -> ProjectFeatures:
        made = a_project(self.chance, project_id)
        return ProjectFeatures(id=made.id, title="甲", stage="lead", **FREE) if self.alike else made

    def change(self) -> None:
        changed: set[str] = set()
        homes = self.chance.sample(HOMES, self.chance.choice((0, 1, 1, 2)))
        for home_id in homes:
            self.snapshot.upsert_home_unit(self.home(home_id))
        for project_id in self.chance.sample(PROJECTS, self.chance.choice((0, 1, 2))):
            if project_id in self.snapshot.project_table.rows and self.chance.random() < 0.3:
                self.snapshot.remove_project(project_id)
                self.tops.pop(project_id, None)
            else:
                self.snapshot.upsert_project(self.project(project_id))
            changed.add(project_id)
        for home_id in homes:
            changed |= self.standings.touched_by(home_id)
        self.tops.update(self.standings.score(changed))

    def anew(self) -> dict[str, tuple[str, ...]]:
        best = Bulk(self.snapshot).best(TOP)
        return {name: tuple(best.top(row)) for row, name in enumerate(self.snapshot.project_table.ids)}


def test_kept_current_equals_made_anew_after_any_sequence_of_changes() -> None:
    touched = 0
    for seed in range(500):
        world = Follower(random.Random(seed), alike=seed % 10 == 0)
        for _ in range(4):
            world.change()
        assert world.tops == world.anew(), seed
        touched += sum(map(len, world.tops.values()))
    assert touched > 500


def test_only_projects_whose_top_may_change_are_touched() -> None:
    world = Follower(random.Random(7), alike=False)
    for home_id in HOMES[:6]:
        world.snapshot.upsert_home_unit(world.home(home_id))
    for project_id in PROJECTS:
        world.snapshot.upsert_project(world.project(project_id))
    world.standings.score(PROJECTS)
    unmoved = world.snapshot.home_unit(world.snapshot.home_table.ids[0]).features
    world.snapshot.upsert_home_unit(unmoved)
    assert world.standings.touched_by(unmoved.id) == set()
    closed = replace(unmoved, accepted_stages=frozenset())
    tops = world.anew()
    world.snapshot.upsert_home_unit(closed)
    assert world.standings.touched_by(closed.id) == {name for name, top in tops.items() if closed.id in top}


def test_scores_do_not_depend_on_the_order_of_arrival() -> None:
    chance = random.Random(8)
    homes, projects = [a_home(chance, i) for i in HOMES], [a_project(chance, i) for i in PROJECTS]
    forth, back = (
        Bulk(Snapshot(homes, projects)).best(20),
        Bulk(Snapshot(homes[::-1], projects[::-1])).best(20),
    )
    assert forth.columns.tobytes() == np.ascontiguousarray(back.columns[::-1]).tobytes()
    assert forth.scores.tobytes() == np.ascontiguousarray(back.scores[::-1]).tobytes()

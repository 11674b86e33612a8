"""A home unit compared with what it might be: what the oracle says of both, and nothing on file changes."""

from collections import Counter
from dataclasses import replace

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.matching.engine.scoring.comparison import TOP, Compared, compare
from services.matching.engine.scoring.features import PLANT_CLASSES, STAGES, HomeUnitFeatures
from services.matching.engine.scoring.ranking import recommend_home_units, recommend_projects
from services.matching.engine.scoring.snapshot import Snapshot
from tests.matching.ranking_markets import CODES, FIELDS, HOMES, Verdict, homes, judge, projects

patient = settings(deadline=None, max_examples=25, suppress_health_check=list(HealthCheck))
project_lists = st.integers(0, 14).flatmap(
    lambda n: st.tuples(*(projects(f"prj_{i:02}") for i in range(n))).map(list)
)
some = st.frozensets(st.integers(0, 14).map(lambda n: f"prj_{n:02}"))


def generous(home: HomeUnitFeatures) -> HomeUnitFeatures:
    """The same home unit where nearly every project passes, so that ranks are compared too."""
    return replace(
        home,
        accepted_stages=frozenset(STAGES),
        accepted_plant_classes=frozenset(PLANT_CLASSES),
        available_space_m2=10**8,
        max_fund_amount_cny=10**12,
        remaining_budget_cny=10**12,
        policy_supported_fields=frozenset(CODES + FIELDS),
    )


lenient = homes(HOMES[0]).map(generous) | homes(HOMES[0])


def ranked(verdicts: dict[str, Verdict]) -> list[str]:
    feasible = {name: verdict for name, verdict in verdicts.items() if verdict.outcome == "pass"}
    return sorted(feasible, key=lambda name: (-feasible[name].total, name))


def obstacles(verdict: Verdict) -> tuple[tuple[str, str], ...]:
    return tuple((gate, outcome) for gate, outcome in verdict.gates.items() if outcome != "pass")


@patient
@given(lenient, lenient, homes(HOMES[1]), project_lists, st.none() | some)
def test_both_states_equal_the_scalar_oracle(before, after, other, market, among):
    found = compare(Snapshot([other, before], market), after, among, watched=("prj_00", "prj_99"))
    seen = [project for project in market if among is None or project.id in among]
    assert found.considered == len(seen)
    old = {project.id: judge(before, project) for project in seen}
    new = {project.id: judge(after, project) for project in seen}
    orders = ranked(old), ranked(new)
    for outlook, verdicts, order in zip((found.before, found.after), (old, new), orders, strict=True):
        outcomes = Counter(verdict.outcome for verdict in verdicts.values())
        assert (outlook.feasible, outlook.open, outlook.refused) == tuple(
            outcomes[outcome] for outcome in ("pass", "unknown", "fail")
        )
        for tally in outlook.gates:
            gates = Counter(verdict.gates[tally.gate] for verdict in verdicts.values())
            assert tuple(tally)[1:] == (gates["pass"], gates["unknown"], gates["fail"])
        assert [entry.project_id for entry in outlook.best] == order[:TOP]
    assert [entry.project_id for entry in found.gained] == [n for n in orders[1] if n not in orders[0]]
    assert [entry.project_id for entry in found.lost] == [n for n in orders[0] if n not in orders[1]]
    assert (found.gained_count, found.lost_count) == (len(found.gained), len(found.lost))
    assert found.feasible_ids == {"prj_00"} & set(orders[1])
    for entry in (*found.before.best, *found.after.best, *found.gained, *found.lost):
        stands_as(entry, (old, new), orders)


def stands_as(
    entry: Compared, verdicts: tuple[dict[str, Verdict], ...], orders: tuple[list[str], ...]
) -> None:
    for standing, verdict, order in zip((entry.before, entry.after), verdicts, orders, strict=True):
        name = entry.project_id
        rank = order.index(name) + 1 if name in order else None
        assert standing == (verdict[name].total, rank, obstacles(verdict[name]))


@patient
@given(lenient, lenient, project_lists)
def test_a_comparison_leaves_no_trace(before, after, market):
    snapshot = Snapshot([before], market)
    new_words = replace(after, description=f"{after.description}，从未有人写过的词语 unheardof")
    known = {name: len(getattr(snapshot, name)) for name in ("_vocabulary", "_organisations", "_clusters")}
    answers = [recommend_projects(snapshot, before.id, 99), snapshot.home_revision, snapshot.project_epoch]
    first = compare(snapshot, new_words)
    assert compare(snapshot, new_words) == first
    assert {name: len(getattr(snapshot, name)) for name in known} == known
    assert snapshot.home_unit(before.id).features is before
    again = [recommend_projects(snapshot, before.id, 99), snapshot.home_revision, snapshot.project_epoch]
    assert (again[0].ranked, again[0].counts, again[1:]) == (
        answers[0].ranked,
        answers[0].counts,
        answers[1:],
    )


@patient
@given(lenient, lenient, project_lists)
def test_what_is_foreseen_is_what_comes(before, after, market):
    snapshot = Snapshot([before], market)
    foreseen = compare(snapshot, after).after
    snapshot.upsert_home_unit(after)
    come = recommend_projects(snapshot, after.id, TOP)
    assert [(e.project_id, e.after.score) for e in foreseen.best] == [
        (item.candidate_id, item.score) for item in come.ranked
    ]
    assert (foreseen.feasible, foreseen.open, foreseen.refused) == come.counts[1:4]
    for entry in foreseen.best:
        project = snapshot.project(entry.project_id).features
        assert recommend_home_units(snapshot, project).ranked[0].score == entry.after.score

"""Tables of the documents that follow from the code; ``python -m tests.documents.tables`` writes them."""

import re
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

from services.metrics.kpis.definitions import definitions
from services.registry.landings import guards as landing
from services.registry.projects.guarding import GuardResult
from services.registry.projects.stage import EXITS, LADDER, Function, Stage
from services.registry.residencies.state import ResidencyState, can_step
from services.registry.stages import guards as stage

ROOT = Path(__file__).parents[2]


def table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def words(results: list[GuardResult]) -> tuple[str, str]:
    names = ", ".join(f"`{result.name}`" for result in results)
    return names, " ".join(result.detail_en for result in results)


def of_this_step(results: list[GuardResult]) -> list[GuardResult]:
    return [result for result in results if result.name != "effective_in_order"]


def every_step(order: GuardResult) -> list[str]:
    return ["every step, also a forced one", f"`{order.name}`", order.detail_en]


def stage_guards() -> str:
    facts = stage.StageFacts()
    rows = []
    for before, after in pairwise(LADDER):
        rows.append([f"`{before}` → `{after}`", *words(of_this_step(stage.evaluate(before, after, facts)))])
    exits = ", ".join(f"`{exit_}`" for exit_ in Stage if exit_ in EXITS)
    leaving = of_this_step(stage.evaluate(Stage.LEAD, Stage.REJECTED, facts))
    rows.append([f"any before `completed` → {exits}", *words(leaving)])
    rows.append(every_step(stage.EFFECTIVE_IN_ORDER(facts)))
    return table(["step", "guards", "what they say when they refuse"], rows)


def landing_guards() -> str:
    facts, rows = landing.LandingFacts(), []
    along = dict(pairwise(landing.LADDER))
    for (before, after), guards in landing.GUARDS.items():
        if along.get(before) == after or after == landing.LandingState.LAPSED:
            found = of_this_step([guard(facts) for guard in guards])
            rows.append([f"`{before}` → `{after}`", *words(found)])
    for failure in (landing.LandingState.BREACHED, landing.LandingState.MOVED_AWAY):
        sources = [before for before, after in landing.GUARDS if after == failure]
        before = ", ".join(f"`{state}`" for state in sources)
        found = of_this_step(landing.evaluate(sources[0], failure, facts))
        rows.append([f"{before} → `{failure}`", *words(found)])
    rows.append(every_step(landing.effective_in_order(facts)))
    return table(["step", "guards", "what they say when they refuse"], rows)


def residency_steps() -> str:
    rows = []
    for before in ResidencyState:
        after = [f"`{state}`" for state in ResidencyState if can_step(before, state)]
        rows.append([f"`{before}`", ", ".join(after) or "—"])
    return table(["from", "to"], rows)


def functions() -> str:
    return ", ".join(f"`{function}`" for function in Function)


def kpi_definitions() -> str:
    rows = [
        [
            f"`{entry.id}`",
            f"{entry.name_en} {entry.name_zh}",
            entry.definition_en,
            f"`{_cell(entry.formula)}`",
        ]
        for entry in definitions().values()
    ]
    return table(["kpi", "name", "definition", "formula"], rows)


def kpi_sets() -> str:
    rows = [
        [f"`{entry.id}`", entry.unit, ", ".join(f"`{name}`" for name in entry.sets)]
        for entry in definitions().values()
    ]
    return table(["kpi", "unit", "sets that can be listed"], rows)


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


TABLES: dict[str, dict[str, Callable[[], str]]] = {
    "docs/domain.md": {
        "stage guards": stage_guards,
        "landing guards": landing_guards,
        "residency steps": residency_steps,
        "functions": functions,
    },
    "docs/kpis.md": {"kpi definitions": kpi_definitions, "kpi sets": kpi_sets},
}


def written_anew(document: str) -> str:
    """Return a document with its tables as the code has them now."""
    text = (ROOT / document).read_text(encoding="utf-8")
    for name, build in TABLES[document].items():
        pattern = re.compile(rf"(<!-- from the code: {name} -->).*?(<!-- end -->)", re.DOTALL)
        text, count = pattern.subn(lambda match, body=build(): f"{match[1]}\n\n{body}\n\n{match[2]}", text)
        if count != 1:
            raise LookupError(f"{document} has {count} places for {name!r}")
    return text


if __name__ == "__main__":
    for path in TABLES:
        (ROOT / path).write_text(written_anew(path), encoding="utf-8")

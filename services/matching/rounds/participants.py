"""Who takes part in a round, read from the engine in one go and safe to hand to another thread."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from services.matching.directory.records import Place, Project
from services.matching.engine.scoring import industries
from services.matching.engine.scoring.features import HomeUnitFeatures, ProjectFeatures
from services.matching.profiles.schemas import ProfileRead
from services.matching.recommendations.live import LiveEngine


@dataclass(frozen=True, slots=True)
class Home:
    """A home unit with what it said of itself, None where it has no profile."""

    features: HomeUnitFeatures
    place: Place | None
    profile: ProfileRead | None


@dataclass(frozen=True, slots=True)
class Participants:
    """Everything a snapshot is built from; ``today`` decides which budgets are valid.

    ``kept`` are pairs agreed in an earlier run, ``barred`` those that were refused or not answered,
    ``previous`` where the last run had each project; ``again`` whether there were runs before.
    """

    homes: list[Home]
    projects: list[ProjectFeatures]
    today: date
    kept: tuple[tuple[str, str], ...] = ()
    barred: frozenset[tuple[str, str]] = frozenset()
    previous: Mapping[str, str] | None = None
    again: bool = False
    conductors: Mapping[str, frozenset[str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Earlier:
    """What the runs before left: agreed pairs, refused ones, and the last assignment."""

    kept: tuple[tuple[str, str], ...] = ()
    barred: frozenset[tuple[str, str]] = frozenset()
    previous: Mapping[str, str] | None = None
    again: bool = False


def participants_of(
    engine: LiveEngine, settings: Mapping[str, Any], today: date, earlier: Earlier
) -> Participants:
    """Read the engine after its ``refresh`` and without awaiting; the order is that of the ids."""
    kept = [pair for pair in earlier.kept if engine.features_of(pair[0]) is not None]
    named = settings["home_unit_ids"]
    wanted = set(engine.profiles if named is None else named) | {home for _, home in kept}
    homes = [
        Home(
            engine.snapshot.home_unit(home_unit_id).features,
            engine.home_units[home_unit_id].place,
            engine.profiles.get(home_unit_id),
        )
        for home_unit_id in sorted(wanted)
        if engine.has_home_unit(home_unit_id)
    ]
    always = {project_id for project_id, _ in kept}
    asked = _Asked(settings["projects"])
    chosen = sorted(
        project.id for project in engine.projects.values() if project.id in always or asked.takes(project)
    )
    features = [found for project_id in chosen if (found := engine.features_of(project_id)) is not None]
    return Participants(
        homes=homes,
        projects=features,
        today=today,
        kept=tuple(kept),
        barred=earlier.barred,
        previous=earlier.previous,
        again=earlier.again,
        conductors={one.id: engine.projects[one.id].conductor_ids for one in features},
    )


class _Asked:
    """A project filter as sets: it is asked of every project there is, on the event loop."""

    def __init__(self, chosen: Mapping[str, Any]) -> None:
        self._named, self._only_named = frozenset(chosen["project_ids"]), chosen["only_named"]
        self._stages, self._enclaves = frozenset(chosen["stages"]), frozenset(chosen["enclave_ids"])
        self._industries = frozenset(industries.node(key) for key in chosen["industries"])

    def takes(self, project: Project) -> bool:
        if project.id in self._named or self._only_named:
            return project.id in self._named
        if project.stage not in self._stages:
            return False
        if self._enclaves and project.enclave_id not in self._enclaves:
            return False
        keys = (*project.industry_codes, *project.strategic_fields)
        return not self._industries or industries.supported(keys, self._industries)

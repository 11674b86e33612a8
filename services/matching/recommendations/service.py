"""Use cases of recommendations."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from services.matching.directory.records import Project
from services.matching.engine.scoring.comparison import compare
from services.matching.engine.scoring.counterfactual import counterfactual
from services.matching.engine.scoring.features import ProjectFeatures
from services.matching.engine.scoring.ranking import (
    Recommendations,
    recommend_home_units,
    recommend_projects,
)
from services.matching.profiles.schemas import ProfilePut
from services.matching.profiles.service import profile_as_put
from services.matching.recommendations.cautions import Look, cautions_of
from services.matching.recommendations.change_schemas import CounterfactualAsk
from services.matching.recommendations.documents import (
    Document,
    Wording,
    open_item,
    ranked_item,
    refused_item,
    summary,
)
from services.matching.recommendations.errors import ProjectClosed
from services.matching.recommendations.facts import CLOSED_STAGES, home_unit_features
from services.matching.recommendations.lever_documents import counterfactual_document
from services.matching.recommendations.live import LiveEngine
from services.matching.recommendations.preview import document_of
from shared.clock import to_rfc3339, today
from shared.errors import NotFound
from shared.identity import Principal


@dataclass(frozen=True)
class Ask:
    """How many of what, and in which words."""

    limit: int
    refused_limit: int
    explain: bool
    lang: str | None
    redacted: bool = False
    order: str = "score"


async def home_units_for_project(
    engine: LiveEngine, viewer: Principal, project_id: str, ask: Ask
) -> Document:
    """Return the best home units for a project to one of its parties."""
    await engine.refresh()
    project, features = _ranked_project(engine, viewer, project_id)
    result = recommend_home_units(engine.snapshot, features, ask.limit, ask.order, engine.shadow_prices)
    wording = _wording(ask, "home_unit_id", "home_unit_name")

    def outsider(home_unit_id: str) -> bool:
        return ask.redacted or not (viewer.sees_network or viewer.organisation_id == home_unit_id)

    sees_medians = viewer.sees_network and not ask.redacted
    items = [
        ranked_item(item, wording, outsider=outsider(item.candidate_id), sees_medians=sees_medians)
        for item in result.ranked
    ]
    undecided = [
        open_item(item, wording, outsider=outsider(item.candidate_id)) for item in result.open_candidates
    ]
    judged = {"project_id": project_id, "project_version": project.version}
    own = {**judged, "items": items, "open_items": undecided}
    return {**own, **_rest(engine, result, wording, ask)}


async def home_units_for_projects(
    engine: LiveEngine, viewer: Principal, project_ids: Sequence[str], ask: Ask
) -> Document:
    """Return the best home units for each of some projects, as if each had been asked for alone."""
    items: list[Document] = []
    not_found: list[str] = []
    closed: list[str] = []
    for project_id in dict.fromkeys(project_ids):
        try:
            items.append(await home_units_for_project(engine, viewer, project_id, ask))
        except NotFound:
            not_found.append(project_id)
        except ProjectClosed:
            closed.append(project_id)
        # Five hundred at once would keep everybody else waiting.
        await asyncio.sleep(0)
    return {"items": items, "not_found": not_found, "closed": closed}


async def projects_for_home_unit(
    engine: LiveEngine, viewer: Principal, home_unit_id: str, ask: Ask
) -> Document:
    """Return the best projects for a home unit, to itself among those it may see."""
    await engine.refresh()
    allowed = viewer.sees_network or viewer.organisation_id == home_unit_id
    if not allowed or not engine.has_home_unit(home_unit_id):
        raise NotFound("No such home unit.", "没有该飞出地。")
    among = None if viewer.sees_network else engine.visible_to(viewer.organisation_id)
    result = recommend_projects(
        engine.snapshot, home_unit_id, ask.limit, among, ask.order, engine.shadow_prices
    )
    wording = _wording(ask, "project_id", "project_title")
    items = [
        ranked_item(item, wording, outsider=False, sees_medians=viewer.sees_network) for item in result.ranked
    ]
    undecided = [open_item(item, wording, outsider=False) for item in result.open_candidates]
    own = {"home_unit_id": home_unit_id, "items": items, "open_items": undecided}
    return {**own, **_rest(engine, result, wording, ask)}


async def preview_profile(
    engine: LiveEngine, viewer: Principal, home_unit_id: str, data: ProfilePut
) -> Document:
    """Return what a profile would change for a home unit, to itself among the projects it may see."""
    await engine.refresh()
    allowed = viewer.sees_network or viewer.organisation_id == home_unit_id
    home = engine.home_unit(home_unit_id)
    if not allowed or home is None:
        raise NotFound("No such home unit.", "没有该飞出地。")
    before = engine.profile_of(home_unit_id)
    after, changed = profile_as_put(home_unit_id, data, before)
    among = None if viewer.sees_network else engine.visible_to(viewer.organisation_id)
    wanted = {preference.project_id for preference in after.preferences or ()}
    found = compare(engine.snapshot, home_unit_features(home, after), among, wanted)
    open_projects = engine.snapshot.project_table.rows.keys()
    look = Look(wanted & open_projects if among is None else wanted & open_projects & among, found)
    return {
        "home_unit_id": home_unit_id,
        "profile_version": before.version if before else None,
        **_freshness(engine),
        **document_of(found, changed, cautions_of(after, look, today())),
    }


async def counterfactual_of(
    engine: LiveEngine, viewer: Principal, project_id: str, ask: CounterfactualAsk
) -> Document:
    """Return what would bring a home unit to a rank for a project, to one of the project's parties."""
    await engine.refresh()
    project, features = _ranked_project(engine, viewer, project_id)
    if not engine.has_home_unit(ask.home_unit_id):
        raise NotFound("No such home unit.", "没有该飞出地。")
    found = counterfactual(engine.snapshot, features, ask.home_unit_id, ask.rank)
    wording = Wording("home_unit_id", "home_unit_name")
    home = engine.snapshot.home_unit(ask.home_unit_id).features
    outsider = not (viewer.sees_network or viewer.organisation_id == home.id)
    unlimited = features.max_distance_km is None
    return {
        "project_id": project_id,
        "project_version": project.version,
        **wording.named(home.id, home.name),
        **counterfactual_document(found, wording, ask.rank, outsider=outsider, unlimited=unlimited),
        **_freshness(engine),
    }


def _ranked_project(
    engine: LiveEngine, viewer: Principal, project_id: str
) -> tuple[Project, ProjectFeatures]:
    project = engine.project(project_id)
    if project is None or not (viewer.sees_network or viewer.organisation_id in project.party_ids):
        raise NotFound("No such project.", "没有该项目。")
    if project.stage in CLOSED_STAGES:
        raise ProjectClosed()
    features = engine.features_of(project_id)
    if features is None:
        raise NotFound("This project cannot be ranked.", "该项目暂无法匹配。")
    return project, features


def _wording(ask: Ask, id_name: str, title_name: str) -> Wording:
    return Wording(id_name, title_name, ask.lang in (None, "zh"), ask.lang in (None, "en"), ask.explain)


def _rest(engine: LiveEngine, result: Recommendations, wording: Wording, ask: Ask) -> dict[str, Any]:
    return {
        "refused_items": [refused_item(item, wording) for item in result.refusals(ask.refused_limit)],
        **summary(result, wording),
        **_freshness(engine),
    }


def _freshness(engine: LiveEngine) -> Document:
    return {
        "directory_as_of": to_rfc3339(engine.as_of) if engine.as_of else None,
        "directory_revision": engine.state.revision,
        "lag_seconds": engine.lag_seconds(),
    }

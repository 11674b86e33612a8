"""Loading the network: the article's facts as they are, histories through every guard, and only once."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple, get_args

import httpx2
import pytest
from sqlalchemy import select

from services.registry import tables
from services.registry.app import create_app
from services.registry.base import messaging
from services.registry.projects.models import transitions
from services.registry.seed import keys
from services.registry.seed.loader import load
from services.registry.seed.plan import build_plan
from services.registry.seed.replay import instant_of
from services.registry.seed.synthetic import SyntheticProject, build_synthetic
from services.registry.seed.synthetic_steps import ExitStage, LandingMoved, StageExited, StageMoved
from services.registry.seed.synthetic_steps import Stage as SeedStage
from services.registry.settings import RegistrySettings
from services.registry.stages.models import approvals
from shared import clock
from shared.db.engine import Database, Row
from tests.support.services import ISSUER, ServiceUnderTest, create_schema, empty_store, running, verifier

# Enough for every kind of history.
COUNT = 60
TODAY = date(2026, 11, 23)
PLAN = build_plan()
SYNTHETIC = build_synthetic(TODAY, count=COUNT)
REAL_COMPANIES = ("天境生物", "泽璟制药", "德琪医药", "迈威生物")


class Seeded(NamedTuple):
    registry: ServiceUnderTest
    admin: httpx2.AsyncClient

    async def items(self, path: str, **params: Any) -> list[dict[str, Any]]:
        answer = await self.admin.get(path, params={"limit": 200, **params})
        assert answer.status_code == 200, answer.text
        found: list[dict[str, Any]] = answer.json()["items"]
        return found

    async def events(self) -> list[dict[str, Any]]:
        async with self.registry.database.read() as session:
            rows = await session.rows(select(messaging.events).order_by(messaging.events.c.sequence))
        return [json.loads(row["payload"]) | {"sequence": row["sequence"]} for row in rows]


def build_seeded(url: str) -> None:
    """The schema with everything loaded; tests get copies of it."""
    create_schema(tables.metadata)(url)

    async def fill() -> None:
        database = Database(url, pool_size=2, synchronous="OFF")
        loaded = await load(database, TODAY, count=COUNT)
        assert loaded.created["synthetic projects"] == COUNT
        await database.dispose()

    asyncio.run(fill())


@pytest.fixture(params=["sqlite", "postgresql"])
def seeded_url(
    request: pytest.FixtureRequest, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    cluster = request.getfixturevalue("postgres_cluster") if request.param == "postgresql" else None
    shared = tmp_path_factory.getbasetemp()
    with empty_store(request.param, "seeded", build_seeded, tmp_path, shared, cluster) as url:
        yield url


@pytest.fixture
async def seeded(seeded_url: str) -> AsyncIterator[Seeded]:
    app = create_app(store_settings(seeded_url), authenticator=verifier())
    async with running("registry", app, messaging) as registry:
        yield Seeded(registry, registry.as_admin())


def store_settings(url: str) -> RegistrySettings:
    return RegistrySettings(
        environment="test",
        database_url=url,
        secret="a secret for tests",
        issuer=ISSUER,
        run_workers=False,
        sqlite_synchronous="OFF",
    )


def stages_of(project: SyntheticProject) -> list[str]:
    return [step.to_stage for step in project.steps if isinstance(step, StageMoved | StageExited)]


async def test_the_article_is_loaded_as_it_stands(seeded: Seeded) -> None:
    enclaves = {item["id"]: item for item in await seeded.items("/v1/enclaves")}
    assert enclaves.keys() == {keys.enclave_id(planned.key) for planned in PLAN.enclaves}
    for planned in PLAN.enclaves:
        enclave = enclaves[keys.enclave_id(planned.key)]
        stated = (planned.area_m2, planned.workstations, planned.private_offices, planned.terrace_m2)
        assert (
            enclave["area_m2"],
            enclave["workstations"],
            enclave["offices"],
            enclave["terrace_m2"],
        ) == stated
        assert enclave["industries_stated"] == list(planned.industries_stated or ())
        assert enclave["operating_mode"] is None
        assert enclave["network_id"] is None
        assert enclave["synthetic"] is False
        assert enclave["capacity_synthetic"] is True
    with_operator = [
        planned.key for planned in PLAN.enclaves if enclaves[keys.enclave_id(planned.key)]["operator_id"]
    ]
    assert with_operator == ["luoyang-shenzhen", "jiangyin-hi-tech-zhangjiang", "jiangyin-hi-tech-shenzhen"]
    agreements = await seeded.items("/v1/agreements", kind="co_construction")
    assert [(item["title"], item["signed_on"]) for item in agreements] == [("园区共建协议", None)]
    networks = await seeded.items("/v1/networks")
    assert {item["name"] for item in networks} == {"科易网智服(云)飞地", "飞地孵化创新工作站"}
    assert [item["centre_enclave_id"] or item["cloud_enclave_ids"] for item in networks] == [[], []]


async def test_every_claim_has_its_quote_and_no_date(seeded: Seeded) -> None:
    claims = await seeded.items("/v1/claims")
    assert len(claims) > len(PLAN.claims)
    assert {claim["as_of"] for claim in claims} == {None}
    assert all(claim["quote"] and claim["source"] == "东滩智库" for claim in claims)
    assert not any(claim["synthetic"] for claim in claims)
    (introduced,) = [claim for claim in claims if claim["metric"] == "projects_introduced_cumulative"]
    assert (introduced["value"], introduced["subject_id"]) == ("112", keys.enclave_id("lishui-etdz-shanghai"))
    (hosted,) = [claim for claim in claims if claim["metric"] == "enclaves_hosted"]
    assert (hosted["value"], hosted["comparator"], hosted["value_text"]) == ("35", "greater_than", "超过35个")
    (sponsor,) = [
        claim
        for claim in claims
        if claim["metric"] == "sponsor" and claim["subject_id"] == keys.enclave_id("cixi-shanghai")
    ]
    assert sponsor["value_text"] == "慈溪市政府(牵头)"
    (partners,) = [claim for claim in claims if claim["metric"] == "partner_institutions"]
    assert partners["value_text"] == "中国科学院、复旦大学光电研究院、华东师范大学、美国陶氏化学等"


async def test_each_project_stands_where_its_plan_ends(seeded: Seeded) -> None:
    projects = {item["id"]: item for item in await seeded.items("/v1/projects")}
    landings = {item["project_id"]: item for item in await seeded.items("/v1/landings")}
    assert len(projects) == COUNT
    for planned in SYNTHETIC.projects:
        project = projects[keys.project_id(planned.key)]
        assert project["stage"] == (stages_of(planned) or ["lead"])[-1]
        assert project["synthetic"] is True
        assert project["title"].startswith("【示例】")
        assert project["operator_id"] == keys.organisation_id(planned.operator_key)
        moved = [step.to_state for step in planned.steps if isinstance(step, LandingMoved)]
        if moved:
            assert landings[project["id"]]["state"] == moved[-1]
    every_stage = {*get_args(SeedStage), *get_args(ExitStage)}
    assert {project["stage"] for project in projects.values()} == every_stage
    assert not any(name in json.dumps(list(projects.values()), ensure_ascii=False) for name in REAL_COMPANIES)


async def test_steps_take_effect_on_their_planned_day(seeded: Seeded) -> None:
    async with seeded.registry.database.read() as session:
        rows: list[Row] = [*await session.rows(select(transitions).where(transitions.c.track == "stage"))]
    logged = {(row["project_id"], row["to_state"]): row for row in rows}
    for planned in SYNTHETIC.projects:
        for step in planned.steps:
            if isinstance(step, StageMoved | StageExited):
                row = logged[(keys.project_id(planned.key), step.to_stage)]
                assert row["effective_at"] == instant_of(step.on)
                assert row["recorded_at"] >= row["effective_at"]
                assert not row["forced"]


async def test_a_project_is_a_lead_from_the_day_it_was_opened(seeded: Seeded) -> None:
    opened = {
        event["subject"]["id"]: datetime.fromisoformat(event["effective_at"])
        for event in await seeded.events()
        if event["type"] == "project.created"
    }
    assert opened == {
        keys.project_id(planned.key): instant_of(planned.steps[0].on) for planned in SYNTHETIC.projects
    }


async def test_two_organisations_turn_the_keys(seeded: Seeded) -> None:
    async with seeded.registry.database.read() as session:
        rows = await session.rows(select(approvals))
    given: dict[str, dict[str, str]] = {}
    for row in rows:
        given.setdefault(row["project_id"], {})[row["role"]] = row["organisation_id"]
    assert given
    for roles in given.values():
        assert roles.keys() == {"operator", "home_unit"}
        assert roles["operator"] != roles["home_unit"]


async def test_the_demonstration_operator_runs_no_enclave(seeded: Seeded) -> None:
    operator_id = keys.organisation_id("demo-operator")
    assert await seeded.items("/v1/enclaves", operator_id=operator_id) == []
    assert await seeded.items("/v1/projects", operator_id=operator_id) != []
    (operator,) = await seeded.items("/v1/organisations", kind="operator", synthetic="true")
    assert operator["id"] == operator_id


async def test_a_second_run_changes_nothing_also_on_a_later_day(seeded: Seeded) -> None:
    before = await seeded.events()
    again = await load(seeded.registry.database, TODAY, count=COUNT)
    assert not again.anything
    later = await load(seeded.registry.database, TODAY + timedelta(days=40), count=COUNT)
    assert not later.anything
    assert await seeded.events() == before


async def test_a_run_that_was_cut_short_is_completed(registry: ServiceUnderTest) -> None:
    await load(registry.database, TODAY, count=2)
    loaded = await load(registry.database, TODAY, count=3)
    assert +loaded.created == {"synthetic projects": 1}


async def test_the_feed_is_at_rest_after_loading(seeded: Seeded) -> None:
    events = await seeded.events()
    assert [event["sequence"] for event in events] == list(range(1, len(events) + 1))
    assert await seeded.registry.sequence() == 0


def test_a_step_of_today_is_never_in_the_future() -> None:
    assert instant_of(clock.today()) <= clock.now()
    assert instant_of(TODAY - timedelta(days=400)).tzinfo is not None

"""Whatever happened and in whatever order it was learned, the figures are what counting by hand gives."""

import asyncio
import itertools
import random
from collections.abc import Awaitable, Callable
from datetime import date, datetime
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import Table, select

from services.metrics.kpis import rollup
from services.metrics.kpis.tables import kpi_cells, landing_cells
from tests.metrics.conftest import Metrics, metrics_on
from tests.metrics.feed import HandmadeFeed, instant
from tests.metrics.histories import DAYS, histories
from tests.metrics.naive import Naive

SLICES = st.sampled_from(
    [
        {},
        {},
        {"enclave_id": "enc_1"},
        {"home_unit_id": "org_home"},
        {"operating_mode": "commissioned"},
        {"host_city_adcode": "310000"},
        {"operator_id": "org_op"},
        {"section": "C"},
        {"section": "I", "operating_mode": "commissioned"},
        {"strategic_field": "biotechnology"},
        {"cohort": "2021"},
    ]
)
EPOCHS = itertools.count()
KNOWN = st.none() | DAYS.map(instant)
PROPERTY = settings(
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    max_examples=12,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def told(url: str, feed: HandmadeFeed, check: Callable[[Metrics], Awaitable[None]]) -> None:
    """Run a check on metrics that has read just this feed."""

    async def run() -> None:
        async with metrics_on(url, feed) as metrics:
            await metrics.read_feed()
            await check(metrics)

    asyncio.run(run())


def fresh(feed: HandmadeFeed) -> HandmadeFeed:
    """The same feed in an epoch of its own, so that the ledger is built anew."""
    feed.epoch = f"epoch{next(EPOCHS)}"
    return feed


async def ask(metrics: Metrics, path: str, as_of: date, known_at: datetime | None, **params: Any) -> Any:
    query = {**params, "as_of": as_of.isoformat()}
    if known_at is not None:
        query["known_at"] = known_at.isoformat().replace("+00:00", "Z")
    response = await metrics.as_admin().get(f"/v1/kpis/{path}", params=query)
    assert response.status_code == 200, response.text
    return response.json()


@PROPERTY
@given(feed=histories(), as_of=DAYS.map(date.fromisoformat), known_at=KNOWN, slices=SLICES, data=st.data())
def test_figures_are_what_counting_by_hand_gives(
    metrics_url: str,
    feed: HandmadeFeed,
    as_of: date,
    known_at: datetime | None,
    slices: dict[str, str],
    data: Any,
) -> None:
    months, tier = (
        data.draw(st.sampled_from([24, 36])),
        data.draw(st.sampled_from(["registered", "producing"])),
    )
    naive = Naive(feed.events, as_of, known_at)

    async def check(metrics: Metrics) -> None:
        async def figure(kpi: str, **params: Any) -> dict[str, Any]:
            answer: dict[str, Any] = await ask(metrics, kpi, as_of, known_at, **slices, **params)
            return answer["figure"]

        on_file = bool(naive.projects(slices))
        got = await figure("incubating")
        assert got["value"] == (len(naive.incubating(slices)) if on_file else None)
        reserve, (good, stale) = await figure("reserve"), naive.reserve(slices)
        assert (reserve["value"], reserve["beside"]["stale"]) == (len(good) if on_file else None, len(stale))
        rate, by_hand = (
            await figure("landing_rate", months=months, tier=tier),
            naive.landing(slices, months // 12, tier),
        )
        counted = {name: rate[name] for name in ("numerator", "denominator", "censored")}
        assert counted == {name: by_hand[name] for name in counted}
        press = await figure("press_rate", tier=tier)
        assert (press["numerator"], press["denominator"]) == (by_hand["ever"], by_hand["admitted"])

    told(metrics_url, fresh(feed), check)


@PROPERTY
@given(feed=histories(), as_of=DAYS.map(date.fromisoformat), known_at=KNOWN, slices=SLICES)
def test_each_count_has_as_many_records(
    metrics_url: str, feed: HandmadeFeed, as_of: date, known_at: datetime | None, slices: dict[str, str]
) -> None:
    async def check(metrics: Metrics) -> None:
        for kpi in ("incubating", "reserve", "landing_rate", "press_rate"):
            figure = (await ask(metrics, kpi, as_of, known_at, **slices))["figure"]
            for name, link in figure["links"].items():
                count = figure[name] if name in figure else figure["beside"][name]
                page = (await metrics.as_admin().get(link)).json()
                assert len(page["items"]) == count, (kpi, name)

    told(metrics_url, fresh(feed), check)


@PROPERTY
@given(feed=histories(), as_of=DAYS.map(date.fromisoformat), shuffle=st.randoms(use_true_random=False))
def test_order_and_repetition_of_delivery_change_nothing(
    metrics_url: str, feed: HandmadeFeed, as_of: date, shuffle: random.Random
) -> None:
    answers = []

    async def check(metrics: Metrics) -> None:
        parts = [await ask(metrics, "landing_rate", as_of, None, group_by="enclave_id")]
        parts += [await ask(metrics, "reserve", as_of, None, group_by="section")]
        answers.append([{**part, "freshness": None} for part in parts])

    told(metrics_url, fresh(feed), check)
    feed.events = [*feed.events, *shuffle.choices(feed.events, k=5)]
    shuffle.shuffle(feed.events)
    told(metrics_url, fresh(feed), check)
    assert answers[0] == answers[1]


GROUPINGS = st.sampled_from([None, None, "operating_mode", "host_city_adcode", "section", "strategic_field"])


@PROPERTY
@given(feed=histories(), as_of=DAYS.map(date.fromisoformat), slices=SLICES, group_by=GROUPINGS)
def test_what_was_added_up_in_advance_is_what_a_scan_finds(
    metrics_url: str, feed: HandmadeFeed, as_of: date, slices: dict[str, str], group_by: str | None
) -> None:
    async def check(metrics: Metrics) -> None:
        grouping = {} if group_by is None else {"group_by": group_by}
        for kpi in ("incubating", "reserve", "landing_rate", "press_rate"):
            quick = await ask(metrics, kpi, as_of, None, **slices, **grouping)
            scanned = await ask(metrics, kpi, as_of, instant("2900-01-01"), **slices, **grouping)
            assert comparable(quick) == comparable(scanned)

    told(metrics_url, fresh(feed), check)


def comparable(answer: dict[str, Any]) -> dict[str, Any]:
    """An answer without the links and the times that differ between two ways of asking the same."""
    figures = [answer["figure"], *(row["figure"] for row in answer["groups"] or ())]
    for figure in figures:
        del figure["links"]
        if figure["estimate"] and figure["estimate"]["value"] is not None:
            figure["estimate"]["value"] = round(figure["estimate"]["value"], 9)
    return {**answer, "freshness": None, "known_at": None}


@PROPERTY
@given(feed=histories())
def test_rebuilding_the_rollup_changes_nothing(metrics_url: str, feed: HandmadeFeed) -> None:
    async def check(metrics: Metrics) -> None:
        kept = await rollup_rows(metrics)
        async with metrics.database.write() as tx:
            await rollup.rebuild(tx)
        assert await rollup_rows(metrics) == kept

    told(metrics_url, fresh(feed), check)


async def rollup_rows(metrics: Metrics) -> list[list[Any]]:
    return [await real_cells(metrics, table) for table in (kpi_cells, landing_cells)]


async def real_cells(metrics: Metrics, table: Table) -> list[Any]:
    async with metrics.database.read() as session:
        cells = [tuple(row.values()) for row in await session.rows(select(table))]
    width = len(table.primary_key.columns)
    return sorted(cell for cell in cells if any(cell[width:]))

"""When a delivery that failed is tried again, and what becomes of an endpoint that goes on failing."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.registry.deliveries.breaker import Standing
from services.registry.deliveries.schedule import (
    DELAYS_S,
    MAX_TRIES,
    next_try,
    parse_retry_after,
)
from tests.registry.webhook_receiver import Reply
from tests.registry.webhook_world import Partners

NOON = datetime(2026, 11, 26, 4, tzinfo=UTC)
HOUR = 3600


def test_the_schedule_is_the_documented_one() -> None:
    assert (5, 30, 120, 600, 1800, 3600, 7200, 14400, 28800, *[43200] * 5) == DELAYS_S
    assert MAX_TRIES == 15
    assert next_try(MAX_TRIES, NOON) is None


@given(
    tries=st.integers(1, MAX_TRIES - 1),
    chance=st.floats(0, 1, exclude_max=True),
    asked=st.none() | st.integers(0, 12 * HOUR),
)
def test_jitter_only_adds_and_a_retry_after_is_never_undercut(
    tries: int, chance: float, asked: int | None
) -> None:
    retry_after = None if asked is None else timedelta(seconds=asked)
    again = next_try(tries, NOON, retry_after, lambda: chance)
    assert again is not None
    least = max(DELAYS_S[tries - 1], asked or 0)
    assert least <= (again - NOON).total_seconds() <= least * 1.2 + 1e-6


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, None),
        ("120", 120),
        (" 0 ", 0),
        ("99999999999999999999", 12 * HOUR),
        ("Thu, 26 Nov 2026 04:10:00 GMT", 600),
        ("Thu, 26 Nov 2026 03:00:00 GMT", 0),
        ("Sat, 26 Dec 2026 04:00:00 GMT", 12 * HOUR),
        ("soon", None),
        ("-5", None),
        ("１２", None),
        ("", None),
    ],
)
def test_a_retry_after_is_read_in_both_forms_and_bounded(header: str | None, seconds: int | None) -> None:
    found = parse_retry_after(header, NOON)
    assert (None if found is None else found.total_seconds()) == seconds


def failing(standing: Standing, count: int, start: datetime, every: timedelta) -> Standing:
    for number in range(count):
        standing = standing.failed(start + number * every)
    return standing


def test_the_breaker_opens_at_nine_of_ten_failures_in_five_minutes() -> None:
    assert not failing(Standing(), 9, NOON, timedelta(seconds=1)).breaker_open
    assert failing(Standing(), 10, NOON, timedelta(seconds=1)).breaker_open
    one_success = Standing().succeeded(NOON)
    assert failing(one_success, 9, NOON, timedelta(seconds=1)).breaker_open
    two = Standing().succeeded(NOON).succeeded(NOON)
    assert not failing(two, 9, NOON, timedelta(seconds=1)).breaker_open
    assert not failing(Standing(), 30, NOON, timedelta(minutes=1)).breaker_open


def test_an_open_breaker_is_closed_for_a_minute_at_a_time_until_one_success() -> None:
    opened = failing(Standing(), 10, NOON, timedelta(seconds=0))
    assert opened.closed_until == NOON + timedelta(minutes=1)
    probed = opened.failed(NOON + timedelta(minutes=1))
    assert probed.breaker_open
    assert probed.closed_until == NOON + timedelta(minutes=2)
    well = probed.succeeded(NOON + timedelta(minutes=2))
    assert (well.breaker_open, well.closed_until, well.failures) == (False, None, 0)


def test_an_endpoint_is_beyond_hope_after_120_hours_20_failures_and_12_hours_of_them() -> None:
    since = Standing(enabled_at=NOON)
    steady = failing(since, 20, NOON, timedelta(hours=7))
    last = NOON + 19 * timedelta(hours=7)
    assert steady.is_beyond_hope(last)
    assert not failing(since, 19, NOON, timedelta(hours=7)).is_beyond_hope(last)
    assert not steady.is_beyond_hope(NOON + timedelta(hours=119))
    late = failing(since, 20, last, timedelta(minutes=10))
    assert not late.is_beyond_hope(last + timedelta(hours=11))
    assert late.is_beyond_hope(last + timedelta(hours=12))
    assert not steady.succeeded(last).is_beyond_hope(last + timedelta(hours=200))


async def test_fifteen_attempts_over_three_days_and_then_one_notice(partners: Partners) -> None:
    endpoint = await partners.verified()
    partners.receiver.plan = lambda _: Reply(500)
    await partners.projects(1)
    await partners.deliver()
    (row,) = await partners.deliveries(endpoint["id"])
    for number, delay in enumerate(DELAYS_S, 2):
        await partners.travel(delay - 2)
        await partners.deliver()
        assert len(partners.receiver.hits) == number - 1, "a retry came before its time"
        await partners.travel(delay * 0.2 + 4)
        await partners.deliver()
        assert len(partners.receiver.hits) == number
    (row,) = await partners.deliveries(endpoint["id"])
    assert (row["state"], row["attempts"], row["due_at"]) == ("dead", 15, None)
    assert [hit.headers["webhook-attempt"] for hit in partners.receiver.hits] == [
        str(number) for number in range(1, 16)
    ]
    assert len({hit.body for hit in partners.receiver.hits}) == 1
    assert len({hit.id for hit in partners.receiver.hits}) == 1
    assert len({hit.headers["webhook-timestamp"] for hit in partners.receiver.hits}) >= 1
    assert len(await partners.attempts(row["id"])) == 15
    (notice,) = await partners.events_of("webhook.delivery_exhausted")
    assert notice["data"]["object"]["id"] == row["id"]
    await partners.travel(30 * 24 * HOUR)
    await partners.deliver()
    assert len(partners.receiver.hits) == 15


async def test_a_retry_after_of_429_closes_the_endpoint_and_not_only_the_delivery(partners: Partners) -> None:
    endpoint = await partners.verified(max_in_flight=1)
    partners.receiver.plan = lambda _: Reply(429, {"retry-after": "1800"})
    await partners.projects(3)
    await partners.deliver()
    assert len(partners.receiver.hits) == 1
    assert (await partners.standing(endpoint["id"]))["closed_until"] is not None
    await partners.projects(1, external_id="later")
    await partners.travel(1790)
    await partners.deliver()
    assert len(partners.receiver.hits) == 1
    partners.receiver.plan = lambda _: Reply()
    await partners.travel(20)
    await partners.deliver()
    # The first may wait up to a fifth longer.
    assert {2, 3, 4} <= {hit.sequence for hit in partners.receiver.hits[1:]} <= {1, 2, 3, 4}
    await partners.travel(1800)
    await partners.deliver()
    assert [row["state"] for row in await partners.deliveries(endpoint["id"])] == ["delivered"] * 4


async def test_a_retry_after_of_another_failure_holds_only_its_delivery(partners: Partners) -> None:
    await partners.verified(max_in_flight=1)
    partners.receiver.plan = lambda hit: Reply(500, {"retry-after": "1800"}) if hit.sequence == 1 else Reply()
    await partners.projects(3)
    await partners.deliver()
    assert [hit.sequence for hit in partners.receiver.hits] == [1, 2, 3]
    await partners.travel(1799)
    await partners.deliver()
    assert len(partners.receiver.hits) == 3


@pytest.mark.parametrize("status", [201, 204, 299, 301, 302, 304, 307, 308, 400, 404, 500, 503])
async def test_only_2xx_is_success(partners: Partners, status: int) -> None:
    endpoint = await partners.verified()
    partners.receiver.plan = lambda _: Reply(status, {"location": partners.receiver.url("/elsewhere")})
    await partners.projects(1)
    await partners.deliver()
    (row,) = await partners.deliveries(endpoint["id"])
    assert row["state"] == ("delivered" if status < 300 else "pending")
    assert not partners.receiver.at("/elsewhere")


async def test_410_disables_and_holds(partners: Partners) -> None:
    endpoint = await partners.verified(max_in_flight=1)
    partners.receiver.plan = lambda _: Reply(410)
    await partners.projects(3)
    await partners.deliver()
    current = await partners.read(endpoint["id"])
    assert (current["status"], current["disabled_reason"]) == ("disabled", "gone")
    assert len(partners.receiver.hits) == 1
    await partners.projects(1, external_id="held")
    await partners.travel(24 * HOUR)
    await partners.deliver()
    assert len(partners.receiver.hits) == 1
    assert [row["state"] for row in await partners.deliveries(endpoint["id"])] == ["pending"] * 4
    (notice,) = await partners.events_of("webhook_endpoint.disabled")
    assert notice["data"]["object"]["disabled_reason"] == "gone"


async def test_while_the_breaker_is_open_one_probe_is_sent_and_nothing_else_is_tried(
    partners: Partners,
) -> None:
    endpoint = await partners.verified(max_in_flight=1)
    partners.receiver.plan = lambda _: Reply(500)
    await partners.projects(14)
    await partners.deliver()
    assert len(partners.receiver.hits) == 10
    assert (await partners.standing(endpoint["id"]))["breaker"] == "open"
    for probes in (1, 2):
        await partners.travel(61)
        await partners.deliver()
        assert len(partners.receiver.hits) == 10 + probes
    rows = await partners.deliveries(endpoint["id"])
    assert sum(row["attempts"] for row in rows) == 12
    partners.receiver.plan = lambda _: Reply()
    await partners.travel(61)
    await partners.deliver()
    await partners.travel(60)
    await partners.deliver()
    assert {row["state"] for row in await partners.deliveries(endpoint["id"])} == {"delivered"}
    assert (await partners.standing(endpoint["id"]))["breaker"] == "closed"


async def test_120_hours_without_success_disable_once_and_what_waits_is_held(partners: Partners) -> None:
    endpoint = await partners.verified(max_in_flight=1)
    partners.receiver.plan = lambda _: Reply(500)
    await partners.projects(1)
    for hours in range(0, 126, 6):
        await partners.world.create_project(title=f"第{hours}小时", team_name=f"团队{hours}")
        await partners.deliver()
        assert (await partners.read(endpoint["id"]))["status"] == "active" or hours >= 120
        await partners.travel(6 * HOUR)
    await partners.deliver()
    current = await partners.read(endpoint["id"])
    assert (current["status"], current["disabled_reason"]) == ("disabled", "failing")
    assert len(await partners.events_of("webhook_endpoint.disabled")) == 1
    assert "pending" in {row["state"] for row in await partners.deliveries(endpoint["id"])}

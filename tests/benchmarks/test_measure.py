"""The arithmetic of the benchmarks. No test looks at a clock."""

import asyncio

import pytest

from benchmarks.inprocess import Call, send
from benchmarks.measure import Batch, figure, interleave, percentile, ratio


def batches(*costs_us: float) -> list[Batch]:
    return [Batch(10, cost / 1e5, cost / 5e4, [cost / 1e6] * 10) for cost in costs_us]


def test_a_percentile_is_a_value_that_was_measured() -> None:
    values = [5.0, 1.0, 4.0, 2.0, 3.0]
    assert [percentile(values, share) for share in (0.01, 0.2, 0.5, 0.99, 1.0)] == [1, 1, 3, 5, 5]
    with pytest.raises(ValueError, match="percentile"):
        percentile([], 0.5)


def test_a_ratio_compares_medians_and_tells_its_rounds() -> None:
    assert ratio([10.0, 10.0, 100.0], [40.0, 20.0, 50.0]) == (0.25, 0.25, 2.0)


def test_a_figure_sums_up_its_batches() -> None:
    summed = figure("get", "own", "sqlite", "http", batches(400, 500, 900), floor=batches(100, 100, 100))
    assert summed.cpu_us == pytest.approx(500)
    assert summed.wall_us == pytest.approx(1000)
    assert summed.per_second == pytest.approx(1000)
    assert summed.ratio == pytest.approx(0.2)
    assert (summed.p50_ms, summed.p99_ms) == (pytest.approx(0.5), pytest.approx(0.9))
    assert (summed.batches, summed.requests) == (3, 30)


def test_variants_take_turns_and_warm_ups_are_forgotten() -> None:
    order: list[str] = []

    async def run(name: str) -> Batch:
        order.append(name)
        return batches(1)[0]

    measured = asyncio.run(interleave({"a": lambda: run("a"), "b": lambda: run("b")}, rounds=3))
    assert "".join(order) == "ba" + "ab" + "ba" + "ab"
    assert {name: len(found) for name, found in measured.items()} == {"a": 3, "b": 3}


def test_a_call_is_the_same_in_process_and_on_the_wire() -> None:
    call = Call("POST", "/v1/x", "a=1", {"x-y": "z"}, b"{}")

    async def echo(scope: dict, receive, send) -> None:  # type: ignore[type-arg, no-untyped-def]
        body = (await receive())["body"]
        text = f"{scope['method']} {scope['path']}?{scope['query_string'].decode()} ".encode() + body
        await send({"type": "http.response.start", "status": 201, "headers": [(b"x-y", b"z")]})
        await send({"type": "http.response.body", "body": text})

    answer = asyncio.run(send(echo, call))
    assert (answer.status, answer.headers, answer.body) == (201, {"x-y": "z"}, b"POST /v1/x?a=1 {}")
    assert call.wire().startswith(b"POST /v1/x?a=1 HTTP/1.1\r\n")
    assert call.wire().endswith(b"content-length: 2\r\n\r\n{}")

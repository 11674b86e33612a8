"""The checks of an assertion: what somebody expected of the hits, each with what it rests on."""

from collections.abc import Callable, Iterable, Sequence

from services.registry.sandbox import history
from services.registry.sandbox.history import Arrival
from services.registry.sandbox.schemas import SandboxCheckRead, SandboxExpectation
from services.registry.signatures.standard_webhooks import Verdict

SHOWN = 20


def numbers(arrivals: Iterable[Arrival]) -> list[int]:
    """Return the numbers of the first hits."""
    return [arrival.number for arrival in arrivals][:SHOWN]


def judge(expected: SandboxExpectation, arrivals: Sequence[Arrival]) -> list[SandboxCheckRead]:
    """Return every check that was asked for."""
    delivered = history.deliveries(arrivals)
    found = [_min_hits(expected.min_hits, delivered)]
    asked: list[tuple[bool, Callable[[], SandboxCheckRead]]] = [
        (expected.all_valid, lambda: _all_valid(arrivals)),
        (expected.no_gaps, lambda: _no_gaps(delivered)),
        (expected.no_unknown_duplicates, lambda: _no_unknown_duplicates(delivered)),
        (expected.in_order, lambda: _in_order(delivered)),
        (bool(expected.types), lambda: _types(expected.types, delivered)),
        (
            expected.delivered_after_retries is not None,
            lambda: _delivered_after_retries(expected.delivered_after_retries or 0, delivered),
        ),
        (expected.max_seconds is not None, lambda: _max_seconds(expected.max_seconds or 0, delivered)),
    ]
    return found + [check() for wanted, check in asked if wanted]


def _check(name: str, passed: bool, en: str, zh: str, hits: Iterable[Arrival] = ()) -> SandboxCheckRead:
    return SandboxCheckRead(check=name, passed=passed, detail_en=en, detail_zh=zh, hits=numbers(hits))


def _min_hits(least: int, delivered: Sequence[Arrival]) -> SandboxCheckRead:
    arrived = len(delivered)
    return _check(
        "min_hits",
        arrived >= least,
        f"{arrived} hits are kept, {least} are expected.",
        f"现存 {arrived} 次请求，期望 {least} 次。",
    )


def _all_valid(arrivals: Sequence[Arrival]) -> SandboxCheckRead:
    wrong = [arrival for arrival in arrivals if arrival.verdict != Verdict.VALID]
    return _check(
        "all_valid",
        bool(arrivals) and not wrong,
        f"{len(arrivals) - len(wrong)} of {len(arrivals)} signatures are valid.",
        f"{len(arrivals)} 个签名中 {len(arrivals) - len(wrong)} 个有效。",
        wrong,
    )


def _no_gaps(delivered: Sequence[Arrival]) -> SandboxCheckRead:
    numbered = [arrival for arrival in delivered if arrival.sequence is not None]
    missing = history.gaps(delivered)
    count = sum(gap.last - gap.first + 1 for gap in missing)
    return _check(
        "no_gaps",
        bool(numbered) and not missing,
        f"{count} sequences are missing among {len(numbered)} hits that have one.",
        f"{len(numbered)} 次带序号的请求中缺少 {count} 个序号。",
        history.jumps(delivered) if missing else (),
    )


def _no_unknown_duplicates(delivered: Sequence[Arrival]) -> SandboxCheckRead:
    unknown = history.unknown_duplicates(delivered)
    return _check(
        "no_unknown_duplicates",
        not unknown,
        f"{len(unknown)} hits repeat a message that was already accepted.",
        f"{len(unknown)} 次请求重复了已被接受的消息。",
        unknown,
    )


def _in_order(delivered: Sequence[Arrival]) -> SandboxCheckRead:
    numbered = [arrival for arrival in delivered if arrival.sequence is not None]
    late = history.out_of_order(delivered)
    return _check(
        "in_order",
        bool(numbered) and not late,
        f"{len(late)} sequences first arrived after a higher one.",
        f"{len(late)} 个序号首次到达时晚于更大的序号。",
        late,
    )


def _types(expected: Sequence[str], delivered: Sequence[Arrival]) -> SandboxCheckRead:
    arrived = {arrival.type for arrival in delivered if arrival.type is not None}
    missing = [pattern for pattern in expected if not any(_fits(pattern, name) for name in arrived)]
    return _check(
        "types",
        not missing,
        "Every expected type arrived." if not missing else f"Did not arrive: {', '.join(missing)}.",
        "期望的类型均已到达。" if not missing else f"未到达：{'、'.join(missing)}。",
    )


def _fits(pattern: str, name: str) -> bool:
    return name.startswith(pattern[:-1]) if pattern.endswith(".*") else name == pattern


def _delivered_after_retries(least: int, delivered: Sequence[Arrival]) -> SandboxCheckRead:
    fitting: list[Arrival] = []
    for attempts in history.by_message(delivered):
        before = next((n for n, attempt in enumerate(attempts) if attempt.accepted), None)
        if before is not None and before >= least:
            fitting += attempts[: before + 1]
    return _check(
        "delivered_after_retries",
        bool(fitting),
        f"A message was accepted after {least} or more refused attempts."
        if fitting
        else f"No message was accepted after {least} or more refused attempts.",
        f"有消息在至少 {least} 次失败后被接受。" if fitting else f"没有消息在至少 {least} 次失败后被接受。",
        fitting,
    )


def _max_seconds(most: int, delivered: Sequence[Arrival]) -> SandboxCheckRead:
    took = history.elapsed_s(delivered)
    return _check(
        "max_seconds",
        took is not None and took <= most,
        "Nothing arrived." if took is None else f"The hits arrived within {took} s, {most} s are allowed.",
        "没有请求到达。" if took is None else f"请求在 {took} 秒内到达，允许 {most} 秒。",
    )

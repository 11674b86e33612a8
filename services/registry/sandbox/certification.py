"""The exercises of the certification, judged by what arrived alone; what nothing tells stays unknown."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from services.registry.sandbox import history
from services.registry.sandbox.checks import numbers
from services.registry.sandbox.history import Arrival
from services.registry.sandbox.schemas import SandboxExerciseRead
from services.registry.signatures.standard_webhooks import Verdict

HOUR_S = 3600

Finding = tuple[bool | None, Iterable[Arrival]]


@dataclass(frozen=True)
class Exercise:
    """``find`` tells whether it was passed and by which hits; None where nothing tells."""

    name: str
    required: bool
    asks_en: str
    asks_zh: str
    find: Callable[[Sequence[Arrival]], Finding]


def certify(arrivals: Sequence[Arrival]) -> list[SandboxExerciseRead]:
    """Return every exercise with what the hits say of it."""
    return [_judged(exercise, *exercise.find(arrivals)) for exercise in EXERCISES]


def is_certified(exercises: Iterable[SandboxExerciseRead], elapsed_s: float | None) -> bool:
    """Tell whether all required exercises were passed and none failed, within an hour."""
    judged = list(exercises)
    in_time = elapsed_s is not None and elapsed_s <= HOUR_S
    return in_time and all(one.passed or (one.passed is None and not one.required) for one in judged)


def _judged(exercise: Exercise, passed: bool | None, hits: Iterable[Arrival]) -> SandboxExerciseRead:
    said_en = {True: "Seen", False: "Failed", None: "Not seen yet"}[passed]
    said_zh = {True: "已见", False: "未通过", None: "尚未见到"}[passed]
    return SandboxExerciseRead(
        exercise=exercise.name,
        required=exercise.required,
        passed=passed,
        detail_en=f"{said_en}: {exercise.asks_en}.",
        detail_zh=f"{said_zh}：{exercise.asks_zh}。",
        hits=numbers(hits),
    )


def _of_some(passing: Sequence[Arrival], failing: Sequence[Arrival] = ()) -> Finding:
    """Passed by some and failed by none; unknown without either."""
    if failing:
        return False, failing
    return (True, passing) if passing else (None, ())


def _handshake(arrivals: Sequence[Arrival]) -> Finding:
    asked = [arrival for arrival in arrivals if arrival.handshake]
    answered = [one for one in asked if one.challenge_answered and one.accepted]
    return (True, answered) if answered else (False if asked else None, asked)


def _signature(arrivals: Sequence[Arrival]) -> Finding:
    judged = [arrival for arrival in history.deliveries(arrivals) if arrival.verdict is not None]
    valid = [arrival for arrival in judged if arrival.verdict == Verdict.VALID]
    return (True, valid) if valid else (False if judged else None, judged)


def _forgery(arrivals: Sequence[Arrival]) -> Finding:
    return _of_some([one for one in arrivals if one.verdict not in (None, Verdict.VALID)])


def _duplicate(arrivals: Sequence[Arrival]) -> Finding:
    return _of_some([again for _, again in history.repeats(history.deliveries(arrivals))])


def _retry(arrivals: Sequence[Arrival]) -> Finding:
    recovered: list[Arrival] = []
    waiting: list[Arrival] = []
    for attempts in history.by_message(history.deliveries(arrivals)):
        failed = next((one for one in attempts if one.status >= 500), None)
        later = [] if failed is None else [one for one in attempts if one.number > failed.number]
        if failed is not None:
            (recovered if any(one.accepted for one in later) else waiting).extend([failed, *later])
    return (True, recovered) if recovered else (False if waiting else None, waiting)


def _retry_after(arrivals: Sequence[Arrival]) -> Finding:
    kept: list[Arrival] = []
    broken: list[Arrival] = []
    for before, again in history.repeats(history.deliveries(arrivals)):
        if before.not_before is not None and not before.accepted:
            (kept if again.received_at >= before.not_before else broken).append(again)
    return _of_some(kept, broken)


def _gap(arrivals: Sequence[Arrival]) -> Finding:
    return _of_some(history.jumps(history.deliveries(arrivals)))


def _timeout(arrivals: Sequence[Arrival]) -> Finding:
    return _of_some([again for before, again in history.repeats(arrivals) if before.timed_out])


EXERCISES = (
    Exercise(
        "handshake_answered",
        True,
        "a handshake arrived and was answered with its challenge",
        "收到握手请求，并以其 challenge 应答",
        _handshake,
    ),
    Exercise(
        "signature_verified",
        True,
        "a delivery with a valid signature arrived",
        "收到签名有效的投递",
        _signature,
    ),
    Exercise(
        "duplicate_recognised",
        True,
        "a message arrived again and was recognised by its webhook-id",
        "同一消息再次到达，并由 webhook-id 识别",
        _duplicate,
    ),
    Exercise(
        "retry_after_failure",
        True,
        "a message that was answered with 5xx came again and was accepted",
        "以 5xx 应答的消息再次到达，并被接受",
        _retry,
    ),
    Exercise(
        "retry_after_honoured",
        True,
        "no message that was refused with Retry-After came again before that time",
        "以 Retry-After 拒绝的消息未在该时间之前再次到达",
        _retry_after,
    ),
    Exercise(
        "gap_detected",
        False,
        "a sequence arrived while one before it was missing",
        "某序号到达时其前的序号缺失",
        _gap,
    ),
    Exercise(
        "forgery_recognised",
        False,
        "a hit whose signature does not hold arrived and was recognised",
        "收到签名不成立的请求，并被识别",
        _forgery,
    ),
    Exercise(
        "timeout_retried",
        False,
        "a message that was answered too late came again",
        "应答过迟的消息再次到达",
        _timeout,
    ),
)

"""How the guards of a track answer: each one by name, so that a refusal names every guard that failed."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from services.registry.projects.errors import InvalidTransition
from services.registry.projects.schemas import TransitionRead
from shared.errors import FieldError

IN_ORDER = (
    "A step cannot take effect before the step that was recorded before it.",
    "生效时间不得早于此前已记录的变更。",
)
"""What the guard of order says; no step escapes it, forced or not, so that a track tells one history."""


@dataclass(frozen=True)
class GuardResult:
    """What one guard found; the details say what it needs, whether it passed or not."""

    name: str
    passed: bool
    detail_en: str
    detail_zh: str
    params: Mapping[str, Any] = field(default_factory=dict)


def edge_exists(from_state: str, to_state: str, exists: bool) -> GuardResult:
    """Return the guard that every step passes first: the track has this step at all."""
    return GuardResult(
        "edge_exists",
        exists,
        f"The track has no step from {from_state} to {to_state}.",
        f"不存在从 {from_state} 到 {to_state} 的变更。",
        {"from": from_state, "to": to_state},
    )


def is_in_order(history: Sequence[TransitionRead], effective_at: datetime) -> bool:
    """Tell whether a step at ``effective_at`` is no earlier than the last one recorded."""
    return not history or history[-1].effective_at <= effective_at


def failures(results: Iterable[GuardResult]) -> list[GuardResult]:
    """Return the guards that failed."""
    return [result for result in results if not result.passed]


def require_passed(results: Iterable[GuardResult]) -> None:
    """Raise one refusal that names every guard that failed."""
    failed = failures(results)
    if failed:
        names = ", ".join(result.name for result in failed)
        needs = "；".join(result.detail_zh.rstrip("。") for result in failed)
        raise InvalidTransition(
            f"These guards failed: {names}.",
            f"以下条件未满足：{needs}。",
            errors=[
                FieldError(result.name, result.detail_en, result.detail_zh, params=dict(result.params))
                for result in failed
            ],
        )


def as_details(results: Iterable[GuardResult]) -> list[dict[str, Any]]:
    """Return what the log keeps of the guards of a step."""
    return [{"guard": result.name, "passed": result.passed, **result.params} for result in results]

"""The residency track: 申请 → 批准 → 入驻 → 到期 → 迁出, and 虚拟入驻 for cloud enclaves."""

from datetime import timedelta
from enum import StrEnum

from shared.errors import FieldError


class ResidencyState(StrEnum):
    """Where a residency stands."""

    APPLIED = "applied"
    APPROVED = "approved"
    RESIDENT = "resident"
    VIRTUAL = "virtual"
    EXPIRING = "expiring"
    LEFT = "left"


_STEPS: dict[ResidencyState, frozenset[ResidencyState]] = {
    ResidencyState.APPLIED: frozenset({ResidencyState.APPROVED, ResidencyState.VIRTUAL, ResidencyState.LEFT}),
    ResidencyState.APPROVED: frozenset({ResidencyState.RESIDENT, ResidencyState.LEFT}),
    ResidencyState.RESIDENT: frozenset({ResidencyState.EXPIRING, ResidencyState.LEFT}),
    ResidencyState.VIRTUAL: frozenset({ResidencyState.LEFT}),
    ResidencyState.EXPIRING: frozenset({ResidencyState.RESIDENT, ResidencyState.LEFT}),
    ResidencyState.LEFT: frozenset(),
}

STAYING = frozenset({ResidencyState.RESIDENT, ResidencyState.EXPIRING})
"""States of a tenant who is there, even when the term is over."""

ADMITTED = frozenset({ResidencyState.APPROVED, ResidencyState.VIRTUAL, *STAYING})
"""States an approval has led to."""

NOTICE = timedelta(days=30)
"""How long before the end of its term a residency is marked, so that somebody renews or leaves in time."""


def can_step(current: str, to_state: ResidencyState) -> bool:
    """Tell whether the track has this step."""
    return to_state in _STEPS[ResidencyState(current)]


def no_such_step(current: str, to_state: ResidencyState) -> FieldError:
    """Return the failure of a step the track does not have."""
    params = {"from": current, "to": to_state.value}
    return FieldError("no_such_step", "is not a step of this track", "不存在该状态变更", params=params)

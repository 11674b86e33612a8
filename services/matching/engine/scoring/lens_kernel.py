"""The compiled form of a lens: one home unit against many projects in one pass over their columns.

Import it only where compiled code is wanted, as numba takes long. Every value equals that of the formulas in
``criteria`` and ``gates``: the same operations on the same numbers, in the same order.
"""

from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from services.matching.engine.compiled import kept

_SMALL_MAX, _LARGE_MAX = 2**31 - 1, 2**62
_FULL = 1_000_000
_TEXT = 2_500_000.0
_AT_ONCE = 4_096


class Home(NamedTuple):
    """One home unit."""

    code: int
    accepted_stages: int
    stage_refusal: int
    accepted_plants: int
    plant_refusal: int
    space_sure: int
    space_at_most: int
    fund_sure: int
    fund_at_most: int
    policy_refusal: int
    clusters: int
    grams: int
    track_record: int
    talent: int
    weights: NDArray[np.int32]
    marks: NDArray[np.uint8]
    """Per pattern; the highest bit is for the support."""
    fits: NDArray[np.int32]
    """By marks."""
    distances: NDArray[np.int32]
    """Per host, in metres; −1: not known."""


class Projects(NamedTuple):
    """The columns of ``ProjectColumns``."""

    stage_bit: NDArray[np.int32]
    plant_bit: NDArray[np.int32]
    plant_refusal: NDArray[np.int8]
    space_at_most: NDArray[np.int32]
    space_at_least: NDArray[np.int32]
    fund_at_most: NDArray[np.int64]
    fund_at_least: NDArray[np.int64]
    policy_refusal: NDArray[np.int8]
    max_distance: NDArray[np.int32]
    clusters: NDArray[np.int64]
    lock: NDArray[np.int32]
    enclave: NDArray[np.int32]
    gram_count: NDArray[np.int32]
    pattern: NDArray[np.int32]
    host: NDArray[np.int32]


@kept(nogil=True)
def sort(items: Any, starts: Any, lengths: Any, rows: Any, first: Any) -> None:
    """Fill the rows of each item, item by item, and where they begin; ``first`` has room for two more."""
    for row in range(len(starts)):
        for place in range(starts[row], starts[row] + lengths[row]):
            first[items[place] + 2] += 1
    for item in range(1, len(first)):
        first[item] += first[item - 1]
    for row in range(len(starts)):
        for place in range(starts[row], starts[row] + lengths[row]):
            item = items[place] + 1
            rows[first[item]] = row
            first[item] += 1


@kept(nogil=True)
def count(rows: Any, begins: Any, ends: Any, shared: Any) -> None:
    """Count how often each row is in these spans of rows; a row beyond the end is nobody's."""
    shared[:] = 0
    size = np.uint32(len(shared))
    for span in range(len(begins)):
        for row in rows[begins[span] : ends[span]]:
            if np.uint32(row) < size:
                shared[np.uint32(row)] += np.int16(1)


@kept(nogil=True)
def mark(few: Any, marks: Any, seen: Any) -> None:
    """Fill the marks of each pattern from those of its first four industries."""
    one, two, three, four = few[0], few[1], few[2], few[3]
    for i in range(len(seen)):
        upper = marks[np.uint32(one[i])] | marks[np.uint32(two[i])]
        seen[i] = upper | marks[np.uint32(three[i])] | marks[np.uint32(four[i])]


@njit
def _of_pattern_and_host(h: Any, pattern: Any, host: Any, fit: Any, supported: Any, metres: Any) -> None:
    for i in range(len(fit)):
        seen = h.marks[np.uint32(pattern[i])]
        fit[i], supported[i] = h.fits[seen], seen >> 7
    for i in range(len(fit)):
        metres[i] = h.distances[np.uint32(host[i])]


@njit(error_model="numpy")
def _texts(weight: Any, grams: float, shared: Any, counts: Any, total: Any) -> None:
    for i in range(len(total)):
        length = float(max(counts[i], 1)) * grams
        total[i] += weight * np.int32(min(float(shared[i]) * _TEXT / np.sqrt(length), 1e6))


@njit(error_model="numpy")
def _room(weight: Any, sure: float, needs: Any, total: Any) -> None:
    for i in range(len(total)):
        need = needs[i]
        divisor = float(abs(need + np.int32(need == 0)))
        room = np.int32(min(max((sure - float(need)) * 5e5 / divisor, 0.0), 1e6))
        total[i] += weight * (np.int32(_FULL) if need == -1 else room)


@njit(error_model="numpy")
def _fund(weight: Any, sure: float, cap: float, amounts: Any, total: Any) -> None:
    for i in range(len(total)):
        amount = amounts[i]
        left = np.int32(min(max((sure - float(amount)) * 1e6 / cap, 0.0), 1e6))
        total[i] += weight * (np.int32(_FULL) if amount == -1 else left)


@njit
def _rest(
    w: Any,
    constant: Any,
    code: Any,
    clusters: Any,
    fit: Any,
    metres: Any,
    theirs: Any,
    enclave: Any,
    total: Any,
) -> None:
    for i in range(len(total)):
        near = max((np.int32(2_000_000) - metres[i]) >> np.int32(1), np.int32(0))
        near = near if metres[i] >= 0 else np.int32(0)
        same = np.int32(_FULL) if clusters & theirs[i] else np.int32(0)
        own = np.int32(_FULL) if enclave[i] == code else np.int32(0)
        total[i] = constant + w[0] * fit[i] + w[4] * near + w[5] * same + w[9] * own


@njit
def _refused(accepted: Any, refusal: Any, bits: Any, refusals: Any, outcome: Any) -> None:
    for i in range(len(outcome)):
        outcome[i] = np.int8(0) if accepted & bits[i] else min(refusal, refusals[i])


@njit
def _policy(refusal: Any, refusals: Any, supported: Any, amounts: Any, outcome: Any) -> None:
    for i in range(len(outcome)):
        passes = (supported[i] > 0) | (amounts[i] == -1)
        outcome[i] = np.int8(0) if passes else min(refusal, refusals[i])


@njit
def _exceeds(at_most: Any, unknown: Any, sure: Any, possible: Any, outcome: Any) -> None:
    """A need that is known is the same in the best case; one that is not may be none at all."""
    for i in range(len(outcome)):
        need = at_most[i]
        outcome[i] = np.int8(need > sure) + np.int8((need > possible) & (need != unknown))


@njit
def _locked(code: Any, lock: Any, outcome: Any) -> None:
    for i in range(len(outcome)):
        outcome[i] = np.int8(2) if (lock[i] != -1) & (lock[i] != code) else np.int8(0)


@njit
def _far(metres: Any, limits: Any, outcome: Any) -> None:
    for i in range(len(outcome)):
        furthest = metres[i] if metres[i] >= 0 else np.int32(_SMALL_MAX)
        outcome[i] = np.int8(furthest > limits[i]) + np.int8(metres[i] > limits[i])


@kept(nogil=True, error_model="numpy")
def see(h: Any, p: Any, shared: Any, outcomes: Any, total: Any) -> None:
    """Fill the outcomes of gates × projects and the points of each project without its team's wish."""
    fit, supported = np.zeros(_AT_ONCE, np.int32), np.zeros(_AT_ONCE, np.int32)
    metres, certain, w = np.zeros(_AT_ONCE, np.int32), np.full(_AT_ONCE, 2, np.int8), h.weights
    constant = np.int32(w[6] * h.track_record + w[8] * h.talent)
    for begin in range(0, len(total), _AT_ONCE):
        size = min(_AT_ONCE, len(total) - begin)
        end, points, gates = begin + size, total[begin : begin + size], outcomes[:, begin : begin + size]
        amounts, needs = p.fund_at_most[begin:end], p.space_at_most[begin:end]
        _of_pattern_and_host(
            h, p.pattern[begin:end], p.host[begin:end], fit[:size], supported[:size], metres[:size]
        )
        _rest(
            w,
            constant,
            np.int32(h.code),
            h.clusters,
            fit[:size],
            metres[:size],
            p.clusters[begin:end],
            p.enclave[begin:end],
            points,
        )
        _room(w[2], float(h.space_sure), needs, points)
        _fund(w[3], float(h.fund_sure), float(max(h.fund_sure, 1)), amounts, points)
        if h.grams:
            _texts(w[1], float(h.grams), shared[begin:end], p.gram_count[begin:end], points)
        _refused(
            np.int32(h.accepted_stages),
            np.int8(h.stage_refusal),
            p.stage_bit[begin:end],
            certain[:size],
            gates[0],
        )
        _refused(
            np.int32(h.accepted_plants),
            np.int8(h.plant_refusal),
            p.plant_bit[begin:end],
            p.plant_refusal[begin:end],
            gates[1],
        )
        _policy(np.int8(h.policy_refusal), p.policy_refusal[begin:end], supported[:size], amounts, gates[2])
        _exceeds(amounts, np.int64(_LARGE_MAX), h.fund_sure, h.fund_at_most, gates[3])
        _exceeds(needs, np.int32(_SMALL_MAX), np.int32(h.space_sure), np.int32(h.space_at_most), gates[4])
        _locked(np.int32(h.code), p.lock[begin:end], gates[5])
        _far(metres[:size], p.max_distance[begin:end], gates[6])

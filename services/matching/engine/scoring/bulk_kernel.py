"""The compiled form of bulk scoring; import it only where many pairs are scored, as compiling costs time.

Every value equals that of ``evaluation.for_project``. Two divisions are replaced by a multiplication with a
reciprocal: over whole numbers below 2⁵³ and divisors up to 10⁹ a half added to the numerator is more than the
rounding can move, so the integer below is the same. Where that does not hold the division is done.
"""

from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from services.matching.engine.compiled import kept

_SMALL_MAX = 2**31 - 1
_FULL = 1_000_000
_PASS = np.int8(0)
_TEXT = 2_500_000.0
_ROOTS = 128
_AT_ONCE = 64


class Homes(NamedTuple):
    """Home units in the order of their ids; matrices have one column per home unit."""

    code: NDArray[np.int32]
    open_gates: NDArray[np.int8]
    """Per stage and plant class (0: not known), 8 rows per stage: the worse outcome of the two gates."""
    policy_refusal: NDArray[np.int8]
    space_numerator: NDArray[np.float64]
    space_sure: NDArray[np.int32]
    space_at_most: NDArray[np.int32]
    fund_sure: NDArray[np.float64]
    fund_numerator: NDArray[np.float64]
    fund_reciprocal: NDArray[np.float64]
    fund_at_most: NDArray[np.float64]
    fund_large: NDArray[np.int32]
    """Those whose sure amount is too large for a reciprocal."""
    clusters: NDArray[np.int64]
    grams: NDArray[np.float64]
    constant: NDArray[np.int32]
    weights: NDArray[np.int32]
    fits: NDArray[np.int32]
    """Per industry, weighted."""
    supports: NDArray[np.int8]
    distances: NDArray[np.int32]
    """Per host, in metres; −1: not known."""
    column_of_code: NDArray[np.int32]
    gram_dense: NDArray[np.int32]
    """Per bigram the row of ``dense`` that tells who has it, or −1."""
    gram_start: NDArray[np.int32]
    gram_items: NDArray[np.int32]
    dense: NDArray[np.int16]


class Projects(NamedTuple):
    """Projects as the snapshot holds them, and their bigrams, wishes and industries as segments."""

    stage_bit: NDArray[np.int32]
    plant_bit: NDArray[np.int32]
    space_at_most: NDArray[np.int32]
    space_at_least: NDArray[np.int32]
    fund_at_most: NDArray[np.int64]
    fund_at_least: NDArray[np.int64]
    policy_refusal: NDArray[np.int8]
    max_distance: NDArray[np.int32]
    clusters: NDArray[np.int64]
    lock: NDArray[np.int32]
    enclave: NDArray[np.int32]
    pattern: NDArray[np.int32]
    host: NDArray[np.int32]
    gram_items: NDArray[np.int32]
    gram_start: NDArray[np.int64]
    gram_length: NDArray[np.int64]
    wish_items: NDArray[np.int32]
    wish_start: NDArray[np.int64]
    wish_length: NDArray[np.int64]
    pattern_items: NDArray[np.int32]
    pattern_start: NDArray[np.int64]


class Rooms(NamedTuple):
    """Working memory of one thread."""

    fit: NDArray[np.int32]
    supported: NDArray[np.int8]
    shared: NDArray[np.int16]
    fund: NDArray[np.int32]
    wish: NDArray[np.int32]
    roots: NDArray[np.float64]
    rooted: NDArray[np.int8]


def rooms(size: int) -> Rooms:
    """Return working memory for this many home units."""
    return Rooms(
        np.zeros(size, np.int32),
        np.zeros(size, np.int8),
        np.zeros(size, np.int16),
        np.zeros(size, np.int32),
        np.zeros(size, np.int32),
        np.zeros((_ROOTS, size)),
        np.zeros(_ROOTS, np.int8),
    )


@njit(inline="always")
def _industries(h: Any, p: Any, pattern: int, w: Any) -> None:
    """The weighted fit and the support of a set of industries."""
    w.fit[:] = 0
    w.supported[:] = 0
    for place in range(p.pattern_start[pattern], p.pattern_start[pattern + 1]):
        key = p.pattern_items[place]
        for c in range(len(w.fit)):
            w.fit[c] = max(w.fit[c], h.fits[key, c])
        for c in range(len(w.fit)):
            w.supported[c] |= h.supports[key, c]


@njit(inline="always")
def _texts(h: Any, p: Any, row: int, w: Any, total: Any) -> None:
    """Add the weighted similarity of texts."""
    begin, count = p.gram_start[row], p.gram_length[row]
    w.shared[:] = 0
    found = False
    for place in range(begin, begin + count):
        gram = p.gram_items[place]
        if gram >= len(h.gram_dense):
            continue
        line = h.gram_dense[gram]
        if line >= 0:
            found = True
            for c in range(len(total)):
                w.shared[c] += h.dense[line, c]
        else:
            for at in range(h.gram_start[gram], h.gram_start[gram + 1]):
                found = True
                w.shared[h.gram_items[at]] += 1
    if not found:
        return
    line = min(count, _ROOTS - 1)
    if count >= _ROOTS or not w.rooted[line]:
        for c in range(len(total)):
            w.roots[line, c] = np.sqrt(h.grams[c] * float(count))
        w.rooted[line] = count < _ROOTS
    for c in range(len(total)):
        value = np.int32(min(float(w.shared[c]) * _TEXT / w.roots[line, c], 1e6))
        total[c] += h.weights[1, c] * value


@njit(inline="always")
def _fund(h: Any, amount: int, w: Any) -> None:
    """The share of the cap that a request leaves."""
    if amount == -1:
        w.fund[:] = _FULL
        return
    asked = float(amount)
    less = 0.5 - asked * 1e6
    for c in range(len(w.fund)):
        value = (h.fund_numerator[c] + less) * h.fund_reciprocal[c]
        w.fund[c] = np.int32(min(max(value, 0.0), 1e6))
    for c in h.fund_large:
        value = (h.fund_sure[c] - asked) * 1e6 / max(h.fund_sure[c], 1.0)
        w.fund[c] = np.int32(min(max(value, 0.0), 1e6))


@njit(inline="always")
def _few(h: Any, p: Any, row: int, w: Any, total: Any) -> None:
    """What concerns few home units: the team's wishes and the enclave's own."""
    begin, count = p.wish_start[row], p.wish_length[row]
    for back in range(count):
        place = count - 1 - back
        column = h.column_of_code[p.wish_items[begin + place]]
        if column >= 0:
            w.wish[column] = _FULL - 100_000 * min(place, 5)
    for place in range(count):
        column = h.column_of_code[p.wish_items[begin + place]]
        if column >= 0:
            total[column] += h.weights[7, column] * w.wish[column]
            w.wish[column] = 0
    if p.enclave[row] >= 0:
        column = h.column_of_code[p.enclave[row]]
        if column >= 0:
            total[column] += h.weights[9, column] * _FULL


@njit(inline="always")
def _row(h: Any, p: Any, row: int, w: Any, total: Any, verdict: Any) -> None:
    size = len(total)
    stage, plant = 0, 0
    while p.stage_bit[row] >> (stage + 1):
        stage += 1
    if p.plant_bit[row]:
        plant = 1
        while p.plant_bit[row] >> plant:
            plant += 1
    gates = stage * 8 + plant
    need, need_least = p.space_at_most[row], p.space_at_least[row]
    less, share = 0.5 - float(need) * 5e5, 1.0 / float(max(need, 1))
    asked, asked_least = float(p.fund_at_most[row]), float(p.fund_at_least[row])
    refusal: Any = np.int8(0 if p.fund_at_most[row] == -1 else p.policy_refusal[row])
    host, furthest, clusters = p.host[row], p.max_distance[row], p.clusters[row]
    unknown_distance = np.int8(1 if furthest < _SMALL_MAX else 0)
    _fund(h, p.fund_at_most[row], w)
    for c in range(size):
        metres = h.distances[host, c]
        near = max((2_000_000 - metres) >> 1, 0) if metres >= 0 else 0
        roomy = np.int32(min(max((h.space_numerator[c] + less) * share, 0.0), 1e6))
        if need == -1:
            roomy = np.int32(_FULL)
        same = _FULL if h.clusters[c] & clusters else 0
        total[c] = np.int32(
            h.constant[c]
            + w.fit[c]
            + h.weights[2, c] * roomy
            + h.weights[3, c] * w.fund[c]
            + h.weights[4, c] * near
            + h.weights[5, c] * same
        )
    for c in range(size):
        policy: Any = _PASS if w.supported[c] else min(h.policy_refusal[c], refusal)
        verdict[c] = max(h.open_gates[gates, c], policy)
    for c in range(size):
        space = np.int8(need > h.space_sure[c])
        space += space & np.int8(need_least > h.space_at_most[c])
        metres = h.distances[host, c]
        far = np.int8(metres > furthest) << 1 | np.int8(metres < 0) & unknown_distance
        verdict[c] = max(verdict[c], max(np.int8(space), np.int8(far)))
    for c in range(size):
        fund = np.int8(asked > h.fund_sure[c])
        fund += fund & np.int8(asked_least > h.fund_at_most[c])
        verdict[c] = max(verdict[c], np.int8(fund))
    if p.lock[row] != -1:
        for c in range(size):
            if h.code[c] != p.lock[row]:
                verdict[c] = 2
    if p.gram_length[row]:
        _texts(h, p, row, w, total)
    _few(h, p, row, w, total)


@kept(nogil=True, error_model="numpy", counted=False)
def matrix(h: Any, p: Any, rows: Any, w: Any, total: Any, verdict: Any) -> None:
    """Fill one row of totals and verdicts for each project."""
    last = -1
    for i in range(len(rows)):
        if p.pattern[rows[i]] != last:
            last = p.pattern[rows[i]]
            _industries(h, p, last, w)
        _row(h, p, rows[i], w, total[i], verdict[i])


@njit(inline="always")
def _at_least(values: Any, bound: int) -> Any:
    count = np.int32(0)
    for c in range(len(values)):
        count += np.int32(1 if values[c] >= bound else 0)
    return count


@kept(nogil=True, error_model="numpy", counted=False)
def _best(values: Any, limit: int, chosen: Any, scores: Any, near: Any) -> None:
    """The columns of the largest values from 0 on; equal ones in the order of their columns."""
    low, high = 0, -1
    for c in range(len(values)):
        high = max(high, values[c])
    if _at_least(values, 0) > limit:
        while low < high:
            middle = low + (high - low + 1) // 2
            count = _at_least(values, middle)
            if count < limit:
                high = middle - 1
            else:
                low = middle
                if count <= limit + limit // 2 + 4:
                    break
    count = 0
    for c in range(len(values)):
        near[count] = c
        count += values[c] >= low
    found = 0
    for i in range(count):
        c, value = near[i], values[near[i]]
        if found == limit and value <= scores[limit - 1]:
            continue
        place = min(found, limit - 1)
        while place > 0 and scores[place - 1] < value:
            scores[place], chosen[place] = scores[place - 1], chosen[place - 1]
            place -= 1
        scores[place], chosen[place] = value, c
        found = min(found + 1, limit)


@kept(nogil=True, error_model="numpy")
def best(h: Any, p: Any, rows: Any, order: Any, w: Any, chosen: Any, scores: Any) -> None:
    """Fill for each project the best permitted columns and their totals, −1 where there are no more.

    ``order`` is the order in which the rows are worked at: those of one set of industries together.
    """
    total = np.zeros((_AT_ONCE, len(h.code)), np.int32)
    verdict = np.zeros((_AT_ONCE, len(h.code)), np.int8)
    near = np.zeros(len(h.code) + 1, np.int32)
    for begin in range(0, len(order), _AT_ONCE):
        some = order[begin : begin + _AT_ONCE]
        matrix(h, p, rows[some], w, total, verdict)
        for i in range(len(some)):
            for c in range(len(h.code)):
                total[i, c] = total[i, c] if verdict[i, c] == 0 else -1
            _best(total[i], chosen.shape[1], chosen[some[i]], scores[some[i]], near)

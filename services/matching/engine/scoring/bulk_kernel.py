"""The compiled form of bulk scoring; import it only where many pairs are scored, as compiling costs time.

Every value equals that of ``evaluation.for_project``. Two divisions are replaced by a multiplication with a
reciprocal: over whole numbers below 2⁵³ and divisors up to 10⁹ a half added to the numerator is more than the
rounding can move, so the integer below is the same. Where that does not hold the division is done.

The gates are asked of all home units, the points are worked out only for those that pass them all. What is
asked of all runs over lines of 64, which leaves no rest to go through one by one (ADR 27).
"""

from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from services.matching.engine.compiled import kept

_SMALL_MAX = 2**31 - 1
_FULL = 1_000_000
_TEXT = 2_500_000.0
_ROOTS = 128
LINE = 64
SPACE, SURE, RECIPROCAL, SAME, INDUSTRY, TEXT, ROOM, FUND = range(8)
"""The columns of ``Homes.figures``."""


class Homes(NamedTuple):
    """Home units in the order of their ids, and as many that nobody may have as fill the last 64.

    What is worked out for all of them at once stands in lines of 64, what is looked up for few in rows.
    """

    accepted_stages: NDArray[np.uint16]
    accepted_plants: NDArray[np.uint16]
    space_rank: NDArray[np.uint16]
    """How many of ``space_steps`` the sure space reaches."""
    fund_rank: NDArray[np.uint16]
    code: NDArray[np.int32]
    marks: NDArray[np.uint8]
    """Per industry; the highest bit is for the support."""
    dense: NDArray[np.uint8]
    distances: NDArray[np.int32]
    """Per host, in metres; −1: not known."""
    host_points: NDArray[np.int32]
    """Per host a row with what depends on it at most: for nearness, track record and talent."""
    space_steps: NDArray[np.int64]
    """The sure spaces that occur, smallest first."""
    fund_steps: NDArray[np.int64]
    column_of_code: NDArray[np.int32]
    gram_dense: NDArray[np.int32]
    """Per bigram the row of ``dense`` that tells who has it, or −1."""
    gram_start: NDArray[np.int32]
    gram_items: NDArray[np.uint32]
    fits: NDArray[np.float64]
    """By marks."""
    figures: NDArray[np.float64]
    """Per home unit: sure space × 5·10⁵, sure amount × 10⁶, 1 / sure amount (0: too large for a reciprocal),
    the points for the same cluster, and the weights of industry, text, space and fund."""
    sure: NDArray[np.float64]
    wish_and_own: NDArray[np.int32]
    """Per home unit: the weight of the team's wish and the points for its own enclave."""
    clusters: NDArray[np.int64]
    grams: NDArray[np.float64]


class Projects(NamedTuple):
    """The projects of a block."""

    stage_bit: NDArray[np.int32]
    plant_bit: NDArray[np.int32]
    space_at_most: NDArray[np.int32]
    fund_at_most: NDArray[np.int64]
    max_distance: NDArray[np.int32]
    clusters: NDArray[np.int64]
    lock: NDArray[np.int32]
    enclave: NDArray[np.int32]
    pattern: NDArray[np.int32]
    host: NDArray[np.int32]
    gram_start: NDArray[np.int64]
    gram_length: NDArray[np.int64]
    wish_start: NDArray[np.int64]
    wish_length: NDArray[np.int64]


class Segments(NamedTuple):
    """What projects have several of."""

    grams: NDArray[np.int32]
    wishes: NDArray[np.int32]
    industries: NDArray[np.int32]
    """Pattern by pattern."""
    pattern_start: NDArray[np.int64]


class Rooms(NamedTuple):
    """Working memory of one thread; what is named twice is one memory, by lines of 64 and by column."""

    mark_lines: NDArray[np.uint8]
    marks: NDArray[np.uint8]
    passed_lines: NDArray[np.uint8]
    passed: NDArray[np.uint8]
    columns: NDArray[np.uint32]
    extra: NDArray[np.int32]
    shared_lines: NDArray[np.int16]
    shared: NDArray[np.int16]
    total_lines: NDArray[np.int32]
    total: NDArray[np.int32]
    near_lines: NDArray[np.int32]
    near: NDArray[np.int32]
    near_columns: NDArray[np.uint32]
    sorted_totals: NDArray[np.int32]
    sorted_columns: NDArray[np.uint32]
    roots: NDArray[np.float64]
    rooted: NDArray[np.int8]


def lines(size: int) -> int:
    """Return how many lines of 64 hold this many."""
    return -(-size // LINE)


def rooms(size: int) -> Rooms:
    """Return working memory for this many home units."""
    count = lines(size)

    def both(kind: Any, more: int = 0) -> tuple[Any, Any]:
        memory = np.zeros((count + more, LINE), kind)
        return memory, memory.reshape(-1)

    width = (count + 1) * LINE
    return Rooms(
        *both(np.uint8),
        *both(np.uint8),
        np.zeros(width, np.uint32),
        np.zeros(width, np.int32),
        *both(np.int16),
        *both(np.int32, 1),
        *both(np.int32, 1),
        np.zeros(width, np.uint32),
        np.zeros(width, np.int32),
        np.zeros(width, np.uint32),
        np.zeros((_ROOTS, width)),
        np.zeros(_ROOTS, np.int8),
    )


@njit(inline="always")
def _industries(h: Any, s: Any, pattern: int, marks: Any) -> None:
    """The marks of a set of industries: those of each together."""
    begin, last = s.pattern_start[pattern], s.pattern_start[pattern + 1] - 1
    one, other = s.industries[begin], s.industries[last]
    for a in range(len(marks)):
        for b in range(LINE):
            marks[a, b] = h.marks[one, a, b] | h.marks[other, a, b]
    for key in s.industries[begin + 1 : max(last, begin + 1)]:
        for a in range(len(marks)):
            for b in range(LINE):
                marks[a, b] |= h.marks[key, a, b]


@njit(inline="always")
def _rank(steps: Any, amount: int) -> Any:
    """The rank from which on a sure amount suffices: one more than the steps that are less."""
    low, count = 0, len(steps)
    while count > 0:
        half = (count + 1) >> 1
        low += half if steps[low + half - 1] < amount else 0
        count -= half
    return np.uint16(low + 1)


@njit(inline="always")
def _permitted(h: Any, p: Any, row: int, w: Any) -> Any:
    """Write the columns of those home units whose every gate passes; return how many they are."""
    passed, host, lock, furthest = w.passed_lines, p.host[row], p.lock[row], p.max_distance[row]
    stage, plant = np.uint16(p.stage_bit[row]), np.uint16(p.plant_bit[row])
    space, fund = _rank(h.space_steps, p.space_at_most[row]), _rank(h.fund_steps, p.fund_at_most[row])
    for a in range(len(passed)):
        for b in range(LINE):
            passed[a, b] = (
                np.uint8(h.accepted_stages[a, b] & stage != 0)
                & np.uint8(h.accepted_plants[a, b] & plant != 0)
                & np.uint8(space <= h.space_rank[a, b])
                & np.uint8(fund <= h.fund_rank[a, b])
            )
    if p.fund_at_most[row] != -1:
        for a in range(len(passed)):
            for b in range(LINE):
                passed[a, b] &= w.mark_lines[a, b] >> 7
    if furthest < _SMALL_MAX:
        for a in range(len(passed)):
            for b in range(LINE):
                passed[a, b] &= np.uint8(np.uint32(h.distances[host, a, b]) <= np.uint32(furthest))
    if lock != -1:
        for a in range(len(passed)):
            for b in range(LINE):
                passed[a, b] &= np.uint8(h.code[a, b] == lock)
    found = np.uint64(0)
    for c in range(len(h.clusters)):
        w.columns[found] = c
        found += np.uint64(w.passed[c])
    return np.int64(found)


@njit(inline="always")
def _shared(h: Any, p: Any, s: Any, row: int, w: Any) -> None:
    """Count the bigrams shared with each home unit, four of the bigrams that many have at a time."""
    w.shared_lines[:] = 0
    nobody = np.uint32(len(h.dense) - 1)
    one, two, three, four = nobody, nobody, nobody, nobody
    begin, counted = p.gram_start[row], 0
    for gram in s.grams[begin : begin + p.gram_length[row]]:
        line = h.gram_dense[gram] if gram < len(h.gram_dense) else -2
        if line == -1:
            for column in h.gram_items[h.gram_start[gram] : h.gram_start[gram + 1]]:
                w.shared[column] += np.int16(1)
        if line >= 0:
            one, two, three, four = np.uint32(line), one, two, three
            counted += 1
            if counted == 4:
                _add(h.dense, one, two, three, four, w.shared_lines)
                one, two, three, four, counted = nobody, nobody, nobody, nobody, 0
    if counted:
        _add(h.dense, one, two, three, four, w.shared_lines)


@njit(inline="always")
def _add(dense: Any, one: Any, two: Any, three: Any, four: Any, shared: Any) -> None:
    for a in range(len(shared)):
        for b in range(LINE):
            shared[a, b] += dense[one, a, b] + dense[two, a, b] + dense[three, a, b] + dense[four, a, b]


@njit(inline="always")
def _roots(h: Any, count: int, w: Any) -> Any:
    """The row of ``roots`` for a text of so many bigrams."""
    line = np.uint32(min(count, _ROOTS - 1))
    if count >= _ROOTS or not w.rooted[line]:
        for c in range(len(h.grams)):
            w.roots[line, c] = np.sqrt(h.grams[c] * float(max(count, 1)))
        w.rooted[line] = count < _ROOTS
    return line


@njit(inline="always")
def _few(h: Any, p: Any, s: Any, row: int, extra: Any) -> None:
    """The points that few home units have: for the team's wishes, the first place last, and for its own."""
    begin = p.wish_start[row]
    for back in range(p.wish_length[row]):
        place = p.wish_length[row] - 1 - back
        column = h.column_of_code[s.wishes[begin + place]]
        if column >= 0:
            extra[column] = h.wish_and_own[column, 0] * (_FULL - 100_000 * min(place, 5))
    if p.enclave[row] >= 0:
        column = h.column_of_code[p.enclave[row]]
        if column >= 0:
            extra[column] += h.wish_and_own[column, 1]


@njit(inline="always")
def _forget_few(h: Any, p: Any, s: Any, row: int, extra: Any) -> None:
    """Put back what ``_few`` wrote; who is no home unit has column −1, which nobody reads."""
    begin = p.wish_start[row]
    for place in range(begin, begin + p.wish_length[row]):
        extra[h.column_of_code[s.wishes[place]]] = 0
    if p.enclave[row] >= 0:
        extra[h.column_of_code[p.enclave[row]]] = 0


@njit(inline="always")
def _totals(h: Any, p: Any, row: int, w: Any, columns: Any) -> None:
    """Fill the totals of some columns, every gate of which passes: none asks for more than there is."""
    need, host, clusters = p.space_at_most[row], np.uint32(p.host[row]), p.clusters[row]
    amount = p.fund_at_most[row]
    less, share = 0.5 - float(need) * 5e5, 1.0 / float(max(need, 1))
    asked, fewer = float(amount), 0.5 - float(amount) * 1e6
    less = np.inf if need == -1 else less
    asked, fewer = (-np.inf, np.inf) if amount == -1 else (asked, fewer)
    line = _roots(h, p.gram_length[row], w)
    for i in range(len(columns)):
        c = columns[i]
        left = (h.figures[c, SURE] + fewer) * h.figures[c, RECIPROCAL]
        if h.figures[c, RECIPROCAL] == 0.0:
            left = (h.sure[c] - asked) * 1e6 / h.sure[c]
        total = (
            h.figures[c, INDUSTRY] * h.fits[w.marks[c]]
            + h.figures[c, TEXT] * np.floor(min(float(w.shared[c]) * _TEXT / w.roots[line, c], 1e6))
            + h.figures[c, ROOM] * np.floor(min((h.figures[c, SPACE] + less) * share, 1e6))
            + h.figures[c, FUND] * np.floor(min(left, 1e6))
            + h.figures[c, SAME] * np.float64(h.clusters[c] & clusters != 0)
        )
        w.total[i] = np.int32(total) + h.host_points[host, c] + w.extra[c]


@njit(inline="always")
def _at_least(values: Any, count: int, bound: Any) -> Any:
    found = np.int32(0)
    for a in range(count):
        for b in range(LINE):
            found += np.int32(values[a, b] >= bound)
    return found


@njit(inline="always")
def _bound(values: Any, count: int, limit: int, enough: int) -> Any:
    """A value that at least so many reach, and not many more unless they are equal."""
    low, high = np.int32(0), np.int32(0)
    for a in range(count):
        for b in range(LINE):
            high = max(high, values[a, b])
    while low < high:
        middle = low + (high - low + np.int32(1) >> np.int32(1))
        found = _at_least(values, count, middle)
        if found < limit:
            high = middle - np.int32(1)
        else:
            low = middle
            if found <= enough:
                break
    return low


@njit(inline="always")
def _best(size: int, limit: Any, w: Any, chosen: Any, scores: Any) -> None:
    """The columns of the largest of so many totals; equal ones in the order of their columns."""
    count: Any = (size + LINE - 1) // LINE
    enough = limit + limit // 2 + 4
    for i in range(size, count * LINE):
        w.total[i] = -1
    low = np.int32(0)
    if size > enough:
        low = _bound(w.total_lines, count, limit, enough)
    # Of equal ones no more than can be chosen: sorting takes the square of how many there are.
    end, spare = np.uint64(0), limit
    for i in range(size):
        value = w.total[i]
        w.near[end], w.near_columns[end] = value, w.columns[i]
        end += np.uint64((value > low) | (value == low) & (spare > 0))
        spare -= value == low
    few: Any = np.int64(end)
    count = (few + LINE - 1) // LINE
    for i in range(few, count * LINE):
        w.near[i] = -1
    w.sorted_totals[: few + 1] = -1
    for i in range(few):
        value, place = w.near[i], np.uint32(0)
        for a in range(count):
            for b in range(LINE):
                place += np.uint32(w.near_lines[a, b] > value)
        while w.sorted_totals[place] == value:
            place += np.uint32(1)
        w.sorted_totals[place], w.sorted_columns[place] = value, w.near_columns[i]
    for i in range(min(few, limit)):
        chosen[i], scores[i] = w.sorted_columns[i], w.sorted_totals[i]


@kept(nogil=True, error_model="numpy", counted=False)
def best(h: Any, p: Any, s: Any, w: Any, chosen: Any, scores: Any) -> None:
    """Fill for each project the best permitted columns and their totals, −1 where there are no more."""
    for row in range(len(chosen)):
        _industries(h, s, p.pattern[row], w.mark_lines)
        found = _permitted(h, p, row, w)
        if found:
            _shared(h, p, s, row, w)
            _few(h, p, s, row, w.extra)
            _totals(h, p, row, w, w.columns[:found])
            _forget_few(h, p, s, row, w.extra)
            _best(found, chosen.shape[1], w, chosen[row], scores[row])

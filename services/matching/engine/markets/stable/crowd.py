"""The first turns of deferred acceptance, compiled: nearly everybody asks, and sets choose among all at once.

Who is taken in the end does not depend on who asks first. While many ask, a set that now and then keeps its
best is far quicker than a heap that lets in one after the other: it takes whoever is better than the worst it
kept last, and looks only at its worst ones when it has too many.
"""

from typing import Any, NamedTuple

import numba as nb
import numpy as np

from services.matching.engine.compiled import kept, part_of_kernels

_BLOCK, _LINE, _SHARE, _SORTED = 64, 8, 3, 6
_NO_CUT = np.iinfo(np.int64).max
_COLUMN, _TABLE = nb.int64[::1], nb.int64[:, ::1]
_PAIR: Any = nb.types.UniTuple
_SIGNATURE = _PAIR(nb.int64, 2)(nb.int64, *[_COLUMN] * 4, *[nb.int64] * 3, _TABLE, *[_COLUMN] * 16)


class Sets(NamedTuple):
    """Leaf l holds ``taken[starts[l]…]``, ``used[l]`` keys and room up to ``ends[l]``.

    Its first ``low[l]`` keys are at most ``bounds[l]``, all others above; who has a key above ``cuts[l]`` is
    refused. ``out`` lists the keys that were displaced; ``room`` and ``counts`` are for sorting.
    """

    starts: Any
    ends: Any
    used: Any
    low: Any
    bounds: Any
    cuts: Any
    taken: Any
    out: Any
    room: Any
    counts: Any


@part_of_kernels()
def _smallest(values, size, rank):  # type: ignore[no-untyped-def]
    low, high = 0, size - 1
    while low < high:
        pivot, left, right = values[(low + high) >> 1], low, high
        while left <= right:
            while values[left] < pivot:
                left += 1
            while values[right] > pivot:
                right -= 1
            if left <= right:
                values[left], values[right] = values[right], values[left]
                left += 1
                right -= 1
        if rank <= right:
            high = right
        elif rank >= left:
            low = left
        else:
            break
    return values[rank]


@part_of_kernels()
def _gather(sets, first, end, above):  # type: ignore[no-untyped-def]
    size = 0
    for leaf in range(first, end):
        start = sets.starts[leaf]
        for at in range(start + (sets.low[leaf] if above >= 0 else 0), start + sets.used[leaf]):
            sets.room[size] = sets.taken[at]
            size += sets.taken[at] > above
    return size


@part_of_kernels()
def _cut_and_bound(values, size, limit, counts):  # type: ignore[no-untyped-def]
    least, most = values[0], values[0]
    for at in range(size):
        least, most = min(least, values[at]), max(most, values[at])
    shift = 0
    while (most - least) >> shift >= len(counts):
        shift += 1
    counts[:] = 0
    for at in range(size):
        counts[(values[at] - least) >> shift] += 1
    part, before, bound = 0, 0, np.int64(-1)
    while before + counts[part] < limit:
        before += counts[part]
        part += 1
        if before < limit - (limit >> _SHARE):
            bound = least + (part << shift) - 1
    left = 0
    for at in range(size):
        value = values[at]
        values[left] = value
        left += (value - least) >> shift == part
    return _smallest(values, left, limit - before - 1), bound


@part_of_kernels()
def _drop(sets, leaf, cut, gone, start):  # type: ignore[no-untyped-def]
    end, left = sets.starts[leaf] + sets.used[leaf], start
    for at in range(start, end):
        key = sets.taken[at]
        sets.taken[left] = sets.out[gone] = key
        left += key <= cut
        gone += key > cut
    sets.used[leaf] = left - sets.starts[leaf]
    sets.cuts[leaf] = min(sets.cuts[leaf], cut)
    return gone


@part_of_kernels()
def _divide(sets, leaf, bound):  # type: ignore[no-untyped-def]
    start, above = sets.starts[leaf], 0
    left = start
    for at in range(start, start + sets.used[leaf]):
        key = sets.taken[at]
        sets.taken[left] = sets.room[above] = key
        left += key <= bound
        above += key > bound
    for number in range(above):
        sets.taken[left + number] = sets.room[number]
    sets.low[leaf], sets.bounds[leaf] = left - start, bound


@part_of_kernels()
def _trim(sets, first, end, limit, gone):  # type: ignore[no-untyped-def]
    total, above = 0, np.int64(-1)
    for leaf in range(first, end):
        total += sets.used[leaf]
        above = max(above, sets.bounds[leaf])
    if total <= limit:
        return gone
    if limit == 0:
        for leaf in range(first, end):
            gone = _drop(sets, leaf, np.int64(-1), gone, sets.starts[leaf])
            sets.low[leaf] = 0
        return gone
    size = _gather(sets, first, end, above)
    if above >= 0 and size > total - limit:
        cut = _smallest(sets.room, size, size - (total - limit) - 1)
        for leaf in range(first, end):
            gone = _drop(sets, leaf, cut, gone, sets.starts[leaf] + sets.low[leaf])
        return gone
    size = _gather(sets, first, end, np.int64(-1))
    cut, bound = _cut_and_bound(sets.room, size, limit, sets.counts)
    for leaf in range(first, end):
        gone = _drop(sets, leaf, cut, gone, sets.starts[leaf])
        _divide(sets, leaf, bound)
    return gone


@part_of_kernels()
def _trim_home(sets, first, end, leaf_limit, home_limit, gone):  # type: ignore[no-untyped-def]
    for leaf in range(first, end):
        gone = _trim(sets, leaf, leaf + 1, leaf_limit[leaf], gone)
    return _trim(sets, first, end, home_limit, gone)


@part_of_kernels()
def _take(sets, leaf, key):  # type: ignore[no-untyped-def]
    end = sets.starts[leaf] + sets.used[leaf]
    sets.used[leaf] += 1
    if key <= sets.bounds[leaf]:
        first_above = sets.starts[leaf] + sets.low[leaf]
        sets.taken[end], end = sets.taken[first_above], first_above
        sets.low[leaf] += 1
    sets.taken[end] = key


@kept()
def _free_again(out, gone, owner_bits, asks, queue):  # type: ignore[no-untyped-def]
    waiting, projects = 0, len(asks)
    for number in range(gone):
        project = (out[number] >> 1) & ((1 << owner_bits) - 1)
        asks[project] += 1
        queue[waiting] = project
        waiting += not out[number] & 1
    if waiting > projects >> _SORTED:
        marked = np.zeros(projects, np.uint8)
        for number in range(waiting):
            marked[queue[number]] = 1
        waiting = 0
        for project in range(projects):
            queue[waiting] = project
            waiting += marked[project]
    return waiting


@part_of_kernels()
def _heapify(heap, start, size):  # type: ignore[no-untyped-def]
    for top in range((size - 2) >> 2, -1, -1):
        at, key = top, heap[start + top]
        while True:
            below = 4 * at + 1
            if below >= size:
                break
            worst = below
            for child in range(below + 1, min(below + 4, size)):
                if heap[start + child] > heap[start + worst]:
                    worst = child
            if heap[start + worst] <= key:
                break
            heap[start + at] = heap[start + worst]
            at = worst
        heap[start + at] = key


@kept()
def _open(leaf_used, heap_start, heap, projects):  # type: ignore[no-untyped-def]
    count = len(leaf_used)
    starts, ends = np.empty(count, np.int64), np.empty(count, np.int64)
    at = 0
    for leaf in range(count):
        room = (heap_start[leaf + 1] if leaf + 1 < count else len(heap)) - heap_start[leaf]
        starts[leaf] = at
        at += room + (room >> 1) + _BLOCK
        ends[leaf] = at
    taken = np.empty(at, np.int64)
    for leaf in range(count):
        start, used = heap_start[leaf], leaf_used[leaf]
        taken[starts[leaf] : starts[leaf] + used] = heap[start : start + used]
    return Sets(
        starts, ends, leaf_used, np.zeros(count, np.int64), np.full(count, -1), np.full(count, _NO_CUT),
        taken, np.empty(projects + 1, np.int64), np.empty(at + 1, np.int64), np.empty(512, np.int64),
    )  # fmt: skip


@part_of_kernels()
def _ask(  # type: ignore[no-untyped-def]
    sets, queue, waiting, asks, wishes, column, bits, owner_bits,
    leaf_of, leaf_home, leaf_start, leaf_end, leaf_limit, home_limit,
):  # fmt: skip
    gone, seen, capped = 0, 0, len(leaf_home) > len(home_limit)
    mask, up, over = (1 << bits) - 1, bits + 1, owner_bits + 1
    for number in range(waiting):
        if number % _BLOCK == 0:
            for near in range(number, min(number + _BLOCK, waiting)):
                at = asks[queue[near]]
                seen ^= wishes[at] ^ wishes[min(at + _LINE, len(wishes) - 1)]
        project = queue[number]
        at, own = asks[project], project << 1
        while True:
            wish = wishes[at]
            key = (wish >> up) << over | own | wish & 1
            leaf = leaf_of[(wish >> 1) & mask, column[project] if capped else 0]
            if key <= sets.cuts[leaf]:
                _take(sets, leaf, key)
                if sets.starts[leaf] + sets.used[leaf] == sets.ends[leaf]:
                    home = leaf_home[leaf]
                    gone = _trim_home(
                        sets, leaf_start[home], leaf_end[home], leaf_limit, home_limit[home], gone
                    )
                break
            at += 1
            if wish & 1:
                break
        asks[project] = at
    return gone, seen


@kept()
def _close(sets, leaf_home, home_region, home_used, region_used, heap_start, heap):  # type: ignore[no-untyped-def]
    home_used[:], region_used[:] = 0, 0
    for leaf in range(len(leaf_home)):
        start, used, home = sets.starts[leaf], sets.used[leaf], leaf_home[leaf]
        heap[heap_start[leaf] : heap_start[leaf] + used] = sets.taken[start : start + used]
        _heapify(heap, heap_start[leaf], used)
        home_used[home] += used
        if home_region[home] >= 0:
            region_used[home_region[home]] += used


@kept([_SIGNATURE])
def choose(  # type: ignore[no-untyped-def]
    few, free, starts, wishes, column, bits, owner_bits, lift,
    leaf_of, leaf_home, leaf_start, leaf_end, leaf_limit, home_limit, home_region, region_limit,
    region_start, region_end,
    leaf_used, home_used, region_used, heap_start, heap, asks, lifted,
):  # fmt: skip
    """Let the free projects ask while more than ``few`` do; return how many are left, first in ``free``.

    Arguments are those of ``kernel.propose``, which goes on from there; nobody may be promoted. The second
    number returned has no meaning.
    """
    waiting, seen = len(free), 0
    if waiting <= few:
        return waiting, seen
    sets, queue = _open(leaf_used, heap_start, heap, len(asks)), np.append(free, 0)
    while waiting > few:
        gone, touched = _ask(
            sets, queue, waiting, asks, wishes, column, bits, owner_bits,
            leaf_of, leaf_home, leaf_start, leaf_end, leaf_limit, home_limit,
        )  # fmt: skip
        seen ^= touched
        for home in range(len(home_limit)):
            gone = _trim_home(sets, leaf_start[home], leaf_end[home], leaf_limit, home_limit[home], gone)
        for region in range(len(region_limit)):
            gone = _trim(sets, region_start[region], region_end[region], region_limit[region], gone)
        waiting = _free_again(sets.out, gone, owner_bits, asks, queue)
    free[:waiting] = queue[:waiting]
    _close(sets, leaf_home, home_region, home_used, region_used, heap_start, heap)
    return waiting, seen

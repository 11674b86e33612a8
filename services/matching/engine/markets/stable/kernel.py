"""Deferred acceptance compiled to machine code; imported only by who runs a round."""

import numba as nb
import numpy as np

from services.matching.engine.compiled import kept, part_of_kernels

_BLOCK = 32
_COLUMN, _TABLE = nb.int64[::1], nb.int64[:, ::1]
_SIGNATURE = nb.int64(*[_COLUMN] * 4, *[nb.int64] * 3, _TABLE, *[_COLUMN] * 16)


@part_of_kernels()
def _push(heap, start, size, key):  # type: ignore[no-untyped-def]
    at = size
    while at > 0:
        above = (at - 1) >> 2
        if heap[start + above] >= key:
            break
        heap[start + at] = heap[start + above]
        at = above
    heap[start + at] = key


@part_of_kernels()
def _sink(heap, start, size, key):  # type: ignore[no-untyped-def]
    at, below = 0, start + 1
    end = start + size
    while below + 3 < end:
        worst = below + (heap[below + 1] > heap[below])
        other = below + 2 + (heap[below + 3] > heap[below + 2])
        if heap[other] > heap[worst]:
            worst = other
        if heap[worst] <= key:
            heap[start + at] = key
            return
        heap[start + at] = heap[worst]
        at = worst - start
        below = start + 4 * at + 1
    worst = below
    for other in range(below + 1, end):
        if heap[other] > heap[worst]:
            worst = other
    if worst < end and heap[worst] > key:
        heap[start + at] = heap[worst]
        at = worst - start
    heap[start + at] = key


@part_of_kernels()
def _worst(heap, heap_start, used, first, end):  # type: ignore[no-untyped-def]
    found, worst = -1, -1
    for leaf in range(first, end):
        if used[leaf] and heap[heap_start[leaf]] > worst:
            found, worst = leaf, heap[heap_start[leaf]]
    return found


@part_of_kernels()
def _fetch(free, first, end, asks, wishes):  # type: ignore[no-untyped-def]
    seen = 0
    for number in range(first, end):
        seen ^= wishes[asks[free[number]]]
    return seen


@kept()
def _in_order(free, waiting, projects):  # type: ignore[no-untyped-def]
    marked = np.zeros(projects, np.uint8)
    for number in range(waiting):
        marked[free[number]] = 1
    found = 0
    for project in range(projects):
        if marked[project]:
            free[found] = project
            found += 1


@part_of_kernels()
def _goes_on(project, key, starts, lift, asks, lifted):  # type: ignore[no-untyped-def]
    asks[project] += 1
    if not key & 1:
        return True
    if lift == 0 or lifted[project]:
        return False
    lifted[project], asks[project] = 1, starts[project]
    return True


@kept([_SIGNATURE])
def propose(  # type: ignore[no-untyped-def]
    free, starts, wishes, column, bits, owner_bits, lift,
    leaf_of, leaf_home, leaf_start, leaf_end, leaf_limit, home_limit, home_region, region_limit,
    region_start, region_end,
    leaf_used, home_used, region_used, heap_start, heap, asks, lifted,
):  # fmt: skip
    """Let the free projects ask until nobody asks, overwriting ``free``; return something of no meaning.

    ``asks[p]`` is the wish that project p asks next or holds; ``lift`` is what promotion takes off a key, 0
    without. A heap per leaf has its worst key on top, the key followed by its project and "last of list". Who
    is displaced asks in the next turn; the memory of ``_BLOCK`` projects is touched together, because waiting
    for it is most of the time.
    """
    seen, waiting, capped = 0, len(free), len(leaf_home) > len(home_limit)
    while waiting:
        if waiting > len(asks) >> 5:
            _in_order(free, waiting, len(asks))
        turn, waiting = waiting, 0
        for number in range(turn):
            if number % _BLOCK == 0:
                seen ^= _fetch(free, number, min(number + _BLOCK, turn), asks, wishes)
            project = free[number]
            while True:
                wish = wishes[asks[project]]
                home = (wish >> 1) & ((1 << bits) - 1)
                key = (wish >> (bits + 1)) - (lift if lift and lifted[project] else 0)
                key = key << (owner_bits + 1) | project << 1 | wish & 1
                leaf, region, out = leaf_of[home, column[project] if capped else 0], home_region[home], -2
                if leaf_used[leaf] >= leaf_limit[leaf] or (
                    not capped and leaf_used[leaf] >= home_limit[home]
                ):
                    out = leaf if leaf_used[leaf] else -1
                elif capped and home_used[home] >= home_limit[home]:
                    out = _worst(heap, heap_start, leaf_used, leaf_start[home], leaf_end[home])
                elif region >= 0 and region_used[region] >= region_limit[region]:
                    out = _worst(heap, heap_start, leaf_used, region_start[region], region_end[region])
                if out == -1 or (out >= 0 and heap[heap_start[out]] < key):
                    if _goes_on(project, key, starts, lift, asks, lifted):
                        continue
                    break
                if out >= 0:
                    start = heap_start[out]
                    displaced = (heap[start] >> 1) & ((1 << owner_bits) - 1)
                    if _goes_on(displaced, heap[start], starts, lift, asks, lifted):
                        free[waiting] = displaced
                        waiting += 1
                    if out == leaf:
                        _sink(heap, start, leaf_used[leaf], key)
                        break
                    last = leaf_used[out] = leaf_used[out] - 1
                    home_used[leaf_home[out]] -= 1
                    _sink(heap, start, last, heap[start + last])
                elif region >= 0:
                    region_used[region] += 1
                _push(heap, heap_start[leaf], leaf_used[leaf], key)
                leaf_used[leaf] += 1
                home_used[home] += 1
                break
    return seen

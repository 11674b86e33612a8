"""Deferred acceptance compiled to machine code; imported only by who runs a round."""

import numba as nb
import numpy as np

_BLOCK = 32
_COLUMN, _TABLE = nb.int64[::1], nb.int64[:, ::1]
_SIGNATURE = nb.int64(*[_COLUMN] * 4, nb.int64, nb.int64, _TABLE, *[_COLUMN] * 17)


@nb.njit(cache=True)
def _push(keys, owners, start, size, key, owner):  # type: ignore[no-untyped-def]
    at = size
    while at > 0:
        above = (at - 1) >> 1
        if keys[start + above] >= key:
            break
        keys[start + at] = keys[start + above]
        owners[start + at] = owners[start + above]
        at = above
    keys[start + at] = key
    owners[start + at] = owner


@nb.njit(cache=True)
def _sink(keys, owners, start, size, key, owner):  # type: ignore[no-untyped-def]
    at, below = 0, 2
    while below < size:
        below -= keys[start + below - 1] > keys[start + below]
        if keys[start + below] <= key:
            break
        keys[start + at] = keys[start + below]
        owners[start + at] = owners[start + below]
        at, below = below, 2 * below + 2
    if below == size and keys[start + below - 1] > key:
        keys[start + at] = keys[start + below - 1]
        owners[start + at] = owners[start + below - 1]
        at = below - 1
    keys[start + at] = key
    owners[start + at] = owner


@nb.njit(cache=True)
def _worst(keys, heap_start, used, first, end):  # type: ignore[no-untyped-def]
    found, worst = -1, -1
    for leaf in range(first, end):
        if used[leaf] and keys[heap_start[leaf]] > worst:
            found, worst = leaf, keys[heap_start[leaf]]
    return found


@nb.njit(cache=True)
def _fetch(free, first, end, asks, wishes):  # type: ignore[no-untyped-def]
    seen = 0
    for number in range(first, end):
        seen ^= wishes[asks[free[number]]]
    return seen


@nb.njit(cache=True)
def _in_order(free, waiting, projects):  # type: ignore[no-untyped-def]
    marked = np.zeros(projects, np.uint8)
    for number in range(waiting):
        marked[free[number]] = 1
    found = 0
    for project in range(projects):
        if marked[project]:
            free[found] = project
            found += 1


@nb.njit(cache=True)
def _goes_on(project, key, starts, lift, asks, lifted):  # type: ignore[no-untyped-def]
    asks[project] += 1
    if not key & 1:
        return True
    if lift == 0 or lifted[project]:
        return False
    lifted[project], asks[project] = 1, starts[project]
    return True


@nb.njit([_SIGNATURE], cache=True)
def propose(  # type: ignore[no-untyped-def]
    free, starts, wishes, column, bits, lift,
    leaf_of, leaf_home, leaf_start, leaf_end, leaf_limit, home_limit, home_region, region_limit,
    region_start, region_end,
    leaf_used, home_used, region_used, heap_start, heap_keys, heap_owners, asks, lifted,
):  # fmt: skip
    """Let the free projects ask until nobody asks, overwriting ``free``; return something of no meaning.

    ``asks[p]`` is the wish that project p asks next or holds; ``lift`` is what promotion takes off a key, 0
    without. A heap per leaf has its worst key on top. Who is displaced asks in the next turn; the memory of
    ``_BLOCK`` projects is touched together, because waiting for it is most of the time.
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
                key = wishes[asks[project]]
                home = (key >> 1) & ((1 << bits) - 1)
                if lift and lifted[project]:
                    key -= lift
                leaf, region, out = leaf_of[home, column[project] if capped else 0], home_region[home], -2
                if leaf_used[leaf] >= leaf_limit[leaf]:
                    out = leaf if leaf_used[leaf] else -1
                elif home_used[home] >= home_limit[home]:
                    out = _worst(heap_keys, heap_start, leaf_used, leaf_start[home], leaf_end[home])
                elif region >= 0 and region_used[region] >= region_limit[region]:
                    out = _worst(heap_keys, heap_start, leaf_used, region_start[region], region_end[region])
                if out == -1 or (out >= 0 and heap_keys[heap_start[out]] < key):
                    if _goes_on(project, key, starts, lift, asks, lifted):
                        continue
                    break
                if out >= 0:
                    start = heap_start[out]
                    displaced = heap_owners[start]
                    if _goes_on(displaced, heap_keys[start], starts, lift, asks, lifted):
                        free[waiting] = displaced
                        waiting += 1
                    if out == leaf:
                        _sink(heap_keys, heap_owners, start, leaf_used[leaf], key, project)
                        break
                    last = leaf_used[out] = leaf_used[out] - 1
                    home_used[leaf_home[out]] -= 1
                    _sink(
                        heap_keys,
                        heap_owners,
                        start,
                        last,
                        heap_keys[start + last],
                        heap_owners[start + last],
                    )
                elif region >= 0:
                    region_used[region] += 1
                _push(heap_keys, heap_owners, heap_start[leaf], leaf_used[leaf], key, project)
                leaf_used[leaf] += 1
                home_used[home] += 1
                break
    return seen

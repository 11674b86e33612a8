"""Deferred acceptance compiled to machine code; imported only by who runs a round."""

import numba as nb

_BLOCK = 32
_COLUMN, _TABLE = nb.int64[::1], nb.int64[:, ::1]


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
def _fetch(free, first, end, asks, homes, keys):  # type: ignore[no-untyped-def]
    seen = 0
    for number in range(first, end):
        entry = min(asks[free[number]], len(keys) - 1)
        seen += keys[entry] ^ homes[entry]
    return seen


@nb.njit(cache=True)
def _worst(keys, heap_start, used, first, end):  # type: ignore[no-untyped-def]
    found, worst = -1, -1
    for leaf in range(first, end):
        if used[leaf] and keys[heap_start[leaf]] > worst:
            found, worst = leaf, keys[heap_start[leaf]]
    return found


@nb.njit(
    [
        nb.int64(
            *[_COLUMN] * 3, nb.int32[::1], *[_COLUMN] * 2, nb.int64, _TABLE, *[_COLUMN] * 9, *[_COLUMN] * 8
        )
    ],
    cache=True,
)
def propose(  # type: ignore[no-untyped-def]
    free, starts, ends, homes, keys, column, lift,
    leaf_of, leaf_home, leaf_start, leaf_end, leaf_limit, home_limit, home_region, region_limit,
    region_start, region_end,
    leaf_used, home_used, region_used, heap_start, heap_keys, heap_owners, asks, lifted,
):  # fmt: skip
    """Let the free projects ask until nobody asks, overwriting ``free``; return something of no meaning.

    ``asks[p]`` is the entry that project p asks next or holds; ``lift`` is what promotion takes off a key, 0
    without. A heap per leaf has its worst key on top. Who is displaced asks in the next turn; the memory of
    ``_BLOCK`` projects is touched together, because waiting for it is most of the time.
    """
    seen, waiting = 0, len(free)
    while waiting:
        turn, waiting = waiting, 0
        for number in range(turn):
            if number % _BLOCK == 0:
                seen ^= _fetch(free, number, min(number + _BLOCK, turn), asks, homes, keys)
            project = free[number]
            while True:
                entry = asks[project]
                if entry >= ends[project]:
                    if lift == 0 or lifted[project] or starts[project] == ends[project]:
                        break
                    lifted[project] = 1
                    entry = asks[project] = starts[project]
                home, key = homes[entry], keys[entry] - lift * lifted[project]
                leaf, region, out = leaf_of[home, column[project]], home_region[home], -2
                if leaf_used[leaf] >= leaf_limit[leaf]:
                    out = leaf if leaf_used[leaf] else -1
                elif home_used[home] >= home_limit[home]:
                    out = _worst(heap_keys, heap_start, leaf_used, leaf_start[home], leaf_end[home])
                elif region >= 0 and region_used[region] >= region_limit[region]:
                    out = _worst(heap_keys, heap_start, leaf_used, region_start[region], region_end[region])
                if out == -1 or (out >= 0 and heap_keys[heap_start[out]] < key):
                    asks[project] += 1
                    continue
                if out >= 0:
                    start = heap_start[out]
                    displaced = free[waiting] = heap_owners[start]
                    asks[displaced] += 1
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

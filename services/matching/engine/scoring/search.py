"""The smallest whole number from which a condition holds, many numbers looked at together."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

_WAYS = 64

Holds = Callable[[NDArray[np.int64]], NDArray[np.bool_]]


def smallest(low: int, high: int, holds: Holds) -> int | None:
    """The first of low…high for which a condition holds that never ceases to hold; None if there is none.

    The number just below the answer has been looked at too, unless the answer is ``low``.
    """
    if low > high:
        return None
    found = None
    while found is None or low < found:
        values = np.unique(low + (high - low) * np.arange(_WAYS + 1, dtype=np.int64) // _WAYS)
        good = holds(values)
        if not good[-1]:
            return None
        first = int(good.argmax())
        found = high = int(values[first])
        low = int(values[first - 1]) + 1 if first else found
    return found


def round_step(amount: int) -> int:
    """The power of ten of which an amount has at most a thousand."""
    step = 1
    while step * 1_000 < amount:
        step *= 10
    return step

"""What two sides think of each other as one number."""

from typing import Any

import numpy as np


def reciprocal(u: Any, v: Any) -> Any:
    """Return the harmonic mean of scores in millionths, rounded down; 0 if both are 0. Numbers or arrays."""
    if isinstance(u, int) and isinstance(v, int):
        return 2 * u * v // (u + v) if u + v else 0
    total = np.add(u, v, dtype=np.int64)
    return 2 * np.multiply(u, v, dtype=np.int64) // np.maximum(total, 1)

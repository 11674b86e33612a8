"""How kernels are compiled; only modules of a round import this, since numba costs half a second."""

from collections.abc import Callable
from typing import ParamSpec, TypeVar

from numba import njit

P = ParamSpec("P")
T = TypeVar("T")


def kernel(function: Callable[P, T]) -> Callable[P, T]:
    """Return the function compiled to machine code, kept on disk; whole numbers and one thread."""
    compiled: Callable[P, T] = njit(cache=True)(function)
    return compiled

"""Kernels of a welfare round; where numba cannot be imported they run as written: slow, the same answers."""

from collections.abc import Callable
from typing import ParamSpec, TypeVar

try:
    from services.matching.engine.compiled import kept, part_of_kernels
except ImportError:  # pragma: no cover
    kept = part_of_kernels = None  # type: ignore[assignment]

P = ParamSpec("P")
T = TypeVar("T")


def kernel(function: Callable[P, T]) -> Callable[P, T]:
    """Return the function compiled to machine code, kept on disk; whole numbers and one thread."""
    if kept is None:
        return function
    compiled: Callable[P, T] = kept(error_model="numpy")(function)
    return compiled


def part(function: Callable[P, T]) -> Callable[P, T]:
    """Return a part of kernels, which only they call and which makes no array: quicker, also to compile."""
    if kept is None:
        return function
    compiled: Callable[P, T] = part_of_kernels(error_model="numpy")(function)
    return compiled

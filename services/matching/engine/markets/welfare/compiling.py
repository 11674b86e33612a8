"""Kernels of a welfare round; where numba cannot be imported they run as written: slow, the same answers."""

from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

try:
    from numba import njit

    from services.matching.engine.compiled import kept
except ImportError:  # pragma: no cover
    njit = None  # type: ignore[assignment]

P = ParamSpec("P")
T = TypeVar("T")


def kernel(function: Callable[P, T]) -> Callable[P, T]:
    """Return the function compiled to machine code, kept on disk; whole numbers and one thread."""
    if njit is None:
        return function
    compiled: Callable[P, T] = kept(error_model="numpy")(function)
    return compiled


def part(function: Callable[P, T]) -> Callable[P, T]:
    """Return a part of kernels, which only they call: it compiles in half the time."""
    if njit is None:
        return function
    options: dict[str, Any] = {"no_cpython_wrapper": True, "no_cfunc_wrapper": True}
    compiled: Callable[P, T] = njit(error_model="numpy", **options)(function)
    return compiled

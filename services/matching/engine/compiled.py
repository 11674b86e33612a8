"""How kernels are compiled and kept; only modules of bulk work and rounds import this, as numba takes long.

A kernel and all it calls stand in one module: what is kept on disk is compiled anew when that module changes.
"""

from collections.abc import Callable, Sequence
from typing import Any

from numba import njit


def kept(signatures: Sequence[Any] = (), **options: Any) -> Callable[[Callable[..., Any]], Any]:
    """Return a decorator that compiles a function and keeps the code on disk.

    Where neither the package's folder nor the user's cache can be written, every process compiles anew.
    """
    compiler: Callable[..., Any] = njit
    given = [list(signatures)] if signatures else []

    def compiled(function: Callable[..., Any]) -> Any:
        try:
            return compiler(*given, cache=True, **options)(function)
        except RuntimeError:
            return compiler(*given, **options)(function)

    return compiled

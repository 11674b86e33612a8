"""How kernels are compiled and kept; only modules of bulk work and rounds import this, as numba takes long.

A kernel and all it calls stand in one module: what is kept on disk is compiled anew when that module changes.
"""

from collections.abc import Callable, Sequence
from typing import Any

from numba import njit

_UNCOUNTED = {"_nrt": False}


def kept(
    signatures: Sequence[Any] = (), *, counted: bool = True, **options: Any
) -> Callable[[Callable[..., Any]], Any]:
    """Return a decorator that compiles a function and keeps the code on disk.

    Unless ``counted``, references to arrays are not counted, which costs much where many arrays go from
    function to function for every row; a function that makes an array does not compile then. Where neither
    the package's folder nor the user's cache can be written, every process compiles anew.
    """
    compiler: Callable[..., Any] = njit
    if not counted:
        options |= _UNCOUNTED
    given = [list(signatures)] if signatures else []

    def compiled(function: Callable[..., Any]) -> Any:
        try:
            return compiler(*given, cache=True, **options)(function)
        except RuntimeError:
            return compiler(*given, **options)(function)

    return compiled


def part_of_kernels(**options: Any) -> Callable[[Callable[..., Any]], Any]:
    """Return a decorator for what only kernels call and what makes no array: quicker, also to compile."""
    compiler: Callable[..., Any] = njit
    return compiler(no_cpython_wrapper=True, no_cfunc_wrapper=True, **_UNCOUNTED, **options)  # type: ignore[no-any-return]

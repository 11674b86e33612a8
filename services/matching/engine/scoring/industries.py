"""Similarity on the GB/T 4754 tree and the strategic fields.

Two codes are as similar as their deepest common node. A home unit that declares a whole division
therefore scores less than one that declares the very class: precision is rewarded, breadth is not.
"""

from collections.abc import Iterable
from functools import lru_cache

SAME_CLASS, SAME_GROUP, SAME_DIVISION, SAME_SECTION = 1_000_000, 850_000, 600_000, 250_000
SAME_STRATEGIC_FIELD = 600_000
LEVELS = tuple(sorted({0, SAME_SECTION, SAME_DIVISION, SAME_STRATEGIC_FIELD, SAME_GROUP, SAME_CLASS}))
"""Every similarity there is, the least first."""

_LAST_DIVISION = {
    "A": 5,
    "B": 12,
    "C": 43,
    "D": 46,
    "E": 50,
    "F": 52,
    "G": 60,
    "H": 62,
    "I": 65,
    "J": 69,
    "K": 70,
    "L": 72,
    "M": 75,
    "N": 79,
    "O": 82,
    "P": 83,
    "Q": 85,
    "R": 90,
    "S": 96,
    "T": 97,
}
_SCORE_BY_LENGTH = {2: SAME_DIVISION, 3: SAME_GROUP, 4: SAME_CLASS}


def _section(division: int) -> str | None:
    if division < 1:
        return None
    return next((section for section, last in _LAST_DIVISION.items() if division <= last), None)


def division_exists(code: str) -> bool:
    """Whether GB/T 4754-2017 has the division that a code of two to four digits begins with."""
    return _section(int(code[:2])) is not None


@lru_cache(maxsize=8192)
def path(key: str) -> tuple[str, ...]:
    """Section, division, group and class of a code; a strategic field is its own path."""
    if key in _LAST_DIVISION:
        return (key,)
    digits = key[1:] if key[:1] in _LAST_DIVISION else key
    if not (digits.isascii() and digits.isdigit() and 2 <= len(digits) <= 4):
        return (key,)
    section = _section(int(digits[:2]))
    if section is None:
        return (key,)
    return (section, *(digits[:length] for length in range(2, len(digits) + 1)))


def node(key: str) -> str:
    """The canonical spelling of a code: C3612 and 3612 are one node."""
    return path(key)[-1]


@lru_cache(maxsize=8192)
def node_score(key: str) -> int:
    """The similarity of two industries whose deepest common node is this one."""
    if key in _LAST_DIVISION:
        return SAME_SECTION
    if key.isascii() and key.isdigit():
        return _SCORE_BY_LENGTH.get(len(key), 0)
    return SAME_STRATEGIC_FIELD


def ancestors(keys: Iterable[str]) -> frozenset[str]:
    return frozenset(step for key in keys for step in path(key))


def fit(keys: Iterable[str], home_nodes: frozenset[str]) -> int:
    """Best similarity of any of the project's industries with any node above a leading industry."""
    return max((node_score(step) for key in keys for step in path(key) if step in home_nodes), default=0)


def supported(keys: Iterable[str], policy_nodes: frozenset[str]) -> bool:
    """True if one of the industries is, or lies under, a supported node."""
    return any(step in policy_nodes for key in keys for step in path(key))


@lru_cache(maxsize=8192)
def steps(keys: tuple[str, ...]) -> tuple[str, ...]:
    """The nodes these industries lie under, the most telling first; the smallest spelling among equals."""
    return tuple(sorted(ancestors(keys), key=lambda step: (-node_score(step), step)))


def first_of(steps: Iterable[str], home_nodes: frozenset[str]) -> str | None:
    """The node that decides ``fit``, of the ``steps`` of a project's industries."""
    for step in steps:
        if step in home_nodes:
            return step
    return None

"""Chinese character-bigram similarity on a fixed scale.

No word list and no inverse document frequency: both would make the rank of two candidates
depend on the texts of the others.
"""

import re
from itertools import pairwise
from math import sqrt

FULL_SCALE = 0.4
"""Ochiai coefficient that counts as 1; two independent texts about one trade rarely exceed it."""

_STOP = frozenset("的了和与及等在是为以对于其之并将或由该本个项目")
_RUN = re.compile(r"[\u3400-\u9fff]+|[a-z0-9]{2,}")


def bigrams(text: str) -> frozenset[str]:
    grams: set[str] = set()
    for run in _RUN.findall(text.lower()):
        if run[0] < "\u3400":
            grams.add(run)
        else:
            grams.update(a + b for a, b in pairwise(run) if a not in _STOP and b not in _STOP)
    return frozenset(grams)


def similarity(shared: int, left: int, right: int) -> int:
    """Parts per million of the full scale; 0 where either side has no bigram."""
    if not left or not right:
        return 0
    return int(min(shared * (1_000_000 / FULL_SCALE) / sqrt(left * right), 1_000_000.0))

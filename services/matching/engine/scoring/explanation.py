"""Why a pair has its score: one entry per criterion, whose points sum to the score exactly.

An explanation holds figures. Its entries are put together when they are asked for, and the sentences of an
entry are written when they are read, in the language read.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from services.matching.engine.scoring import sentences
from services.matching.engine.scoring.compilation import Sources
from services.matching.engine.scoring.criteria import CRITERIA
from services.matching.engine.scoring.facts import FACTS, Fact, Medians, Pairs, Value
from services.matching.engine.scoring.features import Source


class CriterionExplanation(NamedTuple):
    """``points`` = ``weight`` × ``score``; a billion points are a perfect score.

    ``statement`` and ``figures`` are what the sentences say.
    """

    criterion: str
    known: bool
    value: Value
    unit: str
    median_value: Value
    comparison: str | None
    statement: str
    figures: tuple[Value, ...]
    score: int
    weight: int
    points: int
    sources: tuple[Source, ...]

    @property
    def zh(self) -> str:
        """The sentence in Chinese."""
        return sentences.sentence(self.criterion, self.statement, self.figures, self.comparison, sentences.ZH)

    @property
    def en(self) -> str:
        """The sentence in English."""
        return sentences.sentence(self.criterion, self.statement, self.figures, self.comparison, sentences.EN)


class Explanation(NamedTuple):
    """All there is to say of one pair, in the order of ``CRITERIA``."""

    facts: tuple[Fact, ...]
    scores: Sequence[int]
    weights: Sequence[int]
    points: Sequence[int]
    home_sources: Sources
    project_sources: Sources

    @property
    def entries(self) -> tuple[CriterionExplanation, ...]:
        """One entry per criterion."""
        return tuple(
            [
                CriterionExplanation._make(
                    (
                        criterion,
                        *fact,
                        self.scores[place],
                        self.weights[place],
                        self.points[place],
                        self.home_sources[place] + self.project_sources[place],
                    )
                )
                for place, (criterion, fact) in enumerate(zip(CRITERIA, self.facts, strict=True))
            ]
        )


def explain(
    pairs: Pairs, median: Medians, scores: NDArray[np.int32], project_sources: Sources
) -> list[Explanation]:
    """Return one explanation per pair; ``scores`` is of pairs × criteria."""
    weights = [home.weights for home in pairs.homes]
    points = np.multiply(scores, weights or 0, dtype=np.int32)
    return [
        Explanation(facts, own, home.weights, weighed, home.sources, project_sources)
        for facts, own, weighed, home in zip(
            zip(*[facts_of(pairs, median) for facts_of in FACTS], strict=True),
            scores.tolist(),
            points.tolist(),
            pairs.homes,
            strict=True,
        )
    ]

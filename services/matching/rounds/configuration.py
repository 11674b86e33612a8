"""The configuration of a round on the wire, with the bounds and words of the engine's own."""

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from shared.types import Input

Millionths = Annotated[int, Field(ge=0, le=1_000_000)]


class Mechanism(StrEnum):
    """What decides who gets which place."""

    STABLE = "stable"
    WELFARE = "welfare"


class Ties(StrEnum):
    """What decides between equals: the lottery alone, or a second chance for who was turned away."""

    LOTTERY = "lottery"
    PROMOTION = "promotion"


class LowerQuotas(StrEnum):
    """What happens where a home unit would get fewer projects than its least."""

    REPORT = "report"
    SOFT = "soft"
    FEWEST_BLOCKING = "fewest_blocking"


class Fairness(StrEnum):
    """How the welfare of home units is weighed against each other."""

    NONE = "none"
    MAX_MIN = "max_min"
    ALPHA = "alpha"


class RoundConfiguration(Input):
    """The mechanism and its parameters; `stable` and `welfare` have parameters of their own."""

    mechanism: Mechanism = Mechanism.STABLE
    priority_step: Annotated[int, Field(ge=1, le=1_000_000)] = 1
    list_length: Annotated[int, Field(ge=0, le=1_000_000)] = 0
    ties: Ties = Ties.LOTTERY
    lower_quotas: LowerQuotas = LowerQuotas.REPORT
    fairness: Fairness = Fairness.NONE
    alpha_permille: Annotated[int, Field(ge=0, le=5_000)] = 500
    move_penalty: Millionths = 0
    match_bonus: Millionths = 0
    iterations: Annotated[int, Field(ge=0, le=1_000_000)] = 2_000

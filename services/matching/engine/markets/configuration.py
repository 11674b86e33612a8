"""What a round does: one mechanism and its parameters, all whole numbers."""

from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any, Literal

from services.matching.engine.markets.canonical import digest
from services.matching.engine.markets.errors import InvalidConfiguration
from services.matching.engine.markets.market import FULL

Mechanism = Literal["stable", "welfare"]
Ties = Literal["lottery", "promotion"]
LowerQuotas = Literal["report", "soft", "fewest_blocking"]
Fairness = Literal["none", "max_min", "alpha"]


@dataclass(frozen=True)
class Configuration:
    """``stable``: deferred acceptance. ``welfare``: the greatest sum of pair weights under every rule."""

    mechanism: Mechanism
    priority_step: int = 1
    """Stable: ``v`` counts in steps of this many millionths; within a step the lottery decides."""
    list_length: int = 0
    """How many home units a project lists, best first; 0: all that are permitted."""
    ties: Ties = "lottery"
    """Stable: ``promotion`` lets a rejected project ask once more with priority among its equals."""
    lower_quotas: LowerQuotas = "report"
    fairness: Fairness = "none"
    """Welfare, over home units."""
    alpha_permille: int = 500
    """Fairness ``alpha``: 0 is the plain sum; the larger, the more the worst off count."""
    move_penalty: int = 0
    """Welfare: millionths a pair loses if it moves a project from where it was."""
    match_bonus: int = 0
    """Welfare: millionths a project gains by being matched at all."""
    iterations: int = 2_000
    """Welfare under budgets and caps: steps of the search; never a time."""

    def __post_init__(self) -> None:
        for name, least, most in _BOUNDS:
            value = getattr(self, name)
            if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
                raise InvalidConfiguration(
                    f"{name} must be a whole number from {least} to {most}",
                    f"{name} 须为 {least} 至 {most} 的整数",
                )
        for name, choices in _CHOICES:
            if getattr(self, name) not in choices:
                raise InvalidConfiguration(
                    f"{name} must be one of {', '.join(choices)}", f"{name} 须为 {'、'.join(choices)} 之一"
                )
        if self.mechanism == "stable" and (self.fairness != "none" or self.move_penalty or self.match_bonus):
            raise InvalidConfiguration(
                "fairness, move_penalty and match_bonus belong to welfare",
                "fairness、move_penalty 与 match_bonus 仅用于 welfare 机制",
            )
        if self.mechanism == "welfare" and (self.ties != "lottery" or self.lower_quotas != "report"):
            raise InvalidConfiguration(
                "ties and lower_quotas belong to stable", "ties 与 lower_quotas 仅用于 stable 机制"
            )

    @cached_property
    def hash(self) -> str:
        """Return the SHA-256 of the configuration."""
        return digest(self.document())

    def document(self) -> dict[str, Any]:
        """Return the configuration as it is published and hashed."""
        return asdict(self)


_BOUNDS = (
    ("priority_step", 1, FULL),
    ("list_length", 0, 1_000_000),
    ("alpha_permille", 0, 5_000),
    ("move_penalty", 0, FULL),
    ("match_bonus", 0, FULL),
    ("iterations", 0, 1_000_000),
)
_CHOICES = (
    ("mechanism", ("stable", "welfare")),
    ("ties", ("lottery", "promotion")),
    ("lower_quotas", ("report", "soft", "fewest_blocking")),
    ("fairness", ("none", "max_min", "alpha")),
)

"""What a home unit may claim back when a project leaves early."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from decimal import Decimal
from typing import Any

RULE = "sum_of_investments_v1"


@dataclass(frozen=True)
class Clawback:
    """An amount by a named rule; where it is not known, null with the reason and never zero."""

    rule: str
    amount_cny: Decimal | None
    unknown_because: str | None

    def as_details(self) -> dict[str, Any]:
        """Return what the log keeps."""
        amount = None if self.amount_cny is None else str(self.amount_cny)
        return {**asdict(self), "amount_cny": amount}


def clawback(investments_cny: Sequence[Decimal] | None) -> Clawback:
    """Return the sum of what was invested, or why it is not known."""
    if investments_cny is None:
        return Clawback(RULE, None, "investments_not_recorded")
    return Clawback(RULE, sum(investments_cny, Decimal(0)), None)

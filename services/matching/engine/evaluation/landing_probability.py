"""How likely a project admitted by a home unit lands there in time, with an interval, or why none is said.

Home units share what is known of the network: a Beta prior, whose mean is the network's rate and whose weight
is the one of a fixed grid under which the home units' counts are most likely. A home unit with few admissions
stays near the network, one with many follows its own.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.matching.engine.evaluation.cohorts import PPM, Cohort

MIN_NETWORK, MIN_HOME = 30, 5
TAIL = 0.05
"""Left out on either side of the 90 % interval."""

WEIGHTS = tuple(1 << power for power in range(1, 11))
"""How many projects the prior may count for."""

_ROUNDING = 1_000_000


@dataclass(frozen=True, slots=True)
class Estimate:
    """A probability and its 90 % interval in millionths, or None and the reasons for saying nothing.

    ``admitted`` and ``landed`` are the home unit's own, ``network`` how many admissions the prior rests on.
    """

    probability: int | None
    low: int | None
    high: int | None
    admitted: int
    landed: int
    network: int
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LandingModel:
    """The network's rate in millionths, the weight of the prior, and the counts of each home unit."""

    rate: int
    weight: int
    homes: tuple[str, ...]
    admitted: NDArray[np.int64]
    landed: NDArray[np.int64]

    def predictions(self) -> NDArray[np.int64]:
        """Return the posterior mean per home unit in millionths, however few admissions it has."""
        prior = self.weight * self.rate
        scaled = np.asarray(prior + self.landed * PPM, np.int64)
        return scaled // (self.weight + self.admitted)

    def estimate(
        self, home_unit_id: str, *, calibrated: bool, min_network: int = MIN_NETWORK, min_home: int = MIN_HOME
    ) -> Estimate:
        """Return what may be said of a home unit: nothing unless the model was shown to be calibrated."""
        place = self.homes.index(home_unit_id) if home_unit_id in self.homes else None
        admitted, landed = (0, 0) if place is None else (int(self.admitted[place]), int(self.landed[place]))
        network = int(self.admitted.sum())
        checks = {
            "too_few_in_network": network >= min_network,
            "too_few_at_home_unit": admitted >= min_home,
            "not_calibrated": calibrated,
        }
        reasons = tuple(reason for reason, holds in checks.items() if not holds)
        if reasons or place is None:
            return Estimate(None, None, None, admitted, landed, network, reasons)
        low, high = self._interval(admitted, landed)
        return Estimate(int(self.predictions()[place]), low, high, admitted, landed, network, ())

    def _interval(self, admitted: int, landed: int) -> tuple[int, int]:
        from scipy.special import betaincinv

        mean = self.rate / PPM
        first, second = self.weight * mean + landed, self.weight * (1 - mean) + admitted - landed
        low, high = betaincinv(first, second, np.array([TAIL, 1 - TAIL])).tolist()
        return round(low * PPM), round(high * PPM)


def fit(cohort: Cohort) -> LandingModel:
    """Return the model of a cohort; of an empty one it knows nothing but that anything is possible."""
    admitted, landed = cohort.by_home()
    rate = (int(landed.sum()) + 1) * PPM // (len(cohort) + 2)
    return LandingModel(rate, _weight(rate / PPM, admitted, landed), cohort.homes, admitted, landed)


def _weight(rate: float, admitted: NDArray[np.int64], landed: NDArray[np.int64]) -> int:
    """The prior's weight with the greatest likelihood; of equals, to the sixth decimal, the smallest."""
    from scipy.special import betaln

    first = np.array(WEIGHTS)[:, None] * rate
    second = np.array(WEIGHTS)[:, None] - first
    terms = betaln(first + landed, second + admitted - landed) - betaln(first, second)
    likelihoods = np.rint(terms.sum(axis=1) * _ROUNDING).astype(np.int64)
    best = int(np.argmax(likelihoods))
    return WEIGHTS[best]

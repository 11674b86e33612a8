"""The Kaplan–Meier estimate of the share that has landed within a horizon, with the young censored."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from services.metrics.kpis.counts import Duration


def landed_share(durations: Sequence[Duration]) -> float | None:
    """Return the estimated share landed within the horizon; None of nobody.

    Without anybody censored it is exactly the landing rate: what lands after the horizon has not landed, and
    who has passed it without landing stays at risk to its end.
    """
    if not durations:
        return None
    times = np.array([np.inf if entry.days is None else entry.days for entry in durations])
    events = np.array([entry.landed for entry in durations])
    return 1.0 - survival(times, events, np.array([entry.projects for entry in durations], float))


def survival(times: NDArray[np.float64], events: NDArray[np.bool_], weights: NDArray[np.float64]) -> float:
    """Return the product-limit estimate after the last event; at a tie events come before censoring."""
    _moments, place = np.unique(times, return_inverse=True)
    leaving = np.bincount(place, weights)
    happened = np.bincount(place, weights * events)
    at_risk = leaving[::-1].cumsum()[::-1]
    return float(np.prod(1.0 - happened / at_risk))

"""The Kaplan–Meier estimate of the share that has landed within a horizon, with the young censored."""

from collections.abc import Iterable
from datetime import date

import numpy as np

from services.metrics.ledger.vocabulary import to_date

Durations = Iterable[tuple[int, int | None, int]]
"""Day of admission, day of landing or None, and how many projects have both."""


def landed_share(durations: Durations, as_of: date, complete_day: int, months: int) -> float | None:
    """Return the estimated share landed within ``months`` of admission; None of nobody.

    Without anybody censored it is exactly the landing rate: what lands after the horizon has not landed, and
    who has passed it without landing stays at risk to its end.
    """
    horizon = months // 12 * 10_000
    times, events, weights = [], [], []
    for admitted, landed, count in durations:
        in_time = landed is not None and landed <= admitted + horizon
        until = to_date(landed) if in_time and landed is not None else as_of
        mature = not in_time and admitted + horizon <= complete_day
        times.append(float("inf") if mature else max(0, (until - to_date(admitted)).days))
        events.append(in_time)
        weights.append(count)
    if not times:
        return None
    return 1.0 - survival(np.array(times, float), np.array(events, bool), np.array(weights, float))


def survival(times: np.ndarray, events: np.ndarray, weights: np.ndarray) -> float:
    """Return the product-limit estimate after the last event; at a tie events come before censoring."""
    _moments, place = np.unique(times, return_inverse=True)
    leaving = np.bincount(place, weights)
    happened = np.bincount(place, weights * events)
    at_risk = leaving[::-1].cumsum()[::-1]
    return float(np.prod(1.0 - happened / at_risk))

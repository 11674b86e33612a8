"""The estimate against another implementation, and where it must agree with the plain rate."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import CensoredData, ecdf

from services.metrics.kpis.counts import Duration
from services.metrics.kpis.estimate import landed_share

DURATIONS = st.lists(
    st.builds(Duration, st.integers(0, 30), st.booleans(), st.integers(1, 3)), min_size=1, max_size=30
)


@given(DURATIONS)
def test_it_is_the_product_limit_estimate(durations: list[Duration]) -> None:
    spread = [(entry.days, entry.landed) for entry in durations for _ in range(entry.projects)]
    sample = CensoredData(
        uncensored=[days for days, landed in spread if landed],
        right=[days for days, landed in spread if not landed],
    )
    if not any(landed for _, landed in spread):
        assert landed_share(durations) == 0.0
        return
    expected = ecdf(sample).cdf.evaluate(np.array([31.0]))[0]
    assert landed_share(durations) == pytest.approx(expected, abs=1e-12)


@given(st.integers(0, 20), st.integers(1, 20))
def test_without_the_young_it_is_the_rate(landed: int, never: int) -> None:
    durations = [Duration(None, False, never), *(Duration(days, True, 1) for days in range(landed))]
    assert landed_share(durations) == pytest.approx(landed / (landed + never))


def test_of_nobody_it_is_unknown() -> None:
    assert landed_share([]) is None

"""From the network's history to reports: which admissions count, and what the engine makes of them."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from typing import TypeVar

import numpy as np

from services.matching.directory.records import Admission, Landing, Project
from services.matching.engine.evaluation import cohorts
from services.matching.engine.evaluation.backtest import Agreement, Share, backtest
from services.matching.engine.evaluation.calibration import Calibration, calibrate
from services.matching.engine.evaluation.cohorts import Cohort
from services.matching.engine.evaluation.landing_probability import Estimate, fit
from services.matching.engine.evaluation.placebo import Gain, placebo
from services.matching.engine.evaluation.ranks import rank_of, to_be_placed
from services.matching.engine.scoring.features import HomeUnitFeatures
from services.matching.engine.scoring.snapshot import Snapshot
from services.matching.evaluation.schemas import (
    AgreementRead,
    BacktestRead,
    BinRead,
    CalibrationRead,
    GainRead,
    LandingProbabilityRead,
    PlaceboRead,
    ShareRead,
    known_share,
    share_of,
)
from services.matching.recommendations.facts import project_features

K = TypeVar("K")

SAMPLE = 2_000
"""Projects ranked in a backtest: its interval gets little narrower beyond."""


@dataclass(frozen=True)
class History:
    """The admissions and landings on file, and the day YYYYMMDD and the horizon for which they are judged."""

    admissions: Sequence[Admission]
    landings: Sequence[Landing]
    as_of: int
    months: int

    def at_home(self) -> tuple[Cohort, int]:
        """Return the matured cohort, landed where it was admitted, and how many had no known home unit."""
        first = _earliest(self.landings, _of_pair)
        went = {
            entry.project_id: (entry.home_unit_id, first.get((entry.project_id, entry.home_unit_id)))
            for entry in self.admissions
        }
        return self._matured(went)

    def anywhere(self) -> tuple[Cohort, int]:
        """Return the matured cohort, each project where it landed first, else where it was admitted."""
        first = _earliest(self.landings, lambda entry: entry.project_id)
        horizon = self.months // 12 * 10_000
        went = {}
        for entry in self.admissions:
            landing = first.get(entry.project_id)
            in_time = landing is not None and landing[0] <= entry.admitted_day + horizon
            went[entry.project_id] = (landing[1] if landing and in_time else entry.home_unit_id, landing)
        return self._matured(went)

    def _matured(self, went: Mapping[str, tuple[str | None, tuple[int, str] | None]]) -> tuple[Cohort, int]:
        known, left_out = [], 0
        for entry in self.admissions:
            home, landing = went[entry.project_id]
            if home is not None:
                day = landing[0] if landing else None
                known.append(cohorts.Admission(entry.project_id, home, entry.admitted_day, day))
            elif entry.admitted_day <= self.as_of:
                left_out += 1
        return cohorts.matured(known, self.as_of, self.months), left_out


def calibration_report(history: History) -> CalibrationRead:
    """Return the calibration, and the landing probability of each home unit if it may be published."""
    cohort, left_out = history.at_home()
    found, model = calibrate(cohort), fit(cohort)
    published = found.verdict == "publish"
    estimates = [(home, model.estimate(home, calibrated=published)) for home in cohort.homes]
    return _calibration(found, left_out, [_estimate(home, entry) for home, entry in estimates])


def backtest_report(
    history: History,
    homes: Sequence[HomeUnitFeatures],
    projects: Mapping[str, Project],
    seed: int,
) -> BacktestRead:
    """Return how today's scoring ranks the home units that projects went to; it may take a second."""
    cohort, left_out = history.anywhere()
    known = {home.id for home in homes}
    rows = [
        row
        for row, project_id in enumerate(cohort.project_ids)
        if project_id in projects and cohort.homes[cohort.home[row]] in known
    ]
    rows = sorted(sorted(rows, key=lambda row: _drawn(seed, cohort.project_ids[row]))[:SAMPLE])
    snapshot, ranks = Snapshot(homes), {}
    for row in rows:
        # A record the engine cannot read is left out, as it is of recommendations.
        with suppress(ValueError, KeyError):
            project = to_be_placed(project_features(projects[cohort.project_ids[row]]))
            ranks[row] = rank_of(snapshot, project, cohort.homes[cohort.home[row]])
    left_out += len(cohort) - len(ranks)
    landed = cohort.landed[np.array(list(ranks), np.int64)]
    found = backtest(list(ranks.values()), landed, cohort.censored, left_out, seed)
    return BacktestRead(
        landed=_agreement(found.landed),
        not_landed=_agreement(found.not_landed),
        censored=found.censored,
        left_out=found.left_out,
    )


def placebo_report(seed: int) -> PlaceboRead:
    """Return what estimators claim on the placebo market of a seed."""
    found = placebo(seed)
    return PlaceboRead(
        projects=found.projects,
        home_units=found.home_units,
        landing_rate=share_of(found.landing_rate),
        naive=_gain(found.naive),
        ipw=_gain(found.ipw),
        self_normalised=_gain(found.self_normalised),
        effective_sample=found.effective_sample,
    )


def _earliest(landings: Sequence[Landing], key: Callable[[Landing], K]) -> dict[K, tuple[int, str]]:
    first: dict[K, tuple[int, str]] = {}
    for entry in landings:
        if entry.landed_day is not None:
            found = (entry.landed_day, entry.home_unit_id)
            first[key(entry)] = min(found, first.get(key(entry), found))
    return first


def _of_pair(entry: Landing) -> tuple[str, str | None]:
    return entry.project_id, entry.home_unit_id


def _drawn(seed: int, project_id: str) -> bytes:
    return hashlib.sha256(f"{seed} {project_id}".encode()).digest()


def _calibration(
    found: Calibration, left_out: int, home_units: list[LandingProbabilityRead]
) -> CalibrationRead:
    day = found.split_day
    return CalibrationRead(
        verdict=found.verdict,
        reasons=list(found.reasons),
        split_on=None if day is None else date(day // 10_000, day // 100 % 100, day % 100),
        fitted=found.fitted,
        judged=found.judged,
        censored=found.censored,
        left_out=left_out,
        ece=known_share(found.ece),
        brier=known_share(found.brier),
        base_brier=known_share(found.base_brier),
        base_rate=known_share(found.base_rate),
        bins=[
            BinRead(count=part.count, predicted=share_of(part.predicted), landed=share_of(part.landed))
            for part in found.bins
        ],
        home_units=home_units,
    )


def _estimate(home_unit_id: str, estimate: Estimate) -> LandingProbabilityRead:
    return LandingProbabilityRead(
        home_unit_id=home_unit_id,
        probability=known_share(estimate.probability),
        low=known_share(estimate.low),
        high=known_share(estimate.high),
        admitted=estimate.admitted,
        landed=estimate.landed,
        network=estimate.network,
        reasons=list(estimate.reasons),
    )


def _agreement(found: Agreement) -> AgreementRead:
    hits = found.hits or {}
    return AgreementRead(
        n=found.n,
        refused=found.refused,
        hit_at_1=_share(hits.get(1)),
        hit_at_3=_share(hits.get(3)),
        hit_at_10=_share(hits.get(10)),
        mean_reciprocal_rank=_share(found.mean_reciprocal_rank),
    )


def _share(share: Share | None) -> ShareRead | None:
    if share is None:
        return None
    return ShareRead(value=share_of(share.value), low=share_of(share.low), high=share_of(share.high))


def _gain(gain: Gain) -> GainRead:
    return GainRead(
        value=share_of(gain.value),
        low=share_of(gain.low),
        high=share_of(gain.high),
        contains_zero=gain.contains_zero,
    )

"""A market in which no assignment can help, and what estimators claim to have gained on it.

Whether a project lands depends on its kind alone, never on the home unit. An estimator that reports a gain
here reports one everywhere. The plug-in way (learn rates per kind and home unit, assign by them, and sum up
the same rates) does: it chooses the luckiest of many small samples. Assigning by one half of the projects and
weighing the other half by how likely each was to be where it was (IPW) does not.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.matching.engine.evaluation.cohorts import PPM

PROJECTS, KINDS, HOMES = 6_000, 10, 12
SLACK = 2
"""Times its even share that a home unit can take."""

Z = 1.959963984540054
"""The 97.5th percentile of the normal distribution, for 95 % intervals."""

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Gain:
    """A claimed gain over what happened, in millionths of the rate that happened, with a 95 % interval."""

    value: int
    low: int
    high: int

    @property
    def contains_zero(self) -> bool:
        """Whether the claim is compatible with no gain at all, which is the truth here."""
        return self.low <= 0 <= self.high


@dataclass(frozen=True, slots=True)
class Placebo:
    """What three estimators claim on one and the same placebo market."""

    projects: int
    home_units: int
    landing_rate: int
    naive: Gain
    ipw: Gain
    self_normalised: Gain
    effective_sample: int


@dataclass(frozen=True, slots=True)
class Market:
    """A history: the kind of each project, the home unit it went to, and whether it landed.

    ``propensity[k, h]``: how likely a project of kind k was to go to home unit h.
    """

    kind: NDArray[np.int64]
    home: NDArray[np.int64]
    landed: NDArray[np.bool_]
    propensity: Floats

    def part(self, rows: NDArray[np.int64]) -> "Market":
        """Return the history of these projects."""
        return Market(self.kind[rows], self.home[rows], self.landed[rows], self.propensity)


def market(seed: int, projects: int = PROJECTS, kinds: int = KINDS, homes: int = HOMES) -> Market:
    """Return a placebo market: kinds differ in their rate and in where they went, home units in nothing."""
    random = np.random.default_rng(seed)
    rates = random.uniform(0.1, 0.5, kinds)
    pull = np.exp(0.6 * random.standard_normal((kinds, homes)))
    propensity = pull / pull.sum(axis=1, keepdims=True)
    kind = random.integers(0, kinds, projects)
    steps = propensity.cumsum(axis=1)[kind]
    home = np.minimum((random.random(projects)[:, None] > steps).sum(axis=1), homes - 1)
    landed = random.random(projects) < rates[kind]
    return Market(kind, home, landed, propensity)


def placebo(seed: int) -> Placebo:
    """Return what is claimed on the market of this seed."""
    history = market(seed)
    naive = _naive(history)
    order = np.random.default_rng([seed, 1]).permutation(len(history.kind))
    half = len(order) // 2
    ipw, self_normalised, effective = held_out(history.part(order[:half]), history.part(order[half:]))
    rate = int(np.count_nonzero(history.landed)) * PPM // len(history.kind)
    return Placebo(
        len(history.kind), history.propensity.shape[1], rate, naive, ipw, self_normalised, effective
    )


def held_out(learned: Market, judged: Market) -> tuple[Gain, Gain, int]:
    """Assign by one part and judge on the other: IPW, self-normalised IPW, and the effective sample.

    A project weighs how likely the assignment sends its kind where it went, over how likely that was.
    """
    table = _rates(learned)
    shares = _assigned(table, np.bincount(learned.kind, minlength=len(table)))
    where = (judged.kind, judged.home)
    weight, y = shares[where] / judged.propensity[where], judged.landed.astype(np.float64)
    plain = _gain(weight * y - y, y)
    value = float(weight @ y / weight.sum())
    normalised = weight * (y - value) / weight.mean() + value - y
    return plain, _gain(normalised, y), int(weight.sum() ** 2 / (weight @ weight))


def _naive(history: Market) -> Gain:
    table, supply = _rates(history), np.bincount(history.kind, minlength=len(history.propensity))
    claimed = float((_assigned(table, supply) * table * supply[:, None]).sum() / supply.sum())
    rate = float(history.landed.mean())
    half = Z * float(np.sqrt(claimed * (1 - claimed) / supply.sum()))
    return _millionths((claimed - rate) / rate, half / rate)


def _rates(history: Market) -> Floats:
    """The rate per kind and home unit, that of the kind where there was nobody."""
    kinds, homes = history.propensity.shape
    cell = history.kind * homes + history.home
    counts = np.bincount(cell, minlength=kinds * homes).reshape(kinds, homes)
    landed = np.bincount(cell[history.landed], minlength=kinds * homes).reshape(kinds, homes)
    of_kind = landed.sum(axis=1, keepdims=True) / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    return np.where(counts > 0, landed / np.maximum(counts, 1), of_kind)


def _assigned(table: Floats, supply: NDArray[np.int64]) -> Floats:
    """How each kind is shared out: the best pairs first, within what home units can take."""
    homes = table.shape[1]
    given = np.zeros(table.shape, np.int64)
    left, room = supply.copy(), np.full(homes, -(-int(supply.sum()) * SLACK // homes))
    for cell in np.argsort(-table, axis=None, kind="stable").tolist():
        kind, home = divmod(cell, homes)
        given[kind, home] = taken = min(left[kind], room[home])
        left[kind] -= taken
        room[home] -= taken
    shares: Floats = given / np.maximum(supply, 1)[:, None]
    return shares


def _gain(differences: Floats, landed: Floats) -> Gain:
    rate = float(landed.mean())
    half = Z * float(differences.std(ddof=1) / np.sqrt(len(differences)))
    return _millionths(float(differences.mean()) / rate, half / rate)


def _millionths(value: float, half: float) -> Gain:
    return Gain(round(value * PPM), round((value - half) * PPM), round((value + half) * PPM))

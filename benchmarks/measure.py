"""The arithmetic of a measurement: batches, medians, percentiles and ratios to a floor."""

import math
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median


@dataclass(frozen=True)
class Batch:
    """Some requests of one variant, one after the other or at once."""

    requests: int
    cpu_s: float
    wall_s: float
    latencies_s: list[float] = field(default_factory=list)
    failures: int = 0

    @property
    def cpu_us(self) -> float:
        return self.cpu_s / self.requests * 1e6

    @property
    def wall_us(self) -> float:
        return self.wall_s / self.requests * 1e6

    def cost(self, by: str) -> float:
        """What is compared with the floor: ``cpu``, ``wall``, or a percentile as ``p50``."""
        if by.startswith("p"):
            return percentile(self.latencies_s, int(by[1:]) / 100)
        return self.cpu_us if by == "cpu" else self.wall_us


@dataclass(frozen=True)
class Figure:
    """What came out for one variant. ``ratio`` is floor / this: 1 is as good as the floor, 0.5 half."""

    benchmark: str
    variant: str
    database: str
    form: str
    size: int | None = None
    cpu_us: float | None = None
    wall_us: float | None = None
    per_second: float | None = None
    p50_ms: float | None = None
    p95_ms: float | None = None
    p99_ms: float | None = None
    peak_mb: float | None = None
    ratio: float | None = None
    ratio_low: float | None = None
    ratio_high: float | None = None
    ratio_of: str = ""
    batches: int = 0
    requests: int = 0
    failures: int = 0
    note: str = ""


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least ``share`` of the values do not exceed (nearest rank)."""
    if not values or not 0 < share <= 1:
        raise ValueError("a percentile needs values and a share above 0 and up to 1")
    return sorted(values)[math.ceil(share * len(values)) - 1]


def ratio(floor: Sequence[float], own: Sequence[float]) -> tuple[float, float, float]:
    """Median cost of the floor over median cost of a variant, and the lowest and highest of its rounds."""
    rounds = [a / b for a, b in zip(floor, own, strict=True)]
    return median(floor) / median(own), min(rounds), max(rounds)


Run = Callable[[], Awaitable[Batch]]


async def interleave(variants: Mapping[str, Run], rounds: int, warmups: int = 1) -> dict[str, list[Batch]]:
    """Run every variant once per round, each round beginning with another one; forget the warm-ups."""
    names = list(variants)
    batches: dict[str, list[Batch]] = {name: [] for name in names}
    for number in range(-warmups, rounds):
        turn = number % len(names)
        for name in names[turn:] + names[:turn]:
            batch = await variants[name]()
            if number >= 0:
                batches[name].append(batch)
    return batches


def figure(
    benchmark: str,
    variant: str,
    database: str,
    form: str,
    batches: Sequence[Batch],
    *,
    floor: Sequence[Batch] | None = None,
    by: str = "cpu",
    size: int | None = None,
    peak_mb: float | None = None,
    note: str = "",
) -> Figure:
    """Sum up a variant's batches; ``by`` says what is compared with the floor."""
    latencies = [value for batch in batches for value in batch.latencies_s]
    wall = median(batch.wall_us for batch in batches)
    compared: tuple[float, float, float] | tuple[None, None, None] = (None, None, None)
    if floor is not None:
        compared = ratio([b.cost(by) for b in floor], [b.cost(by) for b in batches])
    return Figure(
        benchmark,
        variant,
        database,
        form,
        size=size,
        cpu_us=median(batch.cpu_us for batch in batches),
        wall_us=wall,
        per_second=1e6 / wall,
        p50_ms=percentile(latencies, 0.5) * 1000 if latencies else None,
        p95_ms=percentile(latencies, 0.95) * 1000 if latencies else None,
        p99_ms=percentile(latencies, 0.99) * 1000 if latencies else None,
        peak_mb=peak_mb,
        ratio=compared[0],
        ratio_low=compared[1],
        ratio_high=compared[2],
        ratio_of=by if floor is not None else "",
        batches=len(batches),
        requests=sum(batch.requests for batch in batches),
        failures=sum(batch.failures for batch in batches),
        note=note,
    )

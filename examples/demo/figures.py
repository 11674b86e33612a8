"""The three yardsticks, read from metrics."""

from dataclasses import dataclass
from typing import Any

from examples.demo.client import Client, Json
from examples.demo.waiting import PATIENCE_S, until


@dataclass(frozen=True)
class Rate:
    """A landing rate: how many of the matured admissions landed in time, and how many are too young."""

    value: float | None
    landed: int | None
    matured: int | None
    too_young: int | None
    reason: str | None

    @classmethod
    def of(cls, answer: Json) -> "Rate":
        """Read it from metrics' answer."""
        figure = answer["figure"]
        reason = figure["reason"]["en"] if figure["reason"] else None
        return cls(figure["value"], figure["numerator"], figure["denominator"], figure["censored"], reason)

    def __str__(self) -> str:
        return "unknown" if self.value is None else f"{self.value:.1%} ({self.landed}/{self.matured})"


@dataclass(frozen=True)
class Reading:
    """The three yardsticks of one slice at one moment; what is not known is None."""

    incubating: int | None
    reserve: int | None
    landing_24: Rate
    landing_36: Rate

    def since(self, before: "Reading") -> dict[str, int | None]:
        """Return what changed since an earlier reading; None where either is not known."""
        return {
            "incubating": change(before.incubating, self.incubating),
            "reserve": change(before.reserve, self.reserve),
            "landed within 24 months": change(before.landing_24.landed, self.landing_24.landed),
            "admitted 24 months ago": change(before.landing_24.matured, self.landing_24.matured),
        }


def change(before: int | None, after: int | None) -> int | None:
    """Return the difference, or None where either is not known."""
    return None if before is None or after is None else after - before


def shown(number: int | None) -> str:
    """Return a count in words: what is not known is not zero."""
    return "unknown" if number is None else str(number)


async def read(client: Client, *, quiet: bool = False, **slices: Any) -> Reading:
    """Read the yardsticks of a slice, or of everything the caller sees."""
    answer = await client.get("metrics", "/v1/kpis:yardsticks", quiet=quiet, **slices)
    return Reading(
        answer["incubating"]["figure"]["value"],
        answer["reserve"]["figure"]["value"],
        Rate.of(answer["landing_rate_24"]),
        Rate.of(answer["landing_rate_36"]),
    )


async def counted(client: Client, kpi: str, project_id: str, **slices: Any) -> None:
    """Wait until a figure counts a project."""

    async def counts() -> bool:
        return project_id in await counted_ids(client, kpi, **slices)

    await until(f"{kpi} counts {project_id}", counts, PATIENCE_S, 0.1)


async def counted_no_longer(client: Client, kpi: str, project_id: str) -> None:
    """Wait until a figure does not count a project any more."""

    async def is_gone() -> bool:
        return project_id not in await counted_ids(client, kpi)

    await until(f"{kpi} counts {project_id} no longer", is_gone, PATIENCE_S, 0.1)


async def counted_ids(client: Client, kpi: str, *, quiet: bool = True, **slices: Any) -> list[str]:
    """Return the projects behind a figure, all pages."""
    ids: list[str] = []
    page: Json = {"has_more": True}
    while page["has_more"]:
        more = {"cursor": page["next_cursor"]} if ids else {}
        page = await client.get(
            "metrics", f"/v1/kpis/{kpi}/records", quiet=quiet, limit=200, **slices, **more
        )
        ids += [record["id"] for record in page["items"]]
    return ids

"""What every benchmark is given: how much to do, where, and where its figures go."""

import contextlib
import time
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from benchmarks.credentials import Signer
from benchmarks.measure import Figure
from benchmarks.process import Server, serving
from benchmarks.stores import Stores

T = TypeVar("T")


@dataclass(frozen=True)
class Effort:
    """How much a run does; bounded, so that it ends in minutes."""

    minutes: float
    rounds: int
    requests: int
    seconds: float
    sizes: tuple[int, ...]
    facts: tuple[int, ...]


FULL = Effort(10.0, 7, 400, 5.0, (10_000, 100_000, 1_000_000), (10_000, 100_000, 800_000))
QUICK = Effort(2.0, 3, 150, 2.0, (10_000, 100_000), (10_000, 100_000))


@dataclass
class Run:
    effort: Effort
    directory: Path
    signer: Signer
    stores: Stores
    databases: tuple[str, ...] = ("sqlite", "postgresql")
    figures: list[Figure] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    started: float = field(default_factory=time.monotonic)

    def in_time(self, what: str, items: Iterable[T]) -> Iterator[T]:
        """Yield the items as long as there is time; the rest is named as left out."""
        for item in items:
            if time.monotonic() - self.started < self.effort.minutes * 60:
                yield item
            else:
                self.left_out.append(f"{what} {item}")

    def keep(self, figure: Figure) -> None:
        self.figures.append(figure)

    def bearer(self, service: str, organisation_id: str | None = None) -> dict[str, str]:
        """The headers of one organisation's caller; without one, of a caller who sees the whole network."""
        token = self.signer.token(service, organisation_id, sees_network=organisation_id is None)
        return {"authorization": f"Bearer {token}"}

    def config(self, url: str, **more: Any) -> dict[str, Any]:
        return {"url": url, "jwk": self.signer.jwk, **more}

    @contextlib.asynccontextmanager
    async def servers(self, **targets: tuple[str, Mapping[str, Any]]) -> AsyncIterator[dict[str, Server]]:
        """Server processes by name, each of a target and its configuration."""
        async with contextlib.AsyncExitStack() as stack:
            running = {}
            for name, (target, config) in targets.items():
                log = self.directory / f"{target}.log"
                running[name] = await stack.enter_async_context(serving(target, config, log))
            yield running

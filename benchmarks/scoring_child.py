"""One process that scores: its own market and one thread of the linear algebra; answers lines of JSON."""

import asyncio
import gc
import os
import resource
import time
import tracemalloc
from collections.abc import Callable
from typing import Any

from benchmarks.child import configuration, serve


class Scoring:
    """A market, and beside it the same number of bytes as plain matrices."""

    def __init__(self, projects: int, homes: int) -> None:
        import numpy as np

        from benchmarks import markets
        from services.matching.engine.scoring.bulk import Bulk, warm
        from services.matching.engine.scoring.snapshot import Snapshot

        self.np, self.projects, self.homes = np, projects, homes
        self.snapshot = Snapshot(markets.homes(homes), markets.projects(projects))
        self.bulk = Bulk(self.snapshot)
        self.bulk.best(3, np.arange(64))
        warm()
        found = self.bulk.best(20, np.arange(300))
        assert self.naive(300) == [found.top(row) for row in range(300)]
        chance, view = np.random.default_rng(7), self.snapshot.project_table.view
        row_bytes = sum(getattr(view, name).itemsize for name in view.__dataclass_fields__)
        grams = float(view.gram_count.mean())
        self.columns = max(1, round((row_bytes + 4 * grams) / 4))
        self.left = chance.random((projects, self.columns), np.float32)
        self.right = chance.random((self.columns, homes), np.float32)
        self.ids = self.snapshot.home_table.ids

    def work(self, name: str) -> Callable[[], Any]:
        """The work of one variant."""
        return {
            "the GEMM alone": lambda: self.left @ self.right,
            "own, top 20": lambda: self.bulk.best(20),
            "own, top 3": lambda: self.bulk.best(3),
            "own, top 3, two threads": lambda: self.bulk.best(3, threads=2),
            "naive cube, top 20": self.naive,
            "matrix-vector product": lambda: self.left @ self.right[:, 0],
            "top 10 for a city, cold": lambda: self.city(cold=True),
            "top 10 for a city, warm": lambda: self.city(cold=False),
        }[name]

    def city(self, *, cold: bool) -> Any:
        """The ten best projects of one home unit, without their explanations."""
        from services.matching.engine.scoring import lens, ranking

        if cold:
            self.snapshot.lenses.clear()
        result = lens.for_home(self.snapshot, self.snapshot.home_unit(self.ids[0]))
        allowed = result.outcomes.max(axis=0) == 0
        return ranking.best_rows(result.total, allowed, self.snapshot.project_table.ids, 10)

    def naive(self, rows: int | None = None) -> list[list[str]]:
        """The same best home units by a cube of all criteria of all pairs."""
        from benchmarks.naive_cube import best

        return best(self.snapshot, 20, self.projects if rows is None else rows)


async def main() -> None:
    asked = configuration()
    scoring = await asyncio.to_thread(Scoring, asked["projects"], asked["homes"])

    async def answer(question: dict[str, Any]) -> Any:
        work = scoring.work(question["name"])
        if question["do"] == "memory":
            gc.collect()
            tracemalloc.start()
            work()
            peak = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
            return {"mb": peak / 1e6}
        cpu, started = time.process_time(), time.perf_counter()
        work()
        wall = time.perf_counter() - started
        largest = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        return {"cpu": time.process_time() - cpu, "wall": wall, "columns": scoring.columns, "mb": largest}

    await serve(0, answer)


if __name__ == "__main__":
    os.environ["OPENBLAS_NUM_THREADS"] = "1"
    asyncio.run(main())

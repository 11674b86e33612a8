"""What a run says: a table, the machine it ran on, a JSON document."""

import json
import os
import platform
import sqlite3
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version

from benchmarks.measure import Figure

PACKAGES = (
    "fastapi",
    "starlette",
    "uvicorn",
    "uvloop",
    "sqlalchemy",
    "asyncpg",
    "aiosqlite",
    "pydantic",
    "numpy",
)
NOISE = (
    "Other work on this machine moves requests per second and p99 severalfold; CPU time per request and "
    "ratios taken in one run move far less."
)


@dataclass(frozen=True)
class Document:
    measured_at: str
    quick: bool
    machine: dict[str, str]
    seconds: dict[str, float]
    figures: list[Figure]


def document(figures: list[Figure], seconds: dict[str, float], *, quick: bool) -> Document:
    machine = {
        "cores": str(os.cpu_count()),
        "load": ", ".join(f"{value:.1f}" for value in os.getloadavg()),
        "system": platform.system(),
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
        **{name: version(name) for name in PACKAGES},
    }
    return Document(datetime.now(UTC).isoformat(timespec="seconds"), quick, machine, seconds, figures)


def to_json(document: Document) -> str:
    return json.dumps(asdict(document), ensure_ascii=False, indent=1) + "\n"


def text(value: float | None, digits: int = 0) -> str:
    return "" if value is None else f"{value:,.{digits}f}"


def row(figure: Figure) -> list[str]:
    spread = "" if figure.ratio is None else f"{figure.ratio_low:.2f}–{figure.ratio_high:.2f}"
    return [
        f"{figure.benchmark}: {figure.variant}",
        figure.database,
        text(figure.size),
        figure.form,
        text(figure.cpu_us),
        text(figure.ratio, 2) + (f" {figure.ratio_of}" if figure.ratio_of else ""),
        spread,
        text(figure.per_second),
        text(figure.p50_ms, 2),
        text(figure.p95_ms, 2),
        text(figure.p99_ms, 2),
        text(figure.peak_mb),
        f"{figure.failures} FAILED" if figure.failures else figure.note,
    ]


HEADINGS = [
    "what",
    "database",
    "rows",
    "form",
    "CPU µs",
    "floor/this",
    "rounds",
    "per s",
    "p50 ms",
    "p95 ms",
    "p99 ms",
    "MB",
    "",
]


def print_figures(figures: Sequence[Figure]) -> None:
    rows = [HEADINGS, *[row(figure) for figure in figures]]
    widths = [max(len(line[column]) for line in rows) for column in range(len(HEADINGS))]
    for line in rows:
        print(
            "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip(),
            flush=True,
        )


def print_machine(document: Document) -> None:
    print("; ".join(f"{name} {value}" for name, value in document.machine.items()))
    print(NOISE)
    print(f"took {sum(document.seconds.values()):.0f} s")

"""Writing figures into `docs/performance.md` and its picture: `python -m benchmarks.docs FILE...`."""

import json
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from xml.sax.saxutils import escape

from benchmarks.measure import Figure
from benchmarks.report import NOISE, Document, text

DOCS = Path(__file__).resolve().parent.parent / "docs"
TITLES = {
    "stack": "What surrounds a handler (floor: a bare FastAPI route)",
    "get": "Read one project",
    "list": "List 50 projects",
    "create": "File a project",
    "feed": "Read the event feed (per event)",
    "recommend": "Recommend ten home units (floor: numpy's top ten of ready scores)",
    "yardsticks": "The three yardsticks (floor: the same counts in plain SQL; above 1 is faster)",
}
GOALS = {"get": 0.22, "list": 0.35, "create": 0.30}
_BLOCK = re.compile(r"(<!-- figures -->\n).*?(<!-- /figures -->)", re.DOTALL)
_HEAD = (
    "| what | database | rows | form | CPU µs | floor / this | rounds | per s | p50 ms | p99 ms | peak MB |\n"
    "|---|---|--:|---|--:|--:|--:|--:|--:|--:|--:|\n"
)


def write(documents: Sequence[Document], directory: Path = DOCS) -> None:
    """Replace the figures of the page and draw its picture."""
    page = directory / "performance.md"
    block = "\n".join(_blocks(documents))
    page.write_text(_BLOCK.sub(lambda match: match[1] + block + "\n" + match[2], page.read_text()))
    figures = [figure for document in documents for figure in document.figures]
    (directory / "performance.svg").write_text(picture(figures))


def _blocks(documents: Sequence[Document]) -> list[str]:
    lines = []
    for document in documents:
        machine = "; ".join(f"{name} {value}" for name, value in document.machine.items())
        kind = "a quick run" if document.quick else "a whole run"
        for name in dict.fromkeys(figure.benchmark for figure in document.figures):
            rows = [row(figure) for figure in document.figures if figure.benchmark == name]
            lines += [f"### {TITLES.get(name, name)}", "", _HEAD + "\n".join(rows), ""]
        lines += [f"*Measured {document.measured_at}, {kind}: {machine}.*", ""]
    return [*lines, NOISE]


def row(figure: Figure) -> str:
    """One line of the table."""
    digits = 1 if (figure.cpu_us or 0) < 10 else 0
    ratio = "" if figure.ratio is None else f"{figure.ratio:.2f}"
    spread = "" if figure.ratio is None else f"{figure.ratio_low:.2f}–{figure.ratio_high:.2f}"
    by = " (wall)" if figure.ratio_of == "wall" else ""
    cells = [
        figure.variant + (f" ({figure.note})" if figure.note else ""),
        figure.database,
        text(figure.size),
        figure.form,
        text(figure.cpu_us, digits),
        ratio + by,
        spread,
        text(figure.per_second),
        text(figure.p50_ms, 2),
        text(figure.p99_ms, 1),
        text(figure.peak_mb),
    ]
    return "| " + " | ".join(cells) + " |"


def picture(figures: Sequence[Figure]) -> str:
    """Bars of floor / own over HTTP, with a mark where the goal lies."""
    shown = [
        figure
        for figure in figures
        if figure.benchmark in GOALS and figure.form == "http" and figure.ratio and "own" in figure.variant
    ]
    height, width, left = 44 + 26 * len(shown), 760, 330
    scale = (width - left - 70) / max([0.5, *[figure.ratio or 0 for figure in shown]])
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif" '
        'font-size="13">',
        f'<rect width="{width}" height="{height}" fill="#fff"/>',
        '<text x="12" y="22" font-weight="bold">Floor / ours over HTTP; the line is the goal</text>',
    ]
    for number, figure in enumerate(shown):
        top, ratio = 36 + 26 * number, figure.ratio or 0
        by = "throughput" if figure.ratio_of == "wall" else "CPU"
        label = f"{figure.benchmark}: {figure.variant}, {figure.database} ({by})"
        goal = left + GOALS[figure.benchmark] * scale
        colour = "#2f6f9f" if figure.database == "postgresql" else "#5f9f6f"
        parts += [
            f'<text x="{left - 8}" y="{top + 14}" text-anchor="end">{escape(label)}</text>',
            f'<rect x="{left}" y="{top}" width="{ratio * scale:.1f}" height="18" fill="{colour}"/>',
            f'<line x1="{goal:.1f}" x2="{goal:.1f}" y1="{top - 2}" y2="{top + 20}" stroke="#b03030"/>',
            f'<text x="{left + ratio * scale + 6:.1f}" y="{top + 14}">{ratio:.2f}</text>',
        ]
    return "\n".join([*parts, "</svg>", ""])


def load(path: Path) -> Document:
    """Read what `./dev bench --json` wrote."""
    content = json.loads(path.read_text())
    return Document(**{**content, "figures": [Figure(**entry) for entry in content["figures"]]})


if __name__ == "__main__":
    write([load(Path(name)) for name in sys.argv[1:]])

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
    "scoring": "Score many projects (floors: plain linear algebra over the same bytes)",
    "stable": "Stable rounds (floors as named; above 1 is faster)",
    "welfare": "Welfare rounds (floors as named)",
    "yardsticks": "The three yardsticks (floor: the same counts in plain SQL; above 1 is faster)",
    "webhooks": "Deliver webhooks (floor: a bare session of aiohttp posting the same bytes)",
    "neighbours": "From commit to receipt beside bad neighbours (floor: without them)",
}
GOALS = {"get": 0.22, "list": 0.35, "create": 0.30}
_BLOCK = re.compile(r"(<!-- figures -->\n).*?(<!-- /figures -->)", re.DOTALL)
_HEAD = (
    "| what | database | rows | form | CPU µs | floor / this | rounds | per s "
    "| p50 ms | p95 ms | p99 ms | peak MB |\n"
    "|---|---|--:|---|--:|--:|--:|--:|--:|--:|--:|--:|\n"
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
    by = f" ({figure.ratio_of})" if figure.ratio_of not in ("", "cpu") else ""
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
        text(figure.p95_ms, 1),
        text(figure.p99_ms, 1),
        text(figure.peak_mb),
    ]
    return "| " + " | ".join(cells) + " |"


def picture(figures: Sequence[Figure]) -> str:
    """Bars of floor / own over HTTP on an axis, each beside the value that is its goal."""
    shown = [
        figure
        for figure in figures
        if figure.benchmark in GOALS and figure.form == "http" and figure.ratio and "own" in figure.variant
    ]
    top, step, left, width = 84, 26, 400, 860
    bottom = top + step * len(shown)
    longest = max([0.4, *GOALS.values(), *[figure.ratio or 0 for figure in shown]])
    scale = (width - left - 150) / longest
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {bottom + 52}" '
        'font-family="sans-serif" font-size="13">',
        f'<rect width="{width}" height="{bottom + 52}" fill="#fff"/>',
        '<text x="12" y="24" font-weight="bold">Share of the floor reached over HTTP (1 = the floor)</text>',
        *_legend(12, 48),
        *_axis(left, top, bottom, scale, longest),
    ]
    for number, figure in enumerate(shown):
        y, ratio, goal = top + step * number, figure.ratio or 0, GOALS[figure.benchmark]
        mark = left + goal * scale
        parts += [
            f'<text x="{left - 8}" y="{y + 14}" text-anchor="end">{escape(_label(figure))}</text>',
            f'<rect x="{left}" y="{y}" width="{ratio * scale:.1f}" height="18" '
            f'fill="{_COLOURS[figure.database]}"/>',
            f'<line x1="{mark:.1f}" x2="{mark:.1f}" y1="{y - 2}" y2="{y + 20}" stroke="#b03030" '
            'stroke-width="2"/>',
            f'<text x="{width - 78}" y="{y + 14}" text-anchor="end">{ratio:.2f}</text>',
            f'<text x="{width - 20}" y="{y + 14}" text-anchor="end" fill="#b03030">{goal:.2f}</text>',
        ]
    return "\n".join([*parts, "</svg>", ""])


_COLOURS = {"postgresql": "#2f6f9f", "sqlite": "#5f9f6f"}
_WORK = {"get": "read one project", "list": "list 50 projects", "create": "file a project"}


def _label(figure: Figure) -> str:
    """What is measured, at which size of the store, and by which measure."""
    manner = figure.variant.removeprefix("own").removeprefix(", ")
    if figure.benchmark == "list":
        manner = manner or "first page"
    by = "throughput" if figure.ratio_of == "wall" else "CPU"
    words = [_WORK[figure.benchmark], manner, f"{figure.size:,} rows" if figure.size else "", by]
    return ", ".join(word for word in words if word)


def _legend(x: int, y: int) -> list[str]:
    parts = []
    for number, (name, colour) in enumerate(sorted(_COLOURS.items())):
        at = x + 110 * number
        parts += [
            f'<rect x="{at}" y="{y - 11}" width="14" height="14" fill="{colour}"/>',
            f'<text x="{at + 20}" y="{y}">{name}</text>',
        ]
    at = x + 110 * len(_COLOURS)
    return [
        *parts,
        f'<line x1="{at + 7}" x2="{at + 7}" y1="{y - 13}" y2="{y + 5}" stroke="#b03030" stroke-width="2"/>',
        f'<text x="{at + 20}" y="{y}">goal</text>',
    ]


def _axis(left: int, top: int, bottom: int, scale: float, longest: float) -> list[str]:
    """Lines at every tenth, and the heads of the two columns of numbers."""
    parts = [
        f'<text x="782" y="{top - 12}" text-anchor="end" font-weight="bold">now</text>',
        f'<text x="840" y="{top - 12}" text-anchor="end" font-weight="bold" fill="#b03030">goal</text>',
        f'<text x="{left}" y="{bottom + 42}">floor / ours</text>',
    ]
    for tenth in range(int(longest * 10 + 0.001) + 1):
        x = left + tenth / 10 * scale
        parts += [
            f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{top - 6}" y2="{bottom}" stroke="#ddd"/>',
            f'<text x="{x:.1f}" y="{bottom + 18}" text-anchor="middle">{tenth / 10:.1f}</text>',
        ]
    return parts


def load(path: Path) -> Document:
    """Read what `./dev bench --json` wrote."""
    content = json.loads(path.read_text())
    return Document(**{**content, "figures": [Figure(**entry) for entry in content["figures"]]})


if __name__ == "__main__":
    write([load(Path(name)) for name in sys.argv[1:]])

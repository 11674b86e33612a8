"""The picture of the figures: each bar has a label of its own, and its numbers stand beside it."""

import re

from benchmarks.docs import picture
from benchmarks.measure import Figure


def test_every_bar_has_its_own_label_and_its_numbers() -> None:
    figures = [
        Figure("list", variant, database, "http", size=size, ratio=0.2)
        for variant in ("own", "own, deep page")
        for database in ("sqlite", "postgresql")
        for size in (100_000, 1_000_000)
    ]
    drawn = picture(figures)
    bars = re.findall(r'text-anchor="end">(list [^<]*)</text>\n<rect[^>]*fill="([^"]*)"', drawn)
    assert len(set(bars)) == len(figures)
    assert {label for label, _ in bars} >= {"list 50 projects, first page, 100,000 rows, CPU"}
    assert drawn.count(">0.20</text>") == drawn.count(">0.35</text>") == len(figures)

"""What the documents say that follows from the code is what the code says, and their links lead somewhere."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.documents.tables import ROOT, TABLES, written_anew

DOCUMENTS = sorted(
    path
    for pattern in ("*.md", "docs/**/*.md", "services/**/*.md", "shared/*.md", "deploy/**/*.md")
    for path in ROOT.glob(pattern)
)
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")


@pytest.mark.parametrize("document", TABLES)
def test_tables_are_those_of_the_code(document: str) -> None:
    committed = (ROOT / document).read_text(encoding="utf-8")
    assert committed == written_anew(document), "run: .venv/bin/python -m tests.documents.tables"


def broken_links(path: Path) -> Iterator[str]:
    for target in LINK.findall(path.read_text(encoding="utf-8")):
        place = target.partition("#")[0]
        if "://" not in target and place and not (path.parent / place).exists():
            yield target


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(path: Path) -> None:
    assert list(broken_links(path)) == []

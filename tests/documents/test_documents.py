"""What the documents say that follows from the code is what the code says, and their links lead somewhere."""

import importlib
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.contracts import SERVICES
from shared.messaging.outbox import EventType
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


# -- event types

TYPE_LIST = re.compile(r"Event types?: (.*?)\. `data", re.DOTALL)
MATCHINGS = re.compile(r"`([\w.|]+)` is matching's")


def published(service: str) -> set[str]:
    """The event types that a service's schemas declare."""
    modules = [
        importlib.import_module(".".join(path.relative_to(ROOT).with_suffix("").parts))
        for path in (ROOT / "services" / service).rglob("schemas.py")
    ]
    found = (value for module in modules for value in vars(module).values())
    return {value.name for value in found if isinstance(value, EventType)}


def documented(text: str) -> set[str]:
    """The names in a list like `landing.created|state_changed`, `review.created`."""
    lists = [name.split(".") for name in re.findall(r"`([\w.|]+)`", text)]
    return {f"{kind}.{what}" for kind, whats in lists for what in whats.split("|")}


def test_the_event_types_in_the_documents_are_those_published() -> None:
    registry = (ROOT / "services/registry/README.md").read_text(encoding="utf-8")
    others = (ROOT / "docs/events.md").read_text(encoding="utf-8")
    [of_registry], of_matching = TYPE_LIST.findall(registry), MATCHINGS.findall(others)
    said = {
        "registry": documented(of_registry),
        "matching": documented(" ".join(f"`{name}`" for name in of_matching)),
        "metrics": set(),
    }
    assert said == {service: published(service) for service in SERVICES}

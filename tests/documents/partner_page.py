"""The page for partners, taken apart: its blocks of code and its calls of the API."""

import json
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

PAGE = Path(__file__).parents[2] / "docs/partners.md"
CHINESE_PAGE = PAGE.with_suffix(".zh-CN.md")

_BLOCK = re.compile(r"^ *```(\w+)\n(.*?)^ *```$", re.DOTALL | re.MULTILINE)


@cache
def blocks(language: str, page: Path = PAGE) -> list[str]:
    """Return the blocks of one language in order."""
    text = page.read_text(encoding="utf-8")
    return [body for name, body in _BLOCK.findall(text) if name == language]


def block_with(language: str, text: str) -> str:
    """Return the one block of a language that holds a text."""
    [found] = [block for block in blocks(language) if text in block]
    return found


@dataclass(frozen=True)
class Call:
    """One request that the page shows; ``path`` has ``{}`` where a value stands."""

    method: str
    path: str
    query: tuple[str, ...]
    body: Any


def calls(page: Path = PAGE) -> list[Call]:
    """Return every request that curl makes on a page."""
    return [_read(part) for block in blocks("sh", page) for part in _split(block)]


def _split(block: str) -> list[str]:
    """Each call with what follows it up to the next one."""
    parts = re.split(r"(?=curl -s )", block)
    return [part for part in parts if part.startswith("curl -s ") and "grant_type" not in part]


def _read(part: str) -> Call:
    [address] = re.findall(r'"?\$B(/[^\s"]+)', part)
    path, _, query = address.partition("?")
    data = re.search(
        r"-d '(.*?)'(?=\s|\)|$)(?!\$)", part.replace("'$URL'", "x").replace("'$EP'", "x"), re.DOTALL
    )
    method = re.search(r"-X ([A-Z]+)", part)
    return Call(
        method=(method[1] if method else "POST" if data else "GET").lower(),
        path=re.sub(r"\$[A-Z]+|[a-z]{3}_…", "{}", path),
        query=tuple(pair.partition("=")[0] for pair in query.split("&") if pair),
        body=json.loads(data[1]) if data else None,
    )

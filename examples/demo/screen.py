"""What the demo prints: chapters, calls and figures, in columns that hold with Chinese text."""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from typing import TextIO

WIDTH = 100
INDENT = "   "
LABEL = 16
_STYLES = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33", "cyan": "36"}
_ID = re.compile(r"\b([a-z]{2,8})_[0-9a-z]{22}([0-9a-z]{4})\b")
_TOKEN = re.compile(r"\s+|[\u2e80-\uffef]|[^\s\u2e80-\uffef]+")
_NEVER_FIRST = "，。；：、？！）》】”’"


class Screen:
    """Colour only where somebody looks at it."""

    def __init__(self, out: TextIO, *, colour: bool) -> None:
        self._out = out
        self._colour = colour
        self._chapters = 0

    def title(self, text: str, below: str) -> None:
        """Open the story."""
        self._line("")
        self._line(self.styled(text, "bold"))
        self.say(below, indent="")

    def chapter(self, title: str, text: str = "") -> None:
        """Begin a numbered step, with what it is about."""
        self._chapters += 1
        head = f"{self._chapters:>2} {title} "
        self._line("")
        self._line(self.styled(head + "─" * max(3, WIDTH - width_of(head)), "bold"))
        if text:
            self.say(text)
            self._line("")

    def call(self, method: str, url: str, status: int, note: str = "") -> None:
        """Show one HTTP call and how it was answered."""
        target = f"{method:<5} {shortened(url)}"
        told = f"{status}{' ' + note if note else ''}"
        gap = " " * max(2, WIDTH - len(INDENT) - width_of(target) - width_of(told) - 2)
        colour = "green" if status < 400 else "yellow"
        self._line(
            f"{INDENT}{self.styled('›', 'dim')} {self.styled(target, 'cyan')}{gap}{self.styled(told, colour)}"
        )

    def say(self, text: str, indent: str = INDENT, style: str = "") -> None:
        """Print a paragraph."""
        for line in wrapped(shortened(text), WIDTH - len(indent)):
            self._line(indent + self.styled(line, style))

    def points(self, rows: Sequence[tuple[str, str]], style: str = "") -> None:
        """Print labelled lines in two columns."""
        room = max(width_of(label) for label, _ in rows) + 2
        for label, text in rows:
            self.point(label, text, style, room)

    def point(self, label: str, text: str, style: str = "", room: int = LABEL) -> None:
        """Print one labelled line below a call; the label keeps its column."""
        room = max(room, width_of(label) + 2)
        lines = list(wrapped(shortened(text), WIDTH - len(INDENT) - 2 - room))
        for number, line in enumerate(lines or [""]):
            head = padded(label if number == 0 else "", room)
            self._line(f"{INDENT}  {self.styled(head, 'dim')}{self.styled(line, style)}")

    def table(self, rows: Sequence[Sequence[str]], marked: int | None = None) -> None:
        """Print rows in columns under the first of them; one column may be marked."""
        widths = [max(width_of(row[column]) for row in rows) for column in range(len(rows[0]))]
        for number, row in enumerate(rows):
            cells = []
            for column, cell in enumerate(row):
                text = padded(cell, widths[column])
                style = "dim" if number == 0 else ("green" if column == marked else "")
                cells.append(self.styled(text, style))
            self._line(f"{INDENT}  " + "   ".join(cells).rstrip())

    def verbatim(self, text: str) -> None:
        """Print a line to be copied, as it is."""
        self._line(f"{INDENT}  {text}")

    def gap(self) -> None:
        """Print an empty line."""
        self._line("")

    def styled(self, text: str, style: str) -> str:
        """Return the text in a style, where there is colour."""
        return f"\x1b[{_STYLES[style]}m{text}\x1b[0m" if style and self._colour and text else text

    def _line(self, text: str) -> None:
        print(text, file=self._out, flush=True)


def shortened(text: str) -> str:
    """Return the text with ids cut down to what tells them apart."""
    return _ID.sub(r"\1_…\2", text)


def width_of(text: str) -> int:
    """Return how many columns a text takes: Chinese characters take two."""
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def padded(text: str, width: int) -> str:
    """Return the text filled up to a width."""
    return text + " " * max(0, width - width_of(text))


def wrapped(text: str, width: int) -> Iterator[str]:
    """Yield lines no wider than this; Chinese may break between any two characters."""
    line = ""
    for token in _TOKEN.findall(text):
        if width_of(line + token) > width and line and token not in _NEVER_FIRST:
            yield line.rstrip()
            line = ""
        if line or not token.isspace():
            line += token
    if line.strip():
        yield line.rstrip()

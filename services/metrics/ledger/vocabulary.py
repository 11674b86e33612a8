"""The states of the tracks in their order, and the sections of GB/T 4754."""

from datetime import date, datetime

from shared.clock import civil_date

STAGES = (
    "lead",
    "screening",
    "reserve",
    "admitted",
    "incubation",
    "acceleration",
    "rnd",
    "pilot",
    "industrialisation",
    "completed",
)
LANDING_STATES = ("intent", "signed", "registered", "started", "producing", "honoured")

STAGE_RANK = {stage: rank for rank, stage in enumerate(STAGES)}
LANDING_RANK = {state: rank for rank, state in enumerate(LANDING_STATES)}
ADMITTED = STAGE_RANK["admitted"]

_SECTION_ENDS = {
    "A": 5, "B": 12, "C": 43, "D": 46, "E": 50, "F": 52, "G": 60, "H": 62, "I": 65, "J": 69,
    "K": 70, "L": 72, "M": 75, "N": 79, "O": 82, "P": 83, "Q": 85, "R": 90, "S": 96, "T": 97,
}  # fmt: skip


def section_of(code: str) -> str | None:
    """Return the section letter of an industry code, or None when it has none."""
    if code[:1].isalpha():
        return code[0].upper()
    if not (code[:2].isascii() and code[:2].isdigit()):
        return None
    division = int(code[:2])
    return next((letter for letter, last in _SECTION_ENDS.items() if 1 <= division <= last), None)


def day_number(day: date) -> int:
    """Return a civil date as the number YYYYMMDD."""
    return day.year * 10_000 + day.month * 100 + day.day


def day_of(instant: datetime) -> int:
    """Return the civil date in China of an instant as the number YYYYMMDD."""
    return day_number(civil_date(instant))


def to_date(number: int) -> date:
    """Return the date that a number YYYYMMDD stands for."""
    return date(number // 10_000, number // 100 % 100, number % 100)

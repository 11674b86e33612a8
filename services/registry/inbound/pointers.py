"""JSON pointers (RFC 6901): reading from a message, and writing into the body of a command."""

from typing import Any

MISSING: Any = object()
"""What is at a pointer that leads nowhere."""


def steps_of(pointer: str) -> list[str]:
    """Return the steps of a pointer; an empty pointer is the whole document."""
    return [step.replace("~1", "/").replace("~0", "~") for step in pointer.split("/")[1:]]


def read(document: Any, pointer: str) -> Any:
    """Return the value at a pointer, or ``MISSING``."""
    value = document
    for step in steps_of(pointer):
        if isinstance(value, dict) and step in value:
            value = value[step]
        elif isinstance(value, list) and _is_index(step) and int(step) < len(value):
            value = value[int(step)]
        else:
            return MISSING
    return value


def write(document: dict[str, Any], pointer: str, value: Any) -> None:
    """Put a value at a pointer of members, making the objects on the way."""
    *way, last = steps_of(pointer)
    for step in way:
        document = document.setdefault(step, {})
    document[last] = value


def _is_index(step: str) -> bool:
    return step.isascii() and step.isdigit() and len(step) <= 6 and (step == "0" or step[0] != "0")

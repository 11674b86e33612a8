"""One spelling for one content: JSON with sorted keys, no spaces and whole numbers only."""

import hashlib
import json
from typing import Any


def canonical_json(content: Any) -> str:
    """Return the one spelling of a content; a float in it raises a ``TypeError``."""
    _refuse_floats(content)
    return json.dumps(content, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False)


def digest(content: Any) -> str:
    """Return the SHA-256 of the one spelling, in hexadecimal digits."""
    return sha256(canonical_json(content))


def sha256(text: str) -> str:
    """Return the SHA-256 of a text in UTF-8, in hexadecimal digits."""
    return hashlib.sha256(text.encode()).hexdigest()


def _refuse_floats(content: Any) -> None:
    if isinstance(content, float):
        raise TypeError(f"{content!r}: a float has no one spelling")
    if isinstance(content, dict):
        for value in content.values():
            _refuse_floats(value)
    elif isinstance(content, list | tuple):
        for value in content:
            _refuse_floats(value)

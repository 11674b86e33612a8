"""Identifiers: a readable prefix and 26 characters that sort by creation time (the TypeID shape)."""

import hashlib

import uuid_utils

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
ID_PATTERN = r"^[a-z]{2,8}_[0-7][0-9a-hjkmnp-tv-z]{25}$"


def _encode(number: int) -> str:
    return "".join(_ALPHABET[(number >> shift) & 31] for shift in range(125, -1, -5))


def new_id(prefix: str) -> str:
    """Return a new identifier such as ``prj_01jd3v9w8xk4m7q2r5t6y8z0ab``, made from a UUIDv7.

    Identifiers sort roughly by time of creation, which is not the order of commits: never use one as a
    position in a feed.
    """
    return f"{prefix}_{_encode(uuid_utils.uuid7().int)}"


def derived_id(prefix: str, *names: str) -> str:
    """Return the same identifier for the same names, for data that is loaded more than once."""
    digest = hashlib.sha256("\x1f".join((prefix, *names)).encode()).digest()
    return f"{prefix}_{_encode(int.from_bytes(digest[:16]))}"

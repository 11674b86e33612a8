"""Secrets of callers: random, recognisable to a scanner, checkable without a query, kept only as a hash."""

import base64
import binascii
import hashlib
import hmac
import secrets
import zlib

API_KEY_PREFIX = "fk_"
CLIENT_SECRET_PREFIX = "fs_"  # noqa: S105 — the mark of a secret, not one

TOKEN_EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"  # noqa: S105 — a name (RFC 8693)
ACCESS_TOKEN_TYPE = "urn:ietf:params:oauth:token-type:access_token"  # noqa: S105 — a name

_NOBODY = "0" * 64


def new_secret(prefix: str) -> str:
    """Return a secret of 256 random bits with a checksum, so that a mistyped one costs no query."""
    raw = secrets.token_bytes(32)
    text = base64.b32encode(raw + zlib.crc32(raw).to_bytes(4)).decode()
    return prefix + text.rstrip("=").lower()


def is_well_formed(prefix: str, secret: str) -> bool:
    """Tell whether this can be a secret of ours at all."""
    body = secret.removeprefix(prefix)
    if body == secret or len(body) != 58 or not body.isascii():
        return False
    try:
        raw = base64.b32decode(body.upper() + "=" * 6)
    except binascii.Error:
        return False
    return zlib.crc32(raw[:32]).to_bytes(4) == raw[32:]


def hash_secret(secret: str) -> str:
    """Return what is stored; 256 random bits need no slow hash."""
    return hashlib.sha256(secret.encode()).hexdigest()


def matches(secret: str, stored_hash: str | None) -> bool:
    """Compare in constant time, also when there is nothing to compare with."""
    same = hmac.compare_digest(hash_secret(secret), stored_hash or _NOBODY)
    return same and stored_hash is not None

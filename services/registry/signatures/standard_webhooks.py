"""Signatures of webhooks, both ways: Standard Webhooks 1.0.

The signed content is ``{webhook-id}.{webhook-timestamp}.{body}``. ``v1`` is HMAC-SHA256 under the bytes that
follow ``whsec_`` as base64; ``v1a`` is Ed25519. A header carries one signature per live key, and one that
matches is enough.
"""

import base64
import binascii
import hashlib
import hmac
import re
import secrets
from collections.abc import Iterable, Mapping
from datetime import datetime
from enum import StrEnum

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

ID = "webhook-id"
TIMESTAMP = "webhook-timestamp"
SIGNATURE = "webhook-signature"

SECRET_PREFIX = "whsec_"  # noqa: S105 — the mark of a secret, not one
TOLERANCE_S = 300
"""How far the timestamp of a message may be from the receiver's clock, either way."""
MIN_KEY_BYTES, MAX_KEY_BYTES = 24, 64

_KEY_BYTES = 32
_MAX_SIGNATURES = 16
_SECONDS = re.compile(r"[0-9]{1,12}", re.ASCII)
_MESSAGE_ID = re.compile(r"[\x21-\x7e]{1,200}", re.ASCII)


class Verdict(StrEnum):
    """What a receiver finds when it verifies a message."""

    VALID = "valid"
    WRONG_KEY = "wrong_key"
    WRONG_TIMESTAMP = "wrong_timestamp"
    BODY_MODIFIED = "body_modified"
    MALFORMED = "malformed"


def new_secret() -> str:
    """Return a secret of 256 random bits as ``whsec_`` and base64."""
    return secret_of(secrets.token_bytes(_KEY_BYTES))


def secret_of(key: bytes) -> str:
    """Return a key as it is shown to people."""
    return SECRET_PREFIX + base64.b64encode(key).decode()


def key_of(secret: str) -> bytes:
    """Return the key behind a secret of 24 to 64 bytes; anything else is a ValueError."""
    try:
        key = base64.b64decode(secret.removeprefix(SECRET_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("a secret is base64, after whsec_") from None
    if not secret.startswith(SECRET_PREFIX) or not MIN_KEY_BYTES <= len(key) <= MAX_KEY_BYTES:
        raise ValueError("a secret is whsec_ and the base64 of 24 to 64 bytes")
    return key


def sign(
    keys: Iterable[bytes],
    message_id: str,
    timestamp: int,
    body: bytes,
    private_key: Ed25519PrivateKey | None = None,
) -> str:
    """Return the signature header: a ``v1`` under each key, and a ``v1a`` when there is a private key.

    ``timestamp`` is in seconds since 1970.
    """
    content = _content(message_id, timestamp, body)
    parts = [f"v1,{_text(hmac.digest(key, content, hashlib.sha256))}" for key in keys]
    if private_key is not None:
        parts.append(f"v1a,{_text(private_key.sign(content))}")
    return " ".join(parts)


def verify(
    headers: Mapping[str, str],
    body: bytes,
    keys: Iterable[bytes],
    instant: datetime,
    public_keys: Iterable[Ed25519PublicKey] = (),
) -> Verdict:
    """Verify a message as a receiver does; ``headers`` are by their names in lower case.

    A signature that fits no key cannot tell a wrong key from a changed body: both are ``WRONG_KEY`` here.
    Every key is compared with every signature, in constant time, whichever fits.
    """
    message_id, sent_at = headers.get(ID, ""), headers.get(TIMESTAMP, "")
    signatures = [part.partition(",") for part in headers.get(SIGNATURE, "").split(" ") if part]
    well_formed = _MESSAGE_ID.fullmatch(message_id) and _SECONDS.fullmatch(sent_at)
    if not well_formed or not 0 < len(signatures) <= _MAX_SIGNATURES:
        return Verdict.MALFORMED
    known = [(version, _bytes(text)) for version, comma, text in signatures if comma and version[:1] == "v"]
    if not known or any(signature is None for _, signature in known):
        return Verdict.MALFORMED
    content = _content(message_id, int(sent_at), body)
    symmetric = [signature or b"" for version, signature in known if version == "v1"]
    expected = [hmac.digest(key, content, hashlib.sha256) for key in keys]
    fits = [hmac.compare_digest(one, other) for one in expected for other in symmetric]
    asymmetric = [signature or b"" for version, signature in known if version == "v1a"]
    fits += [_verifies(key, one, content) for key in public_keys for one in asymmetric]
    if not any(fits):
        return Verdict.WRONG_KEY
    if abs(instant.timestamp() - int(sent_at)) > TOLERANCE_S:
        return Verdict.WRONG_TIMESTAMP
    return Verdict.VALID


def _content(message_id: str, timestamp: int, body: bytes) -> bytes:
    return b"%s.%d.%s" % (message_id.encode(), timestamp, body)


def _text(signature: bytes) -> str:
    return base64.b64encode(signature).decode()


def _bytes(text: str) -> bytes | None:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None


def _verifies(key: Ed25519PublicKey, signature: bytes, content: bytes) -> bool:
    try:
        key.verify(signature, content)
    except InvalidSignature:
        return False
    return True

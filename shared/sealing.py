"""Secrets at rest that must be read again: AES-256-GCM, each purpose with a key of its own."""

import secrets

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

_NONCE_BYTES = 12


class Unsealable(RuntimeError):
    """What is stored was sealed under another deployment secret, for another record, or was changed."""


class Sealer:
    """Seals bytes under a key derived from the deployment's secret; ``context`` is the record's id."""

    def __init__(self, secret_key: bytes, purpose: str) -> None:
        self._cipher = AESGCM(derived_key(secret_key, purpose))

    def seal(self, context: str, content: bytes) -> bytes:
        """Return nonce and ciphertext."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, content, context.encode())

    def open(self, context: str, sealed: bytes) -> bytes:
        """Return what was sealed for this very record."""
        try:
            return self._cipher.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], context.encode())
        except InvalidTag:
            raise Unsealable(context) from None


def derived_key(secret_key: bytes, purpose: str) -> bytes:
    """Return 32 bytes that only this deployment has, another for every purpose."""
    return HKDF(SHA256(), length=32, salt=None, info=f"feidi {purpose}".encode()).derive(secret_key)


def derived_signing_key(secret_key: bytes, purpose: str) -> Ed25519PrivateKey:
    """Return the deployment's Ed25519 key of this purpose."""
    return Ed25519PrivateKey.from_private_bytes(derived_key(secret_key, purpose))

"""Access tokens for the measured services, from a key that lives as long as the run."""

import time
from collections.abc import Callable
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from shared.web.auth import Issuer, TokenVerifier

ISSUER = "http://127.0.0.1"
AUDIENCE = "feidi"


class Signer:
    """Signs tokens; its public key goes to the servers."""

    def __init__(self) -> None:
        self._key = Ed25519PrivateKey.generate()
        jwk = jwt.algorithms.OKPAlgorithm.to_jwk(self._key.public_key(), as_dict=True)
        self.jwk: dict[str, Any] = {**jwk, "kid": "benchmark", "alg": "EdDSA"}

    def token(self, service: str, organisation_id: str | None, *, sees_network: bool = False) -> str:
        """A token with every scope of a service, for one organisation or for the whole network."""
        now = int(time.time())
        claims = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": f"cli_of_{organisation_id or 'network'}",
            "kind": "client",
            "org": organisation_id,
            "scope": " ".join(f"{service}:*:{action}" for action in ("read", "write", "approve", "admin")),
            "reach": "network" if sees_network else "organisation",
            "iat": now,
            "exp": now + 7200,
        }
        return jwt.encode(claims, self._key, "EdDSA", headers={"kid": "benchmark", "typ": "at+jwt"})


def verifier(jwk: dict[str, Any]) -> TokenVerifier:
    """What the services verify tokens with in operation, over the run's key."""
    return TokenVerifier(Issuer(ISSUER, AUDIENCE, _loader(jwk)))


def _loader(jwk: dict[str, Any]) -> Callable[[], Any]:
    async def load() -> dict[str, Any]:
        return {"keys": [jwk]}

    return load

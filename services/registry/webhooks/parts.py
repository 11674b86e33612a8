"""What the handlers of webhooks need of their application."""

from dataclasses import dataclass
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from services.registry.egress.policy import EgressPolicy
from services.registry.webhooks.keys import SEALED_FOR
from shared.sealing import Sealer, derived_key, derived_signing_key

EXTRA = "webhooks"
"""The name of these parts among the service's own."""

_SIGNATURES = "webhook signatures"


@dataclass(frozen=True)
class WebhookParts:
    """The cipher of the secrets, what may be dialled, and the network's own key with its public half."""

    sealer: Sealer
    egress: EgressPolicy
    signing_key: Ed25519PrivateKey
    public_jwk: dict[str, Any]

    @classmethod
    def of(cls, secret_key: bytes, egress: EgressPolicy) -> "WebhookParts":
        """Build the parts of one application from the deployment's secret."""
        signing_key = derived_signing_key(secret_key, _SIGNATURES)
        jwk = jwt.algorithms.OKPAlgorithm.to_jwk(signing_key.public_key(), as_dict=True)
        kid = derived_key(secret_key, f"{_SIGNATURES} kid").hex()[:16]
        public_jwk = {**jwk, "kid": kid, "alg": "EdDSA", "use": "sig"}
        return cls(Sealer(secret_key, SEALED_FOR), egress, signing_key, public_jwk)

"""What the operator lets out of the house, and to where."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

from services.registry.egress.addresses import is_public
from services.registry.settings import RegistrySettings

OWN_PATH = "/v1/sandbox/receivers/"
SLOWEST_ANSWER_S = 15.0
_ANSWERED_SHARE = 0.4  # The rest of a short lease is for what was sent before, and for writing.

_PLAIN_PATH = re.compile(r"[A-Za-z0-9_-]+(?:/[A-Za-z0-9_-]+)*", re.ASCII)


@dataclass(frozen=True)
class EgressPolicy:
    """Where messages may go, and how long they may take, in seconds.

    ``allowed_networks`` are opened by the operator, as CIDRs. What stands at ``own_origin`` below
    ``own_path`` is the deployment's own and may be dialled whatever its address is; the rest of that origin
    may not.
    """

    allow_http: bool = False
    allowed_networks: tuple[str, ...] = ()
    own_origin: str | None = None
    own_path: str = OWN_PATH
    connect_s: float = 5.0
    total_s: float = SLOWEST_ANSWER_S

    def allows(self, address: str) -> bool:
        """Say whether an address may be dialled: a public one, or one of a network the operator opened."""
        if is_public(address):
            return True
        try:
            parsed = ip_address(address)
        except ValueError:
            return False
        if getattr(parsed, "scope_id", None) is not None:
            return False
        return any(parsed in network for network in self._networks)

    def is_own(self, url: str) -> bool:
        """Say whether a URL is exactly of the own origin and plainly below the own path."""
        own = self._own
        return own is not None and url.startswith(own) and bool(_PLAIN_PATH.fullmatch(url, len(own)))

    @cached_property
    def _networks(self) -> tuple[IPv4Network | IPv6Network, ...]:
        return networks_of(self.allowed_networks)

    @cached_property
    def _own(self) -> str | None:
        return None if self.own_origin is None else self.own_origin.rstrip("/") + self.own_path


def networks_of(texts: Iterable[str]) -> tuple[IPv4Network | IPv6Network, ...]:
    """Read CIDRs; one that is none, or that has bits set beyond its prefix, is a ValueError."""
    return tuple(ip_network(text) for text in texts)


def policy_of(settings: RegistrySettings) -> EgressPolicy:
    """Return the policy a registry is configured with; its own origin is its public URL.

    A receiver that never answers is given up within the lease: else nothing would be known of the attempt.
    """
    return EgressPolicy(
        allow_http=settings.webhook_allow_http,
        allowed_networks=tuple(settings.webhook_allowed_networks),
        own_origin=settings.issuer,
        total_s=min(SLOWEST_ANSWER_S, settings.webhook_lease_s * _ANSWERED_SHARE),
    )

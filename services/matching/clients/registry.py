"""The registry as matching sees it: its feed and its token keys."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from services.matching.base import issuer_keys
from services.matching.settings import MatchingSettings
from shared.db.engine import Database
from shared.errors import Unavailable
from shared.http import ServiceClient, TransportError
from shared.messaging.received import HttpFeedSource
from shared.web.issuer_keys import StoredKeys
from shared.web.remote_auth import RemoteAuthenticator
from shared.web.token_source import ClientCredentials


@dataclass(frozen=True)
class LandingAnswer:
    """``state`` is created, refused with registry's ``code``, or pending: to be asked again."""

    state: str
    landing_id: str | None
    code: str | None


_PENDING = LandingAnswer("pending", None, "registry_unavailable")
_RETRIED_CODES = frozenset(
    {"idempotency_in_progress", "insufficient_scope", "precondition_failed", "unauthenticated"}
)
"""Refusals that say nothing about the pair: they pass, or are the operator's to mend."""


class RegistryClient:
    """Calls the registry with this service's own credential."""

    def __init__(self, settings: MatchingSettings, database: Database, transport: Any = None) -> None:
        url = settings.registry_url
        self._settings = settings
        self._public = ServiceClient(url, timeout_s=2.0, retries=1, transport=transport)
        self._keys = StoredKeys(settings.issuer, self._public, database, issuer_keys)
        self._credentials = _credentials(settings, transport)
        self._own = (
            ServiceClient(url, token=self._credentials, transport=transport) if self._credentials else None
        )

    def feed(self, types: tuple[str, ...]) -> HttpFeedSource | None:
        """Return the registry's feed, or None when this service has no credential to read it with."""
        return None if self._own is None else HttpFeedSource(self._own, types=types)

    def authenticator(self, is_revoked: Callable[[str], bool]) -> RemoteAuthenticator:
        """Return what verifies the credentials that the registry gave out."""
        return RemoteAuthenticator(
            self._keys.issuer(self._settings.audience), self._public, self._own, is_revoked=is_revoked
        )

    async def intend_landing(self, project_id: str, home_unit_id: str, key: str) -> LandingAnswer:
        """Record that a project intends to land at a home unit, under a key that names this intent.

        A landing of the same pair that is there already is taken for ours. A project that was not proposed to
        the home unit yet is proposed first.
        """
        if self._own is None:
            return _PENDING
        try:
            return await self._intend(
                self._own, {"project_id": project_id, "home_unit_id": home_unit_id}, key
            )
        except (TransportError, Unavailable):
            return _PENDING

    async def _intend(self, registry: ServiceClient, pair: dict[str, str], key: str) -> LandingAnswer:
        answer = await self._post_landing(registry, pair, key)
        if answer.code == "home_unit_not_proposed":
            status = await self._propose(registry, pair)
            if status == 200:
                answer = await self._post_landing(registry, pair, key)
            elif status not in (404, 409, 422):
                return LandingAnswer("pending", None, answer.code)
        if answer.code == "landing_exists":
            found = await registry.get("/v1/landings", params={**pair, "limit": 1})
            items = found.json()["items"] if found.status_code == 200 else []
            return LandingAnswer("created", items[0]["id"], None) if items else _PENDING
        return answer

    async def _post_landing(self, registry: ServiceClient, pair: dict[str, str], key: str) -> LandingAnswer:
        answer = await registry.post("/v1/landings", json=pair, headers={"idempotency-key": key})
        if answer.status_code == 201:
            return LandingAnswer("created", answer.json()["id"], None)
        if answer.status_code >= 500 or answer.status_code == 429:
            return _PENDING
        code = _code(answer)
        if code is None:
            return LandingAnswer("pending", None, f"status_{answer.status_code}")
        return LandingAnswer("pending" if code in _RETRIED_CODES else "refused", None, code)

    async def _propose(self, registry: ServiceClient, pair: dict[str, str]) -> int:
        """Show the project to the home unit; return registry's status."""
        url = f"/v1/projects/{pair['project_id']}"
        project = await registry.get(url)
        if project.status_code != 200:
            return project.status_code
        answer = await registry.post(
            f"{url}:propose",
            json={"home_unit_ids": [pair["home_unit_id"]]},
            headers={"if-match": project.headers["etag"]},
        )
        return answer.status_code

    async def close(self) -> None:
        """Close the connections."""
        await self._public.close()
        if self._own is not None:
            await self._own.close()
        if self._credentials is not None:
            await self._credentials.close()


def _code(answer: Any) -> str | None:
    """Registry's own code; None when somebody on the way answered in its place, which decides nothing."""
    try:
        return str(answer.json()["code"])
    except (ValueError, KeyError, TypeError):
        return None


def _credentials(settings: MatchingSettings, transport: Any) -> ClientCredentials | None:
    if settings.client_id is None or settings.client_secret is None:
        return None
    url, secret = settings.registry_url, settings.client_secret
    return ClientCredentials(url, settings.client_id, secret, transport=transport)

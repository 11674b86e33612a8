"""The applications that are measured, by name; a server process builds one of them from its configuration."""

from typing import Any

from fastapi import FastAPI
from pydantic import SecretStr

from benchmarks.credentials import AUDIENCE, ISSUER, verifier

Config = dict[str, Any]


def registry(config: Config) -> FastAPI:
    """Registry as it runs in operation; only its tokens are signed by the run's own key."""
    from services.registry.access.authentication import RegistryAuthenticator
    from services.registry.app import create_app

    app = create_app(settings(config))
    state = app.state.service
    state.authenticator = RegistryAuthenticator(
        state.database, verifier(config["jwk"]), state.extra["access"].usage, token_ttl_s=900
    )
    return app


def settings(config: Config) -> Any:
    """Those of registry; its webhooks may go to this machine, where the receivers are."""
    from services.registry.settings import RegistrySettings

    return RegistrySettings(
        **_common(config), webhook_allow_http=True, webhook_allowed_networks=["127.0.0.0/8"]
    )


def matching(config: Config) -> FastAPI:
    """Matching beside no registry: what it knows is in its store."""
    from services.matching.app import create_app
    from services.matching.settings import MatchingSettings

    return create_app(MatchingSettings(**_common(config)), authenticator=verifier(config["jwk"]))


def metrics(config: Config) -> FastAPI:
    """Metrics beside no registry: what it knows is in its store."""
    from services.metrics.app import create_app
    from services.metrics.settings import MetricsSettings

    return create_app(MetricsSettings(**_common(config)), authenticator=verifier(config["jwk"]))


def _common(config: Config) -> dict[str, Any]:
    return {
        # Migrations are left out: the tables are there.
        "environment": "test",
        "database_url": config["url"],
        "secret": SecretStr("a secret for the time of a run"),
        "issuer": ISSUER,
        "audience": AUDIENCE,
        "run_workers": config.get("workers", True),
        "sqlite_synchronous": config.get("synchronous", "FULL"),
    }


def floor(config: Config) -> Any:
    """The least an answer can cost: no framework, one driver, none of the checks."""
    from benchmarks.floors import Floor

    return Floor(config["url"], config.get("synchronous", "FULL"))


TARGETS = {"registry": registry, "matching": matching, "metrics": metrics, "floor": floor}

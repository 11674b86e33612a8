"""The first credentials of an installation on one machine: made once, kept for its owner alone."""

import json
import secrets
from pathlib import Path

ADMINISTRATION = "cli_administration"
"""The client of the network administration, which may create all others."""

_FOLLOWERS = ("matching", "metrics")
_FILE = "credentials.json"


def kept_credentials(data_dir: Path) -> dict[str, str]:
    """Return the secrets by client id."""
    path = data_dir / _FILE
    if not path.exists():
        data_dir.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        path.write_text("{}")
    kept: dict[str, str] = json.loads(path.read_text())
    missing = {ADMINISTRATION, *(f"cli_{name}" for name in _FOLLOWERS)} - kept.keys()
    if missing:
        kept |= {name: secrets.token_urlsafe(32) for name in sorted(missing)}
        path.write_text(json.dumps(kept))
    return kept


def credential_environment(data_dir: Path) -> dict[str, str]:
    """Return the settings by which registry knows these clients and the other services sign in."""
    kept = kept_credentials(data_dir)
    environment = {
        "FEIDI_REGISTRY_BOOTSTRAP_CLIENT_ID": ADMINISTRATION,
        "FEIDI_REGISTRY_BOOTSTRAP_CLIENT_SECRET": kept[ADMINISTRATION],
        "FEIDI_REGISTRY_SERVICE_CLIENTS": json.dumps(
            {f"cli_{name}": kept[f"cli_{name}"] for name in _FOLLOWERS}
        ),
    }
    for name in _FOLLOWERS:
        environment[f"FEIDI_{name.upper()}_CLIENT_ID"] = f"cli_{name}"
        environment[f"FEIDI_{name.upper()}_CLIENT_SECRET"] = kept[f"cli_{name}"]
    return environment

"""Write .env.example: every variable of every service with its default: ``python -m deploy.environment``."""

import importlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from shared.settings import ServiceSettings

ROOT = Path(__file__).parents[1]
PATH = ROOT / ".env.example"
SERVICES = ("registry", "matching", "metrics")
HEAD = """\
# Every setting is one environment variable with one prefix per service; what stands here are the defaults.
# Copy to .env, change what differs, and export it before a start: set -a; . ./.env; set +a
# Written by: python -m deploy.environment
#
# The three find each other when registry's SERVICE_CLIENTS names the id and secret (at least 32 characters)
# with which each of the others signs in, for example
#   FEIDI_REGISTRY_SERVICE_CLIENTS='{"cli_matching": "SECRET 1", "cli_metrics": "SECRET 2"}'
#   FEIDI_MATCHING_CLIENT_ID=cli_matching FEIDI_MATCHING_CLIENT_SECRET="SECRET 1"
#   FEIDI_METRICS_CLIENT_ID=cli_metrics FEIDI_METRICS_CLIENT_SECRET="SECRET 2"
"""


def settings_of(service: str) -> type[ServiceSettings]:
    """Return the settings class of a service."""
    module = importlib.import_module(f"services.{service}.settings")
    found: type[ServiceSettings] = getattr(module, f"{service.capitalize()}Settings")
    return found


def render() -> str:
    """Return the file as it is committed."""
    return "\n".join([HEAD, *(line for service in SERVICES for line in _section(service))])


def _section(service: str) -> Iterator[str]:
    fields = settings_of(service).model_fields
    prefix = settings_of(service).model_config.get("env_prefix", "")
    own = [name for name in fields if name not in ServiceSettings.model_fields]
    yield f"# --- {service}"
    for name in (*ServiceSettings.model_fields, *own):
        yield f"# {fields[name].description}"
        yield f"# {prefix}{name.upper()}={_default(fields[name])}"
    yield ""


def _default(field: FieldInfo) -> str:
    value: Any = field.get_default(call_default_factory=True)
    if value is None or value is PydanticUndefined:
        return ""
    return value if isinstance(value, str) else json.dumps(value)


def main() -> None:
    """Write the file."""
    PATH.write_text(render(), encoding="utf-8")
    sys.stdout.write(f"{PATH.name}: written\n")


if __name__ == "__main__":
    main()

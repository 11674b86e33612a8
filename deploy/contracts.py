"""Write each service's OpenAPI document beside its code: ``./dev openapi``."""

import importlib
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
SERVICES = ("registry", "matching", "metrics")


def contract_of(service: str) -> dict[str, Any]:
    """Return the document of a service, built on settings that name nothing real."""
    settings_module = importlib.import_module(f"services.{service}.settings")
    app_module = importlib.import_module(f"services.{service}.app")
    settings_class = getattr(settings_module, f"{service.capitalize()}Settings")
    with tempfile.TemporaryDirectory() as directory:
        settings = settings_class(
            environment="test",
            database_url=f"sqlite+aiosqlite:///{directory}/{service}.db",
            secret="contract",
        )
        document: dict[str, Any] = app_module.create_app(settings).openapi()
    return document


def render(document: dict[str, Any]) -> str:
    """Return the document as it is committed: sorted, indented, readable in a diff."""
    return json.dumps(document, ensure_ascii=False, indent=2, sort_keys=True) + "\n"


def main() -> None:
    """Write the documents and say which changed."""
    for service in SERVICES:
        path = ROOT / "services" / service / "openapi.json"
        text = render(contract_of(service))
        changed = not path.exists() or path.read_text(encoding="utf-8") != text
        path.write_text(text, encoding="utf-8")
        sys.stdout.write(f"{path.relative_to(ROOT)}: {'written' if changed else 'unchanged'}\n")


if __name__ == "__main__":
    main()

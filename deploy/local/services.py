"""Which processes the local stack consists of, and what each is told."""

import os
import secrets
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

HOST = "127.0.0.1"
PORT_BASE = 8100
SERVICES = ("registry", "matching", "metrics")


@dataclass(frozen=True)
class Service:
    name: str
    command: Sequence[str]
    port: int
    settings: Mapping[str, str]

    @property
    def url(self) -> str:
        return _url(self.port)


def local_services(port_base: int, data_dir: Path, database_urls: Mapping[str, str]) -> list[Service]:
    ports = {name: port_base + offset for offset, name in enumerate(SERVICES)}
    addresses = {"ISSUER": _url(ports["registry"])}
    addresses |= {f"{name.upper()}_URL": _url(port) for name, port in ports.items()}
    services = []
    for name, port in ports.items():
        settings = {"HOST": HOST, "PORT": str(port), **addresses, **_storage(name, data_dir, database_urls)}
        prefixed = {f"FEIDI_{name.upper()}_{key}": value for key, value in settings.items()}
        services.append(Service(name, [sys.executable, "-m", f"services.{name}"], port, prefixed))
    return services


def _url(port: int) -> str:
    return f"http://{HOST}:{port}"


def _storage(name: str, data_dir: Path, database_urls: Mapping[str, str]) -> dict[str, str]:
    if url := database_urls.get(name):
        given = os.environ.get(f"FEIDI_{name.upper()}_SECRET")
        return {"DATABASE_URL": url, "SECRET": given or _kept_secret(data_dir / f"{name}.secret")}
    return {"DATABASE_URL": f"sqlite+aiosqlite:///{data_dir.resolve() / name}.db"}


def _kept_secret(path: Path) -> str:
    """A service beside an SQLite file keeps its own; on PostgreSQL it has to be told, the same every time."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        path.write_text(secrets.token_hex(32))
    return path.read_text()

"""Which processes the local stack consists of, and what each is told."""

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
        return f"http://{HOST}:{self.port}"


def local_services(port_base: int, data_dir: Path, database_urls: Mapping[str, str]) -> list[Service]:
    ports = {name: port_base + offset for offset, name in enumerate(SERVICES)}
    return [
        Service(
            name,
            [sys.executable, "-m", f"services.{name}"],
            port,
            _settings(name, ports, database_urls.get(name) or sqlite_url(data_dir, name)),
        )
        for name, port in ports.items()
    ]


def sqlite_url(data_dir: Path, name: str) -> str:
    return f"sqlite+aiosqlite:///{data_dir.resolve() / name}.db"


def _settings(name: str, ports: Mapping[str, int], database_url: str) -> dict[str, str]:
    settings = {"DATABASE_URL": database_url, "HOST": HOST, "PORT": str(ports[name])}
    settings |= {f"{other.upper()}_URL": f"http://{HOST}:{ports[other]}" for other in ports if other != name}
    return {f"FEIDI_{name.upper()}_{key}": value for key, value in settings.items()}

"""The stores, the seed and the three services of the demo."""

import asyncio
import json
import os
import secrets
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from deploy.local import LocalStack, StackError
from deploy.migrate import migrate

ADMINISTRATION = "cli_demo_administration"
SERVICE_CLIENTS = ("matching", "metrics")
_SECRETS_FILE = "credentials.json"


@dataclass(frozen=True)
class Setting:
    """Where the demo keeps its data and on which ports it listens."""

    port_base: int
    data_dir: Path
    database_urls: Mapping[str, str]
    projects: int

    @property
    def log(self) -> Path:
        """Return where the services write their logs."""
        return self.data_dir / "services.log"

    def registry_url(self) -> str:
        """Return the store that is seeded."""
        return self.database_urls.get(
            "registry", f"sqlite+aiosqlite:///{self.data_dir.resolve() / 'registry'}.db"
        )


class SeedFailed(StackError):
    """The seed ended with an error; its output is in the message."""


def start_over(setting: Setting) -> None:
    """Forget the stores of earlier runs."""
    shutil.rmtree(setting.data_dir, ignore_errors=True)


async def seed(setting: Setting) -> str:
    """Bring registry's store to the schema, load the network, and return what the loader said."""
    setting.data_dir.mkdir(parents=True, exist_ok=True)
    url = setting.registry_url()
    await asyncio.to_thread(migrate, "registry", url)
    environment = {**os.environ, "FEIDI_REGISTRY_DATABASE_URL": url}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "services.registry.seed", "--projects", str(setting.projects)),
        env=environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await process.communicate()
    text = output.decode(errors="replace").strip()
    if process.returncode:
        raise SeedFailed(f"The seed failed:\n{text}")
    return text


def local_stack(setting: Setting) -> LocalStack:
    """Return the three services, with the first credentials passed by environment."""
    kept = credentials(setting)
    environment = {
        "FEIDI_REGISTRY_BOOTSTRAP_CLIENT_ID": ADMINISTRATION,
        "FEIDI_REGISTRY_BOOTSTRAP_CLIENT_SECRET": kept[ADMINISTRATION],
        "FEIDI_REGISTRY_SERVICE_CLIENTS": json.dumps(
            {f"cli_{name}": kept[f"cli_{name}"] for name in SERVICE_CLIENTS}
        ),
    }
    for name in SERVICE_CLIENTS:
        prefix = f"FEIDI_{name.upper()}"
        environment[f"{prefix}_CLIENT_ID"] = f"cli_{name}"
        environment[f"{prefix}_CLIENT_SECRET"] = kept[f"cli_{name}"]
        # Quick to notice that nothing is new, so that the figures can be waited for.
        environment[f"{prefix}_FEED_WAIT_S"] = "1"
    return LocalStack(
        setting.port_base, setting.data_dir, setting.database_urls, setting.log, environment=environment
    )


def credentials(setting: Setting) -> dict[str, str]:
    """Return the secrets of this installation, made on the first run and readable by its owner alone."""
    path = setting.data_dir / _SECRETS_FILE
    if not path.exists():
        names = (ADMINISTRATION, *(f"cli_{name}" for name in SERVICE_CLIENTS))
        path.touch(mode=0o600)
        path.write_text(json.dumps({name: secrets.token_urlsafe(32) for name in names}))
    kept: dict[str, str] = json.loads(path.read_text())
    return kept

"""The stores, the seed and the three services of the demo."""

import asyncio
import os
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from deploy.local import LocalStack, StackError
from deploy.local.credentials import credential_environment
from deploy.migrate import migrate


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
    if process.returncode and "is open in another process" in text:
        raise StackError(
            f"{text.partition('. Stop')[0]}. Stop that one, or keep this one apart from it: "
            "--data-dir DIR --port-base N."
        )
    if process.returncode:
        raise SeedFailed(f"The seed failed:\n{text}")
    return text


def local_stack(setting: Setting) -> LocalStack:
    """Return the three services, with the first credentials passed by environment."""
    environment = credential_environment(setting.data_dir)
    for name in ("MATCHING", "METRICS"):
        # Quick to notice that nothing is new, so that the figures can be waited for.
        environment[f"FEIDI_{name}_FEED_WAIT_S"] = "1"
    return LocalStack(
        setting.port_base, setting.data_dir, setting.database_urls, setting.log, environment=environment
    )

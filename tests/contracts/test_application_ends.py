"""An application that has ended leaves nothing behind in its process."""

import gc
import weakref
from pathlib import Path
from typing import Any

import pytest

from deploy.contracts import SERVICES
from tests.contracts.filled import BUILD, schema_of
from tests.support.services import empty_store


async def _remains_of(name: str, directory: Path) -> list[weakref.ref[Any]]:
    with empty_store("sqlite", name, schema_of(name), directory, directory, None) as url:
        async with BUILD[name](url) as (service, _):
            return [weakref.ref(part) for part in (service.app, service.database, service.app.state.service)]


@pytest.mark.parametrize("name", SERVICES)
async def test_an_ended_application_is_forgotten(name: str, tmp_path: Path) -> None:
    remains = await _remains_of(name, tmp_path)
    gc.collect()
    assert [part() for part in remains] == [None, None, None]

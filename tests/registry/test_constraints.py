"""Which constraint a statement violated is known by the same name on both databases."""

from collections.abc import Mapping
from typing import Any

import pytest
from sqlalchemy import Table, update
from sqlalchemy.exc import IntegrityError

from services.registry.base import metadata
from services.registry.enclaves.models import enclaves, networks
from services.registry.organisations.models import organisations
from services.registry.projects.models import projects
from shared.db.base import refusing, violated_key
from shared.db.engine import Database
from shared.db.hot import hot_insert
from tests.registry.project_world import build_world
from tests.support.services import ServiceUnderTest


class Refused(Exception):
    """What a test asked for."""


async def violation(database: Database, table: Any, statement: Any) -> str | None:
    with pytest.raises(IntegrityError) as caught:
        async with database.write() as tx:
            await tx.execute(statement)
    return violated_key(caught.value, table)


async def hot_violation(database: Database, table: Any, values: Mapping[str, Any]) -> str | None:
    with pytest.raises(IntegrityError) as caught:
        async with database.write() as tx:
            await tx.row(table.select().limit(1))
            await hot_insert(table).run(tx, [values])
    return violated_key(caught.value, table)


async def test_a_violated_key_is_known_by_its_name(registry: ServiceUnderTest) -> None:
    world = await build_world(registry)
    first = await world.create_project(external_id="a")
    await world.create_project(external_id="b", title="另一项目")
    database = registry.database
    same = update(projects).values(external_id="a")
    assert await violation(database, projects, same) == "uq_projects_operator_external"
    same = update(projects).values(identity="team:x")
    assert await violation(database, projects, same) == "uq_projects_identity"
    async with database.read() as session:
        row = dict(await session.row(projects.select().where(projects.c.id == first["id"])) or {})
    again = {**row, "external_id": "c", "identity": None}
    assert await hot_violation(database, projects, again) == "pk_projects"
    copy = {**row, "id": "prj_copy"}
    assert await hot_violation(database, projects, copy) == "uq_projects_operator_external"
    # A key of another table, a reference that leads nowhere, a missing value and a check are no key of this.
    assert await violation(database, organisations, same) is None
    nowhere = {**copy, "external_id": "c", "enclave_id": "enc_nowhere"}
    assert await hot_violation(database, projects, nowhere) is None
    assert await violation(database, projects, update(projects).values(title=None)) is None
    assert await violation(database, enclaves, update(enclaves).values(network_role="centre")) is None


async def test_only_the_named_keys_are_refusals(registry: ServiceUnderTest) -> None:
    world = await build_world(registry)
    await world.create_project(external_id="a")
    await world.create_project(external_id="b", title="另一项目")
    same = update(projects).values(external_id="a")
    with pytest.raises(Refused):
        async with registry.database.write() as tx:
            with refusing(projects, {"uq_projects_operator_external": Refused}):
                await tx.execute(same)
    with pytest.raises(IntegrityError):
        async with registry.database.write() as tx:
            with refusing(projects, {"uq_projects_identity": Refused}):
                await tx.execute(same)


async def test_every_named_key_exists() -> None:
    from services.registry.agreements import repository as agreements
    from services.registry.claims import repository as claims
    from services.registry.enclaves import repository as of_enclaves
    from services.registry.landings import repository as landings
    from services.registry.organisations import repository as of_organisations
    from services.registry.projects import repository as of_projects
    from services.registry.residencies import repository as residencies
    from shared.db.base import unique_keys

    named: list[tuple[Table, Mapping[str, Any]]] = [
        (metadata.tables["agreements"], agreements._REFUSALS),
        (metadata.tables["claims"], claims._REFUSALS),
        (enclaves, of_enclaves._ENCLAVE_REFUSALS),
        (networks, of_enclaves._NETWORK_REFUSALS),
        (metadata.tables["landings"], landings._REFUSALS),
        (organisations, of_organisations._REFUSALS),
        (projects, of_projects._REFUSALS),
        (metadata.tables["residencies"], residencies._REFUSALS),
    ]
    for table, refusals in named:
        assert set(refusals) == set(unique_keys(table)), table.name

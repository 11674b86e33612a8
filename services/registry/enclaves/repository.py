"""All SQL of enclaves and networks."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import bindparam, insert, select, update

from services.registry.base import parties
from services.registry.enclaves.errors import CentreTaken, EnclaveExists, NetworkExists
from services.registry.enclaves.models import enclaves, networks
from shared.db.base import refusing
from shared.db.engine import ReadSession, Row, WriteSession
from shared.db.hot import HotQuery
from shared.db.keyset import CursorSigner, ListQuery
from shared.db.pages import Page, fetch_page
from shared.db.visibility import Viewer, seen_by, visible

_ENCLAVE_REFUSALS = {
    "pk_enclaves": EnclaveExists,
    "uq_enclaves_home_unit_external": EnclaveExists,
    "uq_enclaves_network_centre": CentreTaken,
}
_NETWORK_REFUSALS = dict.fromkeys(
    ("pk_networks", "uq_networks_operator_external", "uq_networks_external"), NetworkExists
)


async def find(
    session: ReadSession, enclave_id: str, *, viewer: Viewer | None = None, lock: bool = False
) -> Row | None:
    """Return one enclave, if ``viewer`` may see it; locked for this transaction if asked.

    The lock lets foreign-key checks of other inserts pass.
    """
    statement = select(enclaves).where(enclaves.c.id == enclave_id)
    if viewer is not None:
        statement = statement.where(visible(parties, enclaves.c.id, viewer))
    return await session.row(statement.with_for_update(key_share=True) if lock else statement)


_HELD = select(enclaves).where(enclaves.c.id == bindparam("enclave_id")).with_for_update(read=True)
_HELD_ANY = HotQuery(_HELD)
_HELD_OWN = HotQuery(_HELD.where(seen_by(parties, enclaves.c.id, bindparam("organisation_id"))))


async def find_held(tx: WriteSession, enclave_id: str, viewer: Viewer) -> Row | None:
    """Return one enclave the viewer may see; it stays as it is until the transaction ends."""
    if viewer.sees_network:
        return await _HELD_ANY.first_in(tx, {"enclave_id": enclave_id})
    own = {"enclave_id": enclave_id, "organisation_id": viewer.organisation_id or ""}
    return await _HELD_OWN.first_in(tx, own)


async def page(session: ReadSession, viewer: Viewer, query: ListQuery, signer: CursorSigner) -> Page:
    """Return one page of the enclaves ``viewer`` may see."""
    statement = select(enclaves).where(visible(parties, enclaves.c.id, viewer))
    return await fetch_page(session, statement, enclaves.c, query, signer)


async def add(tx: WriteSession, values: dict[str, Any]) -> None:
    """Insert one enclave."""
    with refusing(enclaves, _ENCLAVE_REFUSALS):
        await tx.execute(insert(enclaves).values(values))


async def change(tx: WriteSession, enclave_id: str, values: dict[str, Any]) -> None:
    """Update one enclave whose row this transaction has locked."""
    with refusing(enclaves, _ENCLAVE_REFUSALS):
        await tx.execute(update(enclaves).where(enclaves.c.id == enclave_id).values(values))


async def lock_all_of_home_unit(tx: WriteSession, home_unit_id: str) -> Sequence[Row]:
    """Return the enclaves of a home unit, locked in the order of their ids."""
    statement = select(enclaves).where(enclaves.c.home_unit_id == home_unit_id).order_by(enclaves.c.id)
    return await tx.rows(statement.with_for_update(key_share=True))


async def members(session: ReadSession, network_ids: Sequence[str]) -> Sequence[Row]:
    """Return the members of these networks in order of id."""
    statement = select(enclaves).where(enclaves.c.network_id.in_(network_ids))
    return await session.rows(statement.order_by(enclaves.c.id))


async def find_network(
    session: ReadSession, network_id: str, *, viewer: Viewer | None = None, lock: bool = False
) -> Row | None:
    """Return one network, if ``viewer`` may see it; locked for this transaction if asked."""
    statement = select(networks).where(networks.c.id == network_id)
    if viewer is not None:
        statement = statement.where(visible(parties, networks.c.id, viewer))
    return await session.row(statement.with_for_update(key_share=True) if lock else statement)


async def page_networks(session: ReadSession, viewer: Viewer, query: ListQuery, signer: CursorSigner) -> Page:
    """Return one page of the networks ``viewer`` may see."""
    statement = select(networks).where(visible(parties, networks.c.id, viewer))
    return await fetch_page(session, statement, networks.c, query, signer)


async def add_network(tx: WriteSession, values: dict[str, Any]) -> None:
    """Insert one network."""
    with refusing(networks, _NETWORK_REFUSALS):
        await tx.execute(insert(networks).values(values))


async def change_network(tx: WriteSession, network_id: str, values: dict[str, Any]) -> None:
    """Update one network whose row this transaction has locked."""
    with refusing(networks, _NETWORK_REFUSALS):
        await tx.execute(update(networks).where(networks.c.id == network_id).values(values))

"""The article's facts as records: parties, enclaves, networks, agreements and claims.

What the article does not state stays null. Seats and areas to let are synthetic and say so; the building's
own figures are the article's.
"""

from collections import Counter

from services.registry.enclaves.network_service import create_network, get_network
from services.registry.enclaves.schemas import CarrierType, EnclaveCreate, NetworkCreate
from services.registry.enclaves.service import create_enclave, get_enclave_row
from services.registry.organisations.schemas import (
    OperatorClass,
    OrganisationCreate,
    OrganisationKind,
    UnitType,
)
from services.registry.organisations.service import create_organisation, get_organisation
from services.registry.seed import keys
from services.registry.seed.plan import SeedEnclave, SeedNetwork, SeedOrganisation, SeedPlan
from services.registry.seed.synthetic import SyntheticOrganisation, SyntheticPlan, SyntheticSpace
from shared.db.engine import WriteSession
from shared.errors import NotFound
from shared.identity import SYSTEM

ROADSHOW_HALL = "路演厅"


async def load_article(tx: WriteSession, plan: SeedPlan, synthetic: SyntheticPlan) -> Counter[str]:
    """Create what is not there yet and count it."""
    loaded: Counter[str] = Counter()
    for organisation in plan.organisations:
        loaded["organisations"] += await _organisation(tx, organisation)
    for party in synthetic.organisations:
        loaded["organisations"] += await _synthetic_organisation(tx, party)
    spaces = {space.enclave_key: space for space in synthetic.spaces}
    for enclave in plan.enclaves:
        loaded["enclaves"] += await _enclave(tx, enclave, spaces[enclave.key])
    for network in plan.networks:
        loaded["networks"] += await _network(tx, network)
    return loaded


async def _organisation(tx: WriteSession, planned: SeedOrganisation) -> bool:
    data = OrganisationCreate(
        kind=OrganisationKind(planned.kind),
        name=planned.name,
        unit_type=UnitType(planned.unit_type) if planned.unit_type else None,
        adcode=planned.adcode,
        operator_class=OperatorClass(planned.operator_class) if planned.operator_class else None,
    )
    return await _add_organisation(tx, planned.key, data)


async def _synthetic_organisation(tx: WriteSession, planned: SyntheticOrganisation) -> bool:
    data = OrganisationCreate(
        kind=OrganisationKind(planned.kind), name=planned.name, synthetic=planned.synthetic
    )
    return await _add_organisation(tx, planned.key, data)


async def _add_organisation(tx: WriteSession, key: str, data: OrganisationCreate) -> bool:
    organisation_id = keys.organisation_id(key)
    try:
        await get_organisation(tx, organisation_id)
    except NotFound:
        await create_organisation(tx, SYSTEM, data, organisation_id=organisation_id)
        return True
    return False


async def _enclave(tx: WriteSession, planned: SeedEnclave, space: SyntheticSpace) -> bool:
    enclave_id = keys.enclave_id(planned.key)
    if await get_enclave_row(tx, enclave_id) is not None:
        return False
    data = EnclaveCreate(
        name=planned.name,
        home_unit_id=keys.organisation_id(planned.home_unit_key),
        host_adcode=planned.host_adcode,
        host_site=planned.host_site,
        operator_id=keys.organisation_id(planned.operator_key) if planned.operator_key else None,
        host_park_id=keys.organisation_id(planned.host_park_key) if planned.host_park_key else None,
        carrier_type=CarrierType(planned.carrier_type) if planned.carrier_type else None,
        area_m2=planned.area_m2,
        offices=planned.private_offices,
        open_areas=planned.open_office_areas,
        workstations=planned.workstations,
        roadshow_hall=True if ROADSHOW_HALL in (planned.facilities_stated or ()) else None,
        terrace_m2=planned.terrace_m2,
        industries_stated=list(planned.industries_stated or ()),
        seat_capacity=space.seats,
        area_capacity_m2=space.area_m2,
        capacity_synthetic=True,
    )
    await create_enclave(tx, SYSTEM, data, enclave_id=enclave_id)
    return True


async def _network(tx: WriteSession, planned: SeedNetwork) -> bool:
    """A network without members: which enclave is its centre and which are its clouds is not stated."""
    network_id = keys.network_id(planned.key)
    try:
        await get_network(tx, SYSTEM, network_id)
    except NotFound:
        data = NetworkCreate(name=planned.name, operator_id=keys.organisation_id(planned.operator_key))
        await create_network(tx, SYSTEM, data, network_id=network_id)
        return True
    return False

"""What the article says, as claims with their quotes: its figures, and words that no field holds."""

from collections import Counter
from collections.abc import Iterator

from services.registry.agreements.schemas import AgreementCreate
from services.registry.agreements.service import create_agreement, get_agreement
from services.registry.agreements.terms import AgreementKind
from services.registry.claims.schemas import ClaimCreate, Comparator, SubjectType
from services.registry.claims.service import get_claim, state_claim
from services.registry.seed import keys
from services.registry.seed.plan import SeedAgreement, SeedClaim, SeedEnclave, SeedPartnership, SeedPlan
from shared.db.engine import WriteSession
from shared.errors import NotFound
from shared.identity import SYSTEM


async def load_statements(tx: WriteSession, plan: SeedPlan) -> Counter[str]:
    """Create the agreements and claims that are not there yet and count them."""
    loaded: Counter[str] = Counter()
    for agreement in plan.agreements:
        loaded["agreements"] += await _agreement(tx, agreement)
    for key, claim in claims_of(plan):
        loaded["claims"] += await _claim(tx, key, claim)
    return loaded


def claims_of(plan: SeedPlan) -> Iterator[tuple[str, ClaimCreate]]:
    """Yield every claim of the article under its key."""
    for claim in plan.claims:
        yield claim.key, _figure(claim)
    for enclave in plan.enclaves:
        for metric, wording in _wordings(enclave, plan).items():
            yield f"{enclave.key}-{metric}", _wording(plan, enclave.key, metric, wording, enclave.fact_id)
    for partnership in plan.partnerships:
        for metric, wording in _partners(partnership, plan).items():
            key = partnership.enclave_key
            yield f"{key}-{metric}", _wording(plan, key, metric, wording, partnership.fact_id)


async def _agreement(tx: WriteSession, planned: SeedAgreement) -> bool:
    agreement_id = keys.agreement_id(planned.key)
    try:
        await get_agreement(tx, SYSTEM, agreement_id)
    except NotFound:
        data = AgreementCreate(
            kind=AgreementKind(planned.kind),
            title=planned.name,
            party_ids=[keys.organisation_id(key) for key in planned.party_keys],
            enclave_id=keys.enclave_id(planned.enclave_key),
            signed_on=planned.signed_on,
        )
        await create_agreement(tx, SYSTEM, data, agreement_id=agreement_id)
        return True
    return False


async def _claim(tx: WriteSession, key: str, data: ClaimCreate) -> bool:
    claim_id = keys.claim_id(key)
    try:
        await get_claim(tx, SYSTEM, claim_id)
    except NotFound:
        await state_claim(tx, SYSTEM, data, claim_id=claim_id)
        return True
    return False


def _figure(planned: SeedClaim) -> ClaimCreate:
    subject_type, subject_id = _subject(planned)
    return ClaimCreate(
        subject_type=subject_type,
        subject_id=subject_id,
        metric=planned.metric,
        value=planned.value,
        value_text=planned.value_text or planned.stated,
        comparator=Comparator(planned.comparator) if planned.comparator else None,
        unit=planned.unit,
        place_adcode=planned.place_adcode,
        quote=planned.quote,
        source=planned.source,
        as_of=planned.as_of,
        note=_note(planned),
    )


def _subject(planned: SeedClaim) -> tuple[SubjectType, str]:
    if planned.subject_type == "enclave":
        return SubjectType.ENCLAVE, keys.enclave_id(planned.subject_key)
    if planned.subject_type == "network":
        return SubjectType.NETWORK, keys.network_id(planned.subject_key)
    if planned.subject_type == "home_unit":
        return SubjectType.ORGANISATION, keys.organisation_id(planned.subject_key)
    is_division = planned.subject_key.isdigit()
    return SubjectType.DIVISION if is_division else SubjectType.CLUSTER, planned.subject_key


def _note(planned: SeedClaim) -> str | None:
    parts = [planned.note] if planned.note else []
    if planned.place_cluster_id and planned.place_cluster_id != planned.subject_key:
        parts.append(f"Place: the city cluster {planned.place_cluster_id}.")
    if planned.derived_from:
        parts.append(f"Derived from {', '.join(planned.derived_from)}.")
    return " ".join(parts) or None


def _wording(plan: SeedPlan, enclave_key: str, metric: str, wording: str, fact_id: str) -> ClaimCreate:
    return ClaimCreate(
        subject_type=SubjectType.ENCLAVE,
        subject_id=keys.enclave_id(enclave_key),
        metric=metric,
        value_text=wording,
        quote="".join(plan.quotes_of(fact_id)),
        source=plan.source.publisher,
        as_of=plan.source.as_of,
    )


def _wordings(enclave: SeedEnclave, plan: SeedPlan) -> dict[str, str]:
    """What the article says of an enclave for which the enclave has no field, or a field of other meaning."""
    operator, role = enclave.operator_key, enclave.operator_role_stated
    network = next((item.name for item in plan.networks if item.key == enclave.network_key), None)
    said = {
        "sponsor": enclave.sponsor_stated,
        "operator_role": f"{plan.organisation(operator).name}（{role}）" if operator and role else None,
        "industry_umbrella": enclave.industry_umbrella_stated,
        "target_projects": enclave.target_projects_stated,
        "facilities": "、".join(enclave.facilities_stated or ()) or None,
        # Its role in the network is not stated, so it is no member of it on file.
        "network": network,
    }
    return {metric: wording for metric, wording in said.items() if wording}


def _partners(partnership: SeedPartnership, plan: SeedPlan) -> dict[str, str]:
    names = [plan.organisation(key).name for key in partnership.institution_keys]
    more = "等" if partnership.open_ended else ""
    return {
        "partner_institutions": "、".join(names) + more,
        "built_with_partners": "、".join(partnership.built_stated),
    }

"""What the terms of an agreement must satisfy, whoever its parties are."""

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from enum import StrEnum

from shared.errors import FieldError


class AgreementKind(StrEnum):
    """园区共建协议, 委托运营合同, 入驻协议, 投资/落户协议, 利益分享协议."""

    CO_CONSTRUCTION = "co_construction"
    COMMISSIONED_OPERATION = "commissioned_operation"
    RESIDENCY = "residency"
    INVESTMENT = "investment"
    BENEFIT_SHARING = "benefit_sharing"


def broken_terms(
    kind: str,
    party_ids: list[str],
    shares: list[tuple[str, Decimal]],
    kpi_count: int,
    valid_from: date | None,
    valid_to: date | None,
) -> Iterator[FieldError]:
    """Yield every rule the terms break."""
    if len(set(party_ids)) != len(party_ids):
        yield FieldError("duplicate_party", "names a party twice", "重复的当事方", pointer="/party_ids")
    if valid_from is not None and valid_to is not None and valid_to < valid_from:
        yield FieldError("invalid_period", "ends before it starts", "结束早于开始", pointer="/valid_to")
    if kpi_count and kind != AgreementKind.COMMISSIONED_OPERATION:
        yield FieldError(
            "kpis_misplaced", "belong to 委托运营合同", "仅委托运营合同有考核指标", pointer="/kpis"
        )
    yield from _broken_shares(kind, party_ids, shares)


def _broken_shares(
    kind: str, party_ids: list[str], shares: list[tuple[str, Decimal]]
) -> Iterator[FieldError]:
    if kind != AgreementKind.BENEFIT_SHARING:
        if shares:
            yield FieldError(
                "shares_misplaced", "belong to 利益分享协议", "仅利益分享协议有分享比例", pointer="/shares"
            )
        return
    holders = [organisation_id for organisation_id, _ in shares]
    if len(set(holders)) != len(holders) or not set(holders) <= set(party_ids):
        yield FieldError("shares_of_others", "go once to each party", "须为当事方且不重复", pointer="/shares")
    if sum((share for _, share in shares), Decimal(0)) != 1:
        yield FieldError("shares_not_one", "do not add up to 1", "分享比例之和须为 1", pointer="/shares")

"""Refusals about organisations."""

from shared.errors import Conflict


class OrganisationExists(Conflict):
    """The credit code or external id already belongs to another organisation."""

    code = "organisation_exists"
    title_en = "Another organisation has this credit code or external id"
    title_zh = "统一社会信用代码或外部编号已被其他组织使用"


class UnknownDivision(Conflict):
    """The adcode is not a division of GB/T 2260 that this registry knows."""

    code = "unknown_division"
    title_en = "The adcode is not a known administrative division"
    title_zh = "行政区划代码不存在"


class UnknownOrganisation(Conflict):
    """A referenced organisation does not exist or is of another kind than the role needs."""

    code = "unknown_organisation"
    title_en = "The organisation does not exist or cannot take this role"
    title_zh = "组织不存在或不能担任该角色"

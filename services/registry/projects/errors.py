"""Refusals about projects."""

from shared.errors import Conflict


class ProjectExists(Conflict):
    """Another project already stands for this credit code, team and title, or external id."""

    code = "project_exists"
    title_en = "Another project has this identity or external id"
    title_zh = "已有相同身份或外部编号的项目"


class InvalidUscc(Conflict):
    """A project past the lead stage needs a credit code whose check character is right."""

    code = "invalid_uscc"
    title_en = "The unified social credit code is not valid"
    title_zh = "统一社会信用代码无效"


class UnknownIndustry(Conflict):
    """An industry code that GB/T 4754-2017 does not have, or an unknown strategic field."""

    code = "unknown_industry"
    title_en = "The industry or strategic field is not known"
    title_zh = "行业代码或战略性新兴产业领域不存在"


class EnclaveRequired(Conflict):
    """Only a caller who sees the network may file a project that no enclave has found."""

    code = "enclave_required"
    title_en = "A project needs the enclave that found it"
    title_zh = "项目须填写发现它的科创飞地"


class EnclaveFixed(Conflict):
    """The enclave and operator of a project stay as they are once it was admitted."""

    code = "enclave_fixed"
    title_en = "The enclave and operator of an admitted project cannot be changed"
    title_zh = "已准入项目的科创飞地和运营商不可变更"


class FunctionPlaceOverlap(Conflict):
    """The function already has a place in part of this time."""

    code = "function_place_overlap"
    title_en = "The function has another place at that time"
    title_zh = "该职能在此期间已有其他所在地"


class InvalidPeriod(Conflict):
    """A period that ends before it starts."""

    code = "invalid_period"
    title_en = "The period ends before it starts"
    title_zh = "结束日期早于开始日期"


class InvalidTransition(Conflict):
    """The track has no such step, or its guards do not hold; ``errors`` names every guard that failed."""

    code = "invalid_transition"
    title_en = "The transition is not possible now"
    title_zh = "当前不能进行该状态变更"


class EffectiveInFuture(Conflict):
    """Only what has happened is recorded."""

    code = "effective_in_future"
    title_en = "The effective instant is in the future"
    title_zh = "生效时间晚于当前时间"


class ReasonRequired(Conflict):
    """This step is only taken with a reason."""

    code = "reason_required"
    title_en = "This step needs a reason"
    title_zh = "该变更需要说明原因"

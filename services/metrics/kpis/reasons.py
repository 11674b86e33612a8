"""Why a figure is unknown, in both languages."""

from services.metrics.kpis.questions import Question, text_of
from services.metrics.kpis.schemas import Reason


def in_the_future(question: Question) -> Reason:
    """Nothing has happened there yet."""
    moment = text_of(question.as_of)
    return Reason(code="in_the_future", zh=f"{moment} 尚未到来。", en=f"{moment} has not come yet.")


def not_loaded() -> Reason:
    """The feed has never been read to its end."""
    return Reason(
        code="not_loaded",
        zh="数据尚在载入，指标暂不可得。",
        en="The registry's events are still being read; the figure is not known yet.",
    )


def nothing_on_file(question: Question) -> Reason:
    """No record of this slice existed, so that zero would claim to know."""
    moment = text_of(question.as_of)
    return Reason(
        code="nothing_on_file",
        zh=f"截至 {moment}，该范围内没有在册项目。",
        en=f"No project of this slice is on file as of {moment}.",
    )


def nobody_mature(question: Question) -> Reason:
    """The denominator of a landing rate is empty."""
    moment, months = text_of(question.as_of), question.months
    return Reason(
        code="no_mature_admissions",
        zh=f"截至 {moment}，该范围内没有准入满 {months} 个月的项目。",
        en=f"No project of this slice was admitted at least {months} months before {moment}.",
    )


def nobody_admitted(question: Question) -> Reason:
    """Nothing was admitted, so that there is nothing to take a share of."""
    moment = text_of(question.as_of)
    return Reason(
        code="no_admissions",
        zh=f"截至 {moment}，该范围内没有准入项目。",
        en=f"No project of this slice was admitted by {moment}.",
    )

"""Refusals about evaluations and proposed weights."""

from shared.errors import Conflict


class AsOfInFuture(Conflict):
    """Nothing can be judged on a day that has not come."""

    code = "as_of_in_future"
    title_en = "The day has not come yet"
    title_zh = "该日期尚未到来"


class ProposalNotOpen(Conflict):
    """A proposal that proposes nothing, or on which the home unit has decided."""

    code = "weight_proposal_not_open"
    title_en = "There is nothing to decide on"
    title_zh = "该建议无待决事项"


class ProposalOutdated(Conflict):
    """The profile has changed since the proposal was made from it."""

    code = "weight_proposal_outdated"
    title_en = "The profile has changed since"
    title_zh = "画像在建议之后已变更"

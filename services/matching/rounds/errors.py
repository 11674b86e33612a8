"""Refusals about rounds and their offers."""

from shared.errors import Conflict


class RoundState(Conflict):
    """The round is not in a state in which this can be done."""

    code = "round_state"
    title_en = "The round is not in a state for this"
    title_zh = "轮次当前状态不允许此操作"


class RoundChanged(Conflict):
    """The round was changed while its snapshot was taken; ask again."""

    code = "round_changed"
    title_en = "The round was changed meanwhile"
    title_zh = "轮次在此期间已被修改"


class MarketRefused(Conflict):
    """What the parties said does not make a market, or one without any assignment; nothing was computed."""

    code = "market_refused"
    title_en = "The market cannot be matched"
    title_zh = "该市场无法撮合"


class ConfigurationRefused(Conflict):
    """The configuration asks for what no mechanism does."""

    code = "configuration_refused"
    title_en = "No mechanism does what the configuration asks for"
    title_zh = "没有机制能执行该配置"


class MarketTooLarge(Conflict):
    """The question is too large to be answered at once."""

    code = "market_too_large"
    title_en = "The market is too large for this"
    title_zh = "市场规模超出上限"


class TookTooLong(Conflict):
    """The computation was given up: it takes longer than anybody is to wait for."""

    code = "took_too_long"
    title_en = "The computation takes too long"
    title_zh = "计算耗时过长"


class NoSuchPair(Conflict):
    """The project or the home unit takes no part in this round."""

    code = "not_in_round"
    title_en = "The project or the home unit takes no part in this round"
    title_zh = "该项目或飞出地未参加本轮"


class SeedUnreadable(Conflict):
    """The seed of a run was sealed under another secret of the deployment."""

    code = "seed_unreadable"
    title_en = "The seed of the lottery cannot be read"
    title_zh = "抽签种子无法读取"


class OffersOpen(Conflict):
    """Some offers still wait for an answer."""

    code = "offers_open"
    title_en = "Offers still wait for an answer"
    title_zh = "仍有要约等待答复"


class OfferExpired(Conflict):
    """The deadline has passed."""

    code = "offer_expired"
    title_en = "The deadline of the offer has passed"
    title_zh = "要约已过期"


class OfferDecided(Conflict):
    """This side has answered, or the offer is decided or withdrawn."""

    code = "offer_decided"
    title_en = "The offer needs no answer of this side any more"
    title_zh = "该要约已无需此方答复"


class ReasonNeeded(Conflict):
    """A refusal for another reason says which."""

    code = "refusal_reason_needed"
    title_en = "Say in words why the offer is refused"
    title_zh = "请以文字说明拒绝理由"

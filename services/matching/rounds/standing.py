"""What every use case of rounds asks first: who is calling, and where the round stands."""

from services.matching.engine.markets.errors import Refusal
from services.matching.rounds import repository
from services.matching.rounds.errors import OffersOpen, RoundState
from services.matching.rounds.schemas import RoundStateName
from shared.db.engine import ReadSession, Row, WriteSession
from shared.errors import InsufficientScope, NotFound
from shared.identity import Principal


async def require_round(session: ReadSession, viewer: Principal, round_id: str) -> Row:
    """Return a round the viewer takes part in, or raise a 404."""
    row = await repository.find_round(session, viewer, round_id)
    if row is None:
        raise not_found()
    return row


def require_network(actor: Principal) -> None:
    """Raise a 403 unless the caller is of the network's administration."""
    if not actor.sees_network:
        raise InsufficientScope(
            "Only the network's administration runs rounds.", "仅网络管理方可以组织撮合轮次。"
        )


async def require_no_open_offers(session: ReadSession, round_id: str) -> None:
    """Raise a 409 while an offer of the round waits for an answer."""
    if waiting := await repository.open_offers(session, round_id):
        raise OffersOpen(f"{waiting} offers wait for an answer.", f"尚有 {waiting} 份要约等待答复。")


async def locked(tx: WriteSession, actor: Principal, round_id: str) -> Row:
    """Lock a round for the network's administration; 404 to strangers, 403 to who only takes part."""
    row = await repository.find_round(tx, actor, round_id, lock=True)
    if row is None:
        raise not_found()
    require_network(actor)
    return row


def not_found() -> NotFound:
    """Return the refusal of a round that is not there for the caller."""
    return NotFound("No such round.", "没有该轮次。")


_STATES_ZH = {
    RoundStateName.DRAFT: "草稿",
    RoundStateName.FROZEN: "已冻结",
    RoundStateName.RUNNING: "运行中",
    RoundStateName.FAILED: "运行失败",
    RoundStateName.PROPOSED: "已有结果",
    RoundStateName.OFFERING: "要约中",
    RoundStateName.PUBLISHED: "已公布",
    RoundStateName.CANCELLED: "已取消",
}


def require_state(row: Row, *states: RoundStateName) -> None:
    """Raise a 409 unless the round is in one of these states."""
    if row["state"] not in states:
        wanted = "、".join(f"“{_STATES_ZH[state]}”" for state in states)
        raise RoundState(
            f"The round is {row['state']}; this needs one of: {', '.join(states)}.",
            f"轮次当前为“{_STATES_ZH[row['state']]}”，此操作要求：{wanted}。",
        )


def sentence(error: Refusal) -> tuple[str, str]:
    """Return what the engine refused, in both languages."""
    return f"It cannot be done: {error.en}.", f"无法成立：{error.zh}。"

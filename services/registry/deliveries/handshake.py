"""The handshake: a receiver shows that it wants what is sent there by giving back what it was asked."""

import hmac
import secrets
from datetime import timedelta

from pydantic_core import from_json, to_json

from services.registry.deliveries import repository
from services.registry.deliveries.lane import Sender, message_headers
from services.registry.deliveries.outcomes import attempt_row
from services.registry.egress.client import Answer
from services.registry.webhooks.lanes import change_lane, lock_lanes
from services.registry.webhooks.service import verified
from shared import clock
from shared.db.engine import Row
from shared.ids import new_id

HANDSHAKE = "webhook.endpoint_verification"
AGAIN_AFTER_S = (5, 30, 120, 600)
"""After each refusal but the last; then the endpoint waits until its owner asks again."""


async def shake_hands(sender: Sender, endpoint: Row, keys: list[bytes], token: str) -> None:
    """Send the challenge and let the endpoint take part if the answer is it."""
    challenge, message_id, started_at = secrets.token_urlsafe(24), new_id("msg"), clock.now()
    body = to_json(
        {
            "id": message_id,
            "type": HANDSHAKE,
            "timestamp": clock.to_rfc3339(started_at),
            "endpoint_id": endpoint["id"],
            "challenge": challenge,
        }
    )
    headers = message_headers(sender, endpoint, keys, message_id, body, HANDSHAKE)
    answer = await sender.client.post(endpoint["url"], body, headers)
    tries = endpoint["handshake_tries"] + 1
    async with sender.database.write() as tx:
        lane = (await lock_lanes(tx, [endpoint["id"]]))[endpoint["id"]]
        if lane["lease_token"] != token:
            return
        row = attempt_row(endpoint["id"], tries, started_at, answer)
        await repository.log_attempts(tx, [row])
        if _echoes(answer, challenge) and await verified(tx, endpoint["id"], endpoint["url"]):
            await change_lane(tx, endpoint["id"], {"handshake_tries": tries})
            return
        if lane["handshake_at"] != endpoint["handshake_at"]:
            return
        later = (
            clock.now() + timedelta(seconds=AGAIN_AFTER_S[tries - 1]) if tries <= len(AGAIN_AFTER_S) else None
        )
        await change_lane(tx, endpoint["id"], {"handshake_tries": tries, "handshake_at": later})


def _echoes(answer: Answer, challenge: str) -> bool:
    """Tell whether the answer is the challenge, as ``{"challenge": …}`` or as bare text."""
    if answer.status is None or not 200 <= answer.status < 300:
        return False
    given: object = answer.body.decode(errors="replace").strip()
    try:
        document = from_json(answer.body)
    except ValueError:
        document = None
    if isinstance(document, dict):
        given = document.get("challenge")
    elif isinstance(document, str):
        given = document
    return isinstance(given, str) and hmac.compare_digest(given.encode(), challenge.encode())

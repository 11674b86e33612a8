"""The bytes of a message: the event as the feed has it, and at its end the delivery."""

from shared.db.engine import Row
from shared.messaging.outbox import with_sequence


def body_of(row: Row) -> bytes:
    """Return the body of a delivery, the same bytes in every attempt and in the feed of its endpoint.

    ``row`` has the delivery's ``id``, ``endpoint_id`` and ``sequence``, and of its event ``payload`` (JSON
    without a sequence) and ``event_sequence``.
    """
    event = with_sequence(row["payload"], row["event_sequence"])
    delivery = (
        f',"delivery":{{"id":"{row["id"]}","endpoint_id":"{row["endpoint_id"]}",'
        f'"sequence":{row["sequence"]}}}}}'
    )
    return event[:-1] + delivery.encode()

"""What a webhook carries, and the handshake of an endpoint."""

from pydantic import Field

from shared.types import Output
from shared.web.feed_routes import Event


class MessageDelivery(Output):
    """Which delivery a message is: the same in every attempt."""

    id: str = Field(examples=["dlv_01jd3v9w8xk4m7q2r5t6y8z0ab"])
    endpoint_id: str = Field(examples=["whe_01jd3v9w8xk4m7q2r5t6y8z0ab"])
    sequence: int = Field(ge=1, description="Counts this endpoint's deliveries without gaps.", examples=[17])


class WebhookMessage(Event):
    """The body of a webhook: an event as the feed has it, and its delivery."""

    delivery: MessageDelivery


class EndpointVerification(Output):
    """The handshake. Until it is answered with the challenge, deliveries are held."""

    id: str = Field(examples=["msg_01jd3v9w8xk4m7q2r5t6y8z0ab"])
    type: str = Field(examples=["webhook.endpoint_verification"])
    timestamp: str = Field(examples=["2026-11-23T01:02:03.456Z"])
    endpoint_id: str = Field(examples=["whe_01jd3v9w8xk4m7q2r5t6y8z0ab"])
    challenge: str = Field(examples=["5f1d0f0c9b7e4a52"])


class ChallengeAnswer(Output):
    """The answer to the handshake. The bare challenge as text is taken too."""

    challenge: str = Field(examples=["5f1d0f0c9b7e4a52"])

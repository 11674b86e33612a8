"""Some hundred messages, broken in every way there is: none lost, none half applied, each reason given."""

from tests.registry.inbound_load import WAYS, run_load
from tests.registry.project_world import build_world
from tests.support.services import ServiceUnderTest

MESSAGES = 500


async def test_every_message_is_accounted_for(registry: ServiceUnderTest) -> None:
    books, problems = await run_load(await build_world(registry), MESSAGES)
    assert problems == []
    assert books.sent == MESSAGES
    assert books.ways.keys() >= WAYS.keys()
    assert set(books.answers) == {200, 202, 401, 413}

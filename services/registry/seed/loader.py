"""Loading the network of the article and its synthetic projects; a second run changes nothing."""

from collections import Counter
from dataclasses import dataclass
from datetime import date

from services.registry.base import messaging
from services.registry.projects.service import get_project
from services.registry.seed import keys
from services.registry.seed.article import load_article
from services.registry.seed.plan import build_plan
from services.registry.seed.replay import replay
from services.registry.seed.statements import load_statements
from services.registry.seed.synthetic import SyntheticPlan, SyntheticProject, build_synthetic
from services.registry.seed.writing import OpenTransaction, writing
from shared.db.engine import Database
from shared.errors import NotFound
from shared.identity import SYSTEM
from shared.messaging.sequencer import Sequencer


@dataclass(frozen=True)
class Loaded:
    """What a run created, by kind; nothing when everything was there."""

    created: Counter[str]
    events: int

    @property
    def anything(self) -> bool:
        """Whether the store was changed."""
        return self.created.total() > 0


async def load(database: Database, today: date, *, count: int = 300) -> Loaded:
    """Load what is missing: the article in one transaction, then each project with its history in its own."""
    plan, synthetic = build_plan(), build_synthetic(today, count=count)
    async with writing(database) as open_transaction:
        async with open_transaction() as tx:
            created = await load_article(tx, plan, synthetic)
            created += await load_statements(tx, plan)
        created["synthetic projects"] = await _load_projects(database, synthetic, open_transaction)
    return Loaded(created, await _number_events(database))


async def _load_projects(database: Database, plan: SyntheticPlan, open_transaction: OpenTransaction) -> int:
    created = 0
    for project in plan.projects:
        if await _is_missing(database, project):
            async with open_transaction() as tx:
                await replay(tx, project)
            created += 1
    return created


async def _is_missing(database: Database, project: SyntheticProject) -> bool:
    async with database.read() as session:
        try:
            await get_project(session, SYSTEM, keys.project_id(project.key))
        except NotFound:
            return True
    return False


async def _number_events(database: Database) -> int:
    """Give the events their positions at once, so that a service that starts finds a feed at rest."""
    sequencer = Sequencer(database, messaging)
    numbered = total = await sequencer.run_once()
    while numbered:
        numbered = await sequencer.run_once()
        total += numbered
    return total

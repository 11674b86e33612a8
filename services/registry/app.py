"""Registry: the system of record."""

from functools import partial
from pathlib import Path

from fastapi import APIRouter, FastAPI

from services.registry.access.grants import withheld_events
from services.registry.access.parts import EXTRA, build_access
from services.registry.access.routes import router as access_router
from services.registry.access.token_routes import router as token_router
from services.registry.agreements.routes import router as agreements_router
from services.registry.audit.routes import router as audit_router
from services.registry.base import idempotency_keys, messaging, parties
from services.registry.claims.routes import router as claims_router
from services.registry.clients.matching import MatchingClient
from services.registry.deliveries.endpoint_feed import endpoint_page
from services.registry.deliveries.parts import DeliveryParts
from services.registry.deliveries.routes import router as deliveries_router
from services.registry.deliveries.service import original_body
from services.registry.enclaves.dependants import Dependants
from services.registry.enclaves.network_routes import router as networks_router
from services.registry.enclaves.routes import enclaves_router
from services.registry.enclaves.service import follow_home_unit, hold_enclaves_of_home_unit
from services.registry.event_types.contract import describe_webhooks
from services.registry.event_types.routes import router as event_types_router
from services.registry.evidence.routes import evidence_router
from services.registry.inbound.parts import EXTRA as INBOUND
from services.registry.inbound.parts import build_inbound
from services.registry.inbound.routes import router as inbound_router
from services.registry.inbound.source_routes import router as inbound_sources_router
from services.registry.inbound.timer import forget_messages, forget_receipts
from services.registry.landings.routes import router as landings_router
from services.registry.landings.service import follow_project, lands_at
from services.registry.landings.timer import lapse
from services.registry.organisations.dependants import Dependants as OrganisationDependants
from services.registry.organisations.routes import organisations_router
from services.registry.projects.routes import projects_router
from services.registry.projects.service import hold_projects_of_enclave, refresh_projects_of_enclave
from services.registry.reference.routes import router as reference_router
from services.registry.relay.service import Relays
from services.registry.replays.routes import router as replays_router
from services.registry.replays.service import replay_some
from services.registry.residencies.routes import router as residencies_router
from services.registry.residencies.space import check_still_fits
from services.registry.residencies.timer import give_notice
from services.registry.sandbox.routes import sandbox_router
from services.registry.sandbox.signers import Signers
from services.registry.sandbox.timer import forget as forget_sandbox
from services.registry.sandbox_clock.follower import EXTRA as CLOCK
from services.registry.sandbox_clock.follower import ClockFollower
from services.registry.sandbox_clock.routes import router as sandbox_clock_router
from services.registry.settings import RegistrySettings
from services.registry.stages.routes import router as stages_router
from services.registry.webhooks.keys import keys_at
from services.registry.webhooks.lanes import LANES
from services.registry.webhooks.parts import EXTRA as WEBHOOKS
from services.registry.webhooks.routes import router as webhooks_router
from shared.db.keyset import CursorSigner
from shared.http import ServiceClient
from shared.messaging.feed import Feed
from shared.messaging.sequencer import Sequencer
from shared.messaging.timer import periodic
from shared.web.auth import Authenticator
from shared.web.consumer_routes import consumer_router
from shared.web.factory import ServiceParts, create_service, open_database
from shared.web.feed_routes import feed_router
from shared.web.state import ServiceState


def create_app(
    settings: RegistrySettings | None = None, *, authenticator: Authenticator | None = None
) -> FastAPI:
    """Build registry. ``authenticator`` replaces the one that reads credentials from the store."""
    settings = settings or RegistrySettings()
    database = open_database(settings)
    access = build_access(settings, database)
    matching = MatchingClient(
        ServiceClient(settings.matching_url, token=access.issuer.service_token, timeout_s=3.0, retries=1)
    )
    deliveries = DeliveryParts.of(settings, database)
    relays = Relays(settings, database, access.issuer.service_token, deliveries.fan_out)
    time = ClockFollower(database, movable=settings.clock == "movable")
    sequencer = Sequencer(database, messaging, fan_out=deliveries.fan_out)
    state = ServiceState(
        name="registry",
        settings=settings,
        database=database,
        authenticator=authenticator or access.authenticator,
        signer=CursorSigner(settings.secret_key),
        feed=Feed(database, messaging, parties, withhold=withheld_events),
        idempotency_keys=idempotency_keys,
        extra={
            EXTRA: access,
            CLOCK: time,
            INBOUND: build_inbound(settings.secret_key),
            "matching": matching,
            WEBHOOKS: deliveries.webhooks,
            "dispatcher": deliveries.dispatcher,
            "sequencer": sequencer,
        },
    )
    return create_service(
        ServiceParts(
            title="Feidi registry",
            summary="Parties, enclaves, projects and their three tracks.",
            directory=Path(__file__).parent,
            state=state,
            routers=_routers(deliveries),
            tasks=[
                sequencer.run,
                *deliveries.tasks,
                *relays.tasks,
                periodic(database, replay_some, batch=500, period_s=1.0),
                periodic(database, lapse),
                periodic(database, give_notice),
                periodic(database, forget_sandbox),
                periodic(database, forget_receipts, batch=1000),
                periodic(database, forget_messages, batch=500),
            ],
            on_start=[time.start, deliveries.start, *([] if authenticator else [access.start])],
            on_stop=[access.usage.close, matching.close, deliveries.close, relays.close, time.close],
            contract=[describe_webhooks],
            signals=(LANES,),
            read_lag=relays.lag_events,
        )
    )


def _routers(deliveries: DeliveryParts) -> list[APIRouter]:
    return [
        projects_router(follow_project),
        organisations_router(OrganisationDependants(hold_enclaves_of_home_unit, follow_home_unit)),
        enclaves_router(Dependants(hold_projects_of_enclave, refresh_projects_of_enclave, check_still_fits)),
        networks_router,
        evidence_router(lands_at),
        residencies_router,
        agreements_router,
        claims_router,
        landings_router,
        stages_router,
        deliveries_router,
        replays_router,
        webhooks_router,
        reference_router,
        access_router,
        token_router,
        inbound_router,
        inbound_sources_router,
        audit_router,
        event_types_router,
        sandbox_clock_router,
        sandbox_router(Signers(partial(keys_at, sealer=deliveries.webhooks.sealer), original_body)),
        feed_router("registry:events:read", endpoint_page),
        consumer_router("registry"),
    ]

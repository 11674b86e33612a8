"""Who may give which credential to whom."""

from collections.abc import Iterable

from services.registry.access.errors import OrganisationRequired, ScopeNotGrantable
from services.registry.access.schemas import Reach
from shared.db.visibility import Viewer
from shared.errors import FieldError
from shared.identity import Principal

CREDENTIALS_SCOPE = "registry:access:admin"


def withheld_events(viewer: Viewer) -> tuple[str, ...]:
    """Return the events of credentials, for a viewer who may not read the credentials either."""
    if viewer.sees_network or (isinstance(viewer, Principal) and viewer.has(CREDENTIALS_SCOPE)):
        return ()
    return ("client.*", "api_key.*")


def require_grantable(actor: Principal, scopes: Iterable[str], reach: str) -> None:
    """Raise a 403 if the credential would be able to do more than its giver."""
    missing = sorted(scope for scope in scopes if not actor.has(scope))
    if missing:
        raise ScopeNotGrantable(
            "The credential would have scopes you do not have.",
            "凭证将拥有您没有的权限。",
            errors=[
                FieldError("scope_not_grantable", "is not yours to grant", "不能授予", pointer="/scopes")
            ],
        )
    if reach == Reach.NETWORK and not actor.sees_network:
        raise ScopeNotGrantable(
            "Only the network administration gives out credentials that see the whole network.",
            "只有网络管理方可以发放可见全网的凭证。",
            errors=[FieldError("reach_not_grantable", "is not yours to grant", "不能授予", pointer="/reach")],
        )


def owner_of(actor: Principal, organisation_id: str | None) -> str:
    """Return the organisation of a new credential: the actor's own, or another for the administration."""
    owner = organisation_id or actor.organisation_id
    if owner is None:
        raise OrganisationRequired()
    if owner != actor.organisation_id and not actor.sees_network:
        raise ScopeNotGrantable(
            "Only the network administration gives out credentials of another organisation.",
            "只有网络管理方可以为其他组织发放凭证。",
            errors=[
                FieldError("not_own", "is another organisation", "不是本组织", pointer="/organisation_id")
            ],
        )
    return owner

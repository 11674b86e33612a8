"""Use cases of home-unit profiles."""

from typing import Any

from services.matching.base import messaging, parties
from services.matching.directory import service as directory
from services.matching.profiles import repository
from services.matching.profiles.content import content_of, read_before
from services.matching.profiles.schemas import PROFILE_UPDATED, ProfilePut, ProfileRead, ProfileVersionRead
from shared import clock
from shared.db.engine import ReadSession, Row, WriteSession
from shared.db.keyset import CursorSigner, ListQuery
from shared.db.pages import Page
from shared.db.visibility import set_parties
from shared.errors import NotFound, PreconditionFailed, PreconditionRequired, check_version
from shared.identity import Principal
from shared.ids import new_id
from shared.messaging.outbox import publish


async def get_profile(session: ReadSession, viewer: Principal, home_unit_id: str) -> ProfileRead:
    """Return a home unit's profile to itself or to the network's administration."""
    await require_own_home_unit(session, viewer, home_unit_id)
    row = await repository.find(session, home_unit_id)
    if row is None:
        raise NotFound("This home unit has no profile yet.", "该飞出地尚未建立画像。")
    return ProfileRead.of(row)


async def put_profile(
    tx: WriteSession,
    actor: Principal,
    home_unit_id: str,
    data: ProfilePut,
    *,
    expected_version: int | None,
    only_new: bool,
) -> ProfileRead:
    """Set the whole profile; the same content again changes nothing and emits nothing."""
    revision = await directory.touch(tx)
    await require_own_home_unit(tx, actor, home_unit_id)
    row = await repository.find(tx, home_unit_id)
    _check_precondition(row, expected_version, only_new)
    content = content_of(data)
    changed = sorted(name for name, value in content.items() if row is None or row[name] != value)
    if row is not None and not changed:
        return ProfileRead.of(row)
    now = clock.now()
    after = {
        **content,
        "home_unit_id": home_unit_id,
        "version": row["version"] + 1 if row else 1,
        "created_at": row["created_at"] if row else now,
        "updated_at": now,
        "revision": revision,
    }
    await (repository.add(tx, after) if row is None else repository.change(tx, home_unit_id, after))
    record = ProfileRead.of(after)
    await _record(tx, actor, record, changed)
    previous = {name: row[name] for name in changed} if row else {}
    await _publish(tx, actor, record, changed, previous)
    return record


async def list_versions(
    session: ReadSession, viewer: Principal, home_unit_id: str, query: ListQuery, signer: CursorSigner
) -> tuple[list[ProfileVersionRead], Page]:
    """Return one page of a profile's history."""
    await require_own_home_unit(session, viewer, home_unit_id)
    page = await repository.version_page(session, home_unit_id, query, signer)
    versions = [{**row, "profile": read_before(row["profile"])} for row in page.rows]
    return [ProfileVersionRead.of(version) for version in versions], page


async def profiles_since(session: ReadSession, revision: int) -> dict[str, ProfileRead]:
    """Return the profiles written after a revision of the directory, by home unit."""
    return {row["home_unit_id"]: ProfileRead.of(row) for row in await repository.since(session, revision)}


async def require_own_home_unit(session: ReadSession, viewer: Principal, home_unit_id: str) -> None:
    """Raise a 404 unless the caller is this home unit or sees the network, and it is on file."""
    if not viewer.sees_network and viewer.organisation_id != home_unit_id:
        raise NotFound("No such home unit.", "没有该飞出地。")
    await directory.require_home_unit(session, home_unit_id)


def profile_as_put(
    home_unit_id: str, data: ProfilePut, before: ProfileRead | None
) -> tuple[ProfileRead, list[str]]:
    """Return the profile that a ``PUT`` of this would make, and which fields it would change.

    Without a profile before, the fields that would no longer be unknown. Raises what the ``PUT`` would.
    """
    now = clock.now()
    place = {"home_unit_id": home_unit_id, "created_at": before.created_at if before else now}
    made = {**place, "updated_at": now, "version": before.version + 1 if before else 1}
    content = content_of(data)
    after = ProfileRead.of({**made, **content})
    old = before or ProfileRead.of({**made, **content_of(ProfilePut())})
    changed = sorted(name for name in content if getattr(after, name) != getattr(old, name))
    return after, changed


def _check_precondition(row: Row | None, expected_version: int | None, only_new: bool) -> None:
    if row is None:
        if expected_version is not None:
            raise PreconditionFailed("There is no profile yet.", "尚无画像。", current_etag=None)
        return
    if only_new:
        raise PreconditionFailed(
            "There is a profile already.", "画像已存在。", current_etag=f'"{row["version"]}"'
        )
    if expected_version is None:
        raise PreconditionRequired(
            "There is a profile already: send If-Match with the ETag you last read.",
            "画像已存在：请在 If-Match 中提供最近读取的 ETag。",
        )
    check_version(row["version"], expected_version)


async def _record(tx: WriteSession, actor: Principal, record: ProfileRead, changed: list[str]) -> None:
    await repository.add_version(
        tx,
        {
            "id": new_id("hpv"),
            "home_unit_id": record.home_unit_id,
            "version": record.version,
            "changed": changed,
            "actor_kind": actor.kind,
            "actor_id": actor.id,
            "actor_organisation_id": actor.organisation_id,
            "recorded_at": record.updated_at,
            "profile": record.model_dump(mode="json"),
        },
    )


async def _publish(
    tx: WriteSession, actor: Principal, record: ProfileRead, changed: list[str], previous: dict[str, Any]
) -> None:
    await set_parties(tx, parties, record.home_unit_id, [record.home_unit_id])
    await publish(
        tx,
        messaging,
        PROFILE_UPDATED,
        actor=actor,
        record=record,
        subject_type="home_unit_profile",
        subject_id=record.home_unit_id,
        version=record.version,
        root_id=record.home_unit_id,
        url=f"/v1/home-units/{record.home_unit_id}/profile",
        changed=changed,
        previous=previous,
    )

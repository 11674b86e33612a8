"""The two policies an operation can have: ``Reads(scope)`` and ``Writes(scope)``.

Each is a dependency that authenticates, checks the scope and hands the handler what it needs to answer. An
operation with neither must be marked ``PUBLIC``; the factory refuses to start otherwise.
"""

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any

from fastapi import Request, Response
from pydantic import BaseModel
from pydantic_core import to_json

from shared.db.engine import ReadSession, WriteSession
from shared.db.keyset import ListQuery, ListSpec, parse_list_query
from shared.db.pages import Page
from shared.errors import FieldError, IdempotencyKeyRequired, InvalidParameter, PreconditionRequired
from shared.identity import Principal
from shared.web.auth import bearer_of, require_scope
from shared.web.idempotency import IdempotentTransaction, StoredResponse
from shared.web.standing import revoked
from shared.web.state import ServiceState, state_of

PUBLIC = {"x-public": True}
"""``openapi_extra`` of an operation that needs no credential."""

JSON = "application/json"


class Access:
    """A verified request: the caller and the service's parts."""

    def __init__(self, request: Request, state: ServiceState, principal: Principal) -> None:
        self.request = request
        self.state = state
        self.principal = principal

    @property
    def root_path(self) -> str:
        """What a gateway put before the service's own paths."""
        return str(self.request.scope.get("root_path", ""))


class ReadAccess(Access):
    """What a reading handler works with."""

    def __init__(self, request: Request, state: ServiceState, principal: Principal, scope: str) -> None:
        super().__init__(request, state, principal)
        self._scope = scope

    async def check_again(self) -> None:
        """Refuse what would be refused now, for what goes on long after it was let in."""
        current = await _authenticated(self.request, self.state, self._scope)
        if (current.organisation_id, current.sees_network) != (
            self.principal.organisation_id,
            self.principal.sees_network,
        ):
            raise revoked()

    def session(self) -> AbstractAsyncContextManager[ReadSession]:
        """Open a read session."""
        return self.state.database.read()

    def snapshot(self) -> AbstractAsyncContextManager[ReadSession]:
        """Open a session whose reads all see one and the same state."""
        return self.state.database.snapshot()

    def list_query(self, spec: ListSpec) -> ListQuery:
        """Parse this request's query parameters against the list's specification."""
        caller = self.principal.organisation_id or self.principal.id
        asked = f"{self.request.url.path} {caller}"
        return parse_list_query(spec, self.request.query_params.multi_items(), asked)

    def item(self, record: BaseModel, version: int | None = None) -> Response:
        """Answer one record, or 304 when the caller already has this version."""
        headers = {"Cache-Control": "private, no-cache", **self.state.data_age()}
        if version is not None:
            headers["ETag"] = etag = f'"{version}"'
            if is_known(self.request, etag):
                return Response(status_code=304, headers=headers)
        return Response(to_json(record), 200, headers, JSON)

    def page(self, items: Sequence[BaseModel], page: Page) -> Response:
        """Answer one page of records with the cursor and the link of the next."""
        document: dict[str, Any] = {
            "items": items,
            "next_cursor": page.next_cursor,
            "has_more": page.next_cursor is not None,
        }
        if page.total is not None:
            document["total"] = {"count": page.total.count, "relation": page.total.relation}
        headers = {"Cache-Control": "private, no-cache", **self.state.data_age()}
        if page.next_cursor is not None:
            url = self.request.url.include_query_params(cursor=page.next_cursor)
            headers["Link"] = f'<{self.root_path}{url.path}?{url.query}>; rel="next"'
        return Response(to_json(document), 200, headers, JSON)


class WriteAccess(Access):
    """What a writing handler works with: ``async with access as tx`` is the request's one transaction.

    Inside the block call exactly one of ``created``, ``updated``, ``deleted`` or ``reply``; the answer is
    stored under the request's Idempotency-Key in the same commit.
    """

    def __init__(self, request: Request, state: ServiceState, principal: Principal) -> None:
        super().__init__(request, state, principal)
        self._unit: IdempotentTransaction | None = None
        self._answer: StoredResponse | None = None

    async def __aenter__(self) -> WriteSession:
        body = await self.request.body()
        self._unit = IdempotentTransaction(
            self.state.database,
            self.state.idempotency_keys,
            key=self.request.headers.get("idempotency-key"),
            caller=self.principal.id,
            target=f"{self.request.method} {self.request.url.path}",
            body=body + (self.request.headers.get("if-match") or "").encode(),
        )
        return await self._unit.begin()

    async def __aexit__(self, kind: Any, error: BaseException | None, traceback: Any) -> None:
        assert self._unit is not None
        await self._unit.finish(self._answer, kind, error, traceback)

    def expected_version(self) -> int:
        """Return the version in ``If-Match``; 428 when it is missing, 400 when it is no ETag of ours."""
        header = self.request.headers.get("if-match")
        if header is None:
            raise PreconditionRequired(
                "Send If-Match with the ETag you last read.",
                "请在 If-Match 中提供最近读取的 ETag。",
                errors=[FieldError("missing_header", "is required", "必填", header="If-Match")],
            )
        text = header.strip().strip('"')
        if not text.isascii() or not text.isdigit() or len(text) > 9 or header.strip() != f'"{text}"':
            raise InvalidParameter(
                "If-Match must be the one ETag that was last read.",
                "If-Match 应为最近读取的单个 ETag。",
                errors=[
                    FieldError("malformed_etag", "is no ETag of this API", "格式无效", header="If-Match")
                ],
            )
        return int(text)

    def created(self, record: BaseModel, *, location: str, version: int | None = None) -> Response:
        """Answer 201 with the new record, at a ``location`` of the service's own."""
        return self.reply(201, record, version, {"Location": self.root_path + location})

    def updated(self, record: BaseModel, *, version: int | None = None) -> Response:
        """Answer 200 with the record as it is now."""
        return self.reply(200, record, version)

    def deleted(self) -> Response:
        """Answer 204."""
        return self.reply(204, None)

    def reply(
        self,
        status: int,
        record: BaseModel | Mapping[str, Any] | None,
        version: int | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Response:
        """Answer with any status; the answer is what a repeated request gets too."""
        sent = {"Cache-Control": "no-store", **(headers or {})}
        if version is not None:
            sent["ETag"] = f'"{version}"'
        body = b"" if record is None else to_json(record)
        self._answer = StoredResponse(status, sent, body)
        return self._answer.as_response()


def revealed(stored: Response, issued: BaseModel) -> Response:
    """Return the stored answer with a secret in it, which a repeated request does not get."""
    names = ("cache-control", "etag", "location")
    headers = {name: stored.headers[name] for name in names if name in stored.headers}
    return Response(to_json(issued), stored.status_code, headers, JSON)


class _Policy:
    """Base of the policies: authenticate, then check the scope."""

    def __init__(self, scope: str) -> None:
        self.scope = scope

    async def _authenticate(self, request: Request) -> tuple[ServiceState, Principal]:
        state = state_of(request)
        return state, await _authenticated(request, state, self.scope)


class Reads(_Policy):
    """The policy of an operation that changes nothing."""

    async def __call__(self, request: Request) -> ReadAccess:
        state, principal = await self._authenticate(request)
        return ReadAccess(request, state, principal, self.scope)


class Writes(_Policy):
    """The policy of an operation that changes something.

    ``needs_version`` documents If-Match; ``needs_key`` makes Idempotency-Key mandatory.
    """

    def __init__(self, scope: str, *, needs_version: bool = False, needs_key: bool = False) -> None:
        super().__init__(scope)
        self.needs_version = needs_version
        self.needs_key = needs_key

    async def __call__(self, request: Request) -> WriteAccess:
        state, principal = await self._authenticate(request)
        if self.needs_key and "idempotency-key" not in request.headers:
            raise IdempotencyKeyRequired(
                "Send an Idempotency-Key of 1 to 255 visible ASCII characters; repeat with the same.",
                "请提供 Idempotency-Key（1 至 255 个可见 ASCII 字符），重试时使用同一值。",
                errors=[FieldError("missing_header", "is required", "必填", header="Idempotency-Key")],
            )
        return WriteAccess(request, state, principal)


async def _authenticated(request: Request, state: ServiceState, scope: str) -> Principal:
    principal = await state.authenticator.authenticate(bearer_of(request.headers.get("authorization")))
    require_scope(principal, scope)
    return principal


def is_known(request: Request, etag: str) -> bool:
    """Whether If-None-Match says that the caller has what this ETag stands for."""
    known = request.headers.get("if-none-match")
    return known is not None and (known.strip() == "*" or etag in _etags(known))


def _etags(header: str) -> set[str]:
    return {tag.strip().removeprefix("W/") for tag in header.split(",")}

"""Idempotency-Key: the answer of a write is stored in the transaction of its effect and replayed.

Scope is caller, method and path; the fingerprint covers the body. Refusals have no effect and are not
stored, so a corrected state can be retried under the same key.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from fastapi import Response
from sqlalchemy import Table, bindparam, delete, select, text

from shared import clock
from shared.db.engine import Database, WriteSession
from shared.db.hot import HotQuery, hot_insert
from shared.db.idempotency import KEEP
from shared.errors import Conflict, DomainError, FieldError, InvalidParameter, Unprocessable

_KEY = re.compile(r"[!-~]{1,255}")


class IdempotencyInProgress(Conflict):
    """The first request with this key has not ended yet."""

    code = "idempotency_in_progress"
    title_en = "A request with this Idempotency-Key is still running"
    title_zh = "相同 Idempotency-Key 的请求仍在处理"


class IdempotencyKeyReused(Unprocessable):
    """The key was used before with another body."""

    code = "idempotency_key_reused"
    title_en = "The Idempotency-Key was used with another body"
    title_zh = "该 Idempotency-Key 已用于不同的请求内容"


@dataclass(frozen=True)
class StoredResponse:
    """An answer that can be sent now and replayed later, byte for byte."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def as_response(self) -> Response:
        """Return the answer for the wire."""
        media_type = "application/json" if self.body else None
        return Response(self.body, self.status, dict(self.headers), media_type)


class Replayed(DomainError):
    """Not a refusal: carries the stored answer out of the handler to the wire."""

    code = "replayed"
    status = 200

    def __init__(self, stored: StoredResponse) -> None:
        super().__init__()
        self.stored = StoredResponse(
            stored.status, {**stored.headers, "Idempotency-Replayed": "true"}, stored.body
        )


_running: set[tuple[int, str]] = set()
_TRY_LOCK = text("SELECT pg_try_advisory_xact_lock(:key)")


@lru_cache
def _stored(table: Table) -> HotQuery:
    return HotQuery(select(table).where(table.c.scope == bindparam("scope")))


class IdempotentTransaction:
    """One write transaction under at most one key."""

    def __init__(
        self, database: Database, table: Table, *, key: str | None, caller: str, target: str, body: bytes
    ) -> None:
        if key is not None and not _KEY.fullmatch(key):
            raise InvalidParameter(
                "Idempotency-Key must be 1 to 255 visible ASCII characters.",
                "Idempotency-Key 应为 1 至 255 个可见 ASCII 字符。",
                errors=[FieldError("invalid_value", "is not valid", "无效", header="Idempotency-Key")],
            )
        self._database = database
        self._table = table
        self._scope = (
            None if key is None else hashlib.sha256(f"{caller}\n{target}\n{key}".encode()).hexdigest()
        )
        self._fingerprint = hashlib.sha256(body).hexdigest()
        self._context: AbstractAsyncContextManager[WriteSession] | None = None
        self._tx: WriteSession | None = None

    async def begin(self) -> WriteSession:
        """Open the transaction, or raise the stored answer, a 409 or a 422."""
        mark = (id(self._database), self._scope or "")
        if self._scope is not None:
            if mark in _running:
                raise IdempotencyInProgress(headers={"Retry-After": "1"})
            _running.add(mark)
        try:
            self._context = self._database.write()
            self._tx = await self._context.__aenter__()
        except BaseException:
            _running.discard(mark)
            raise
        if self._scope is not None:
            try:
                await self._look_up(self._tx, self._scope)
            except BaseException as error:
                await self.finish(None, type(error), error, error.__traceback__)
                raise
        return self._tx

    async def _look_up(self, tx: WriteSession, scope: str) -> None:
        lock = {"key": int(scope[:15], 16)}
        if tx.dialect == "postgresql" and not await tx.scalar(_TRY_LOCK, lock):
            raise IdempotencyInProgress(headers={"Retry-After": "1"})
        row = await _stored(self._table).first_in(tx, {"scope": scope})
        if row is None:
            return
        if row["created_at"] < clock.real() - KEEP:
            await tx.execute(delete(self._table).where(self._table.c.scope == scope))
            return
        if row["fingerprint"] != self._fingerprint:
            raise IdempotencyKeyReused()
        raise Replayed(StoredResponse(row["status"], json.loads(row["headers"]), row["body"]))

    async def finish(
        self, answer: StoredResponse | None, kind: Any, error: BaseException | None, traceback: Any
    ) -> None:
        """Store the answer and commit, or roll back when there was an error."""
        assert self._context is not None
        assert self._tx is not None
        try:
            if error is None and self._scope is not None and answer is not None:
                stored = {
                    "scope": self._scope,
                    "fingerprint": self._fingerprint,
                    "status": answer.status,
                    "headers": json.dumps(dict(answer.headers)),
                    "body": answer.body,
                    "created_at": clock.real(),
                }
                await hot_insert(self._table).run(self._tx, [stored])
        except BaseException as failure:
            await self._context.__aexit__(type(failure), failure, failure.__traceback__)
            raise
        else:
            await self._context.__aexit__(kind, error, traceback)
        finally:
            _running.discard((id(self._database), self._scope or ""))

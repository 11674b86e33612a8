"""Floors: a bare ASGI application on the bare driver, which does the query and nothing else."""

import asyncio
import json
import queue
import secrets
import sqlite3
import threading
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Protocol

from pydantic_core import from_json, to_json
from sqlalchemy import make_url

PAGE = 50
_GET = "SELECT * FROM projects WHERE id = {0}"
_LIST = "SELECT * FROM projects ORDER BY created_at DESC, id DESC LIMIT {0}"
_LIST_AFTER = (
    "SELECT * FROM projects WHERE created_at <= {0} AND (created_at < {0} OR id < {1}) "
    "ORDER BY created_at DESC, id DESC LIMIT {2}"
)
_EVENT_COLUMNS = (
    "id", "type", "subject_type", "subject_id", "subject_version", "root_id", "recorded_at", "payload",
)  # fmt: skip


class Driver(Protocol):
    """The three things a floor does with its store."""

    async def open(self) -> None: ...

    async def rows(self, sql: str, params: Sequence[Any]) -> list[dict[str, Any]]: ...

    async def insert(self, project: dict[str, Any], event: dict[str, Any]) -> None: ...

    async def close(self) -> None: ...


class PostgresFloor:
    """asyncpg without its pool, whose reset statement costs another round trip."""

    def __init__(self, url: str) -> None:
        self._url = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
        self._free: asyncio.Queue[Any] = asyncio.Queue()
        self._all: list[Any] = []

    async def open(self) -> None:
        import asyncpg

        for _ in range(32):
            self._all.append(await asyncpg.connect(self._url))
            self._free.put_nowait(self._all[-1])

    async def rows(self, sql: str, params: Sequence[Any]) -> list[dict[str, Any]]:
        connection = await self._free.get()
        try:
            return [dict(row) for row in await connection.fetch(sql, *params)]
        finally:
            self._free.put_nowait(connection)

    async def insert(self, project: dict[str, Any], event: dict[str, Any]) -> None:
        connection = await self._free.get()
        try:
            await connection.execute("BEGIN")
            await connection.execute(_insert("projects", list(project), "${0}"), *project.values())
            await connection.execute(_insert("events", list(event), "${0}"), *event.values())
            await connection.execute("COMMIT")
        finally:
            self._free.put_nowait(connection)

    async def close(self) -> None:
        for connection in self._all:
            await connection.close()


class SqliteFloor:
    """Reads on the event loop; writes on one thread, which commits all that waits at once."""

    def __init__(self, url: str, synchronous: str) -> None:
        self._path = make_url(url).database or ""
        self._synchronous = synchronous
        self._waiting: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._reader: sqlite3.Connection | None = None
        self._thread: threading.Thread | None = None

    async def open(self) -> None:
        self._reader = sqlite3.connect(self._path, isolation_level=None)
        self._reader.row_factory = sqlite3.Row

    async def rows(self, sql: str, params: Sequence[Any]) -> list[dict[str, Any]]:
        assert self._reader is not None
        return [dict(row) for row in self._reader.execute(sql, params).fetchall()]

    async def insert(self, project: dict[str, Any], event: dict[str, Any]) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._write, daemon=True)
            self._thread.start()
        loop = asyncio.get_running_loop()
        done: asyncio.Future[None] = loop.create_future()
        self._waiting.put((project, event, loop, done))
        await done

    def _write(self) -> None:
        connection = sqlite3.connect(self._path, isolation_level=None)
        connection.execute(f"PRAGMA synchronous={self._synchronous}")
        while (first := self._waiting.get()) is not None:
            group = [first]
            while not self._waiting.empty() and len(group) < 64:
                group.append(self._waiting.get())
            connection.execute("BEGIN IMMEDIATE")
            for project, event, _, _ in group:
                connection.execute(_insert("projects", list(project), "?"), list(project.values()))
                connection.execute(_insert("events", list(event), "?"), list(event.values()))
            connection.execute("COMMIT")
            for _, _, loop, done in group:
                loop.call_soon_threadsafe(done.set_result, None)
        connection.close()

    async def close(self) -> None:
        if self._thread is not None:
            self._waiting.put(None)
            await asyncio.to_thread(self._thread.join)
        if self._reader is not None:
            self._reader.close()


def _insert(table: str, columns: list[str], mark: str) -> str:
    marks = ", ".join(mark.format(number) for number in range(1, len(columns) + 1))
    return f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks})"


def driver_of(url: str, synchronous: str = "FULL") -> Driver:
    return SqliteFloor(url, synchronous) if url.startswith("sqlite") else PostgresFloor(url)


class Floor:
    """``GET /v1/projects/<id>``, ``GET /v1/projects`` and ``POST /v1/projects`` with nothing around them."""

    def __init__(self, url: str, synchronous: str) -> None:
        self._sqlite = url.startswith("sqlite")
        self._driver = driver_of(url, synchronous)
        marks = ["?1", "?2", "?3"] if self._sqlite else ["$1", "$2", "$3"]
        self._get, self._list, self._after = (sql.format(*marks) for sql in (_GET, _LIST, _LIST_AFTER))
        self._pattern: dict[str, Any] = {}

    async def open(self) -> None:
        await self._driver.open()
        [self._pattern] = await self._driver.rows("SELECT * FROM projects LIMIT 1", [])

    async def close(self) -> None:
        await self._driver.close()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        elif scope["method"] == "POST":
            await _answer(send, 201, await self._create(receive))
        elif scope["path"] == "/v1/projects":
            await _answer(send, 200, await self.page(scope["query_string"].decode()))
        else:
            await _answer(send, 200, await self.item(scope["path"][13:]))

    async def _lifespan(self, receive: Any, send: Any) -> None:
        await receive()
        await self.open()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await self.close()
        await send({"type": "lifespan.shutdown.complete"})

    async def item(self, identifier: str) -> bytes:
        return to_json((await self._driver.rows(self._get, [identifier]))[0])

    async def page(self, query: str) -> bytes:
        if not query:
            rows = await self._driver.rows(self._list, [PAGE + 1])
        else:
            instant, _, identifier = query.partition("=")
            after = instant if self._sqlite else datetime.fromisoformat(instant)
            rows = await self._driver.rows(self._after, [after, identifier, PAGE + 1])
        return to_json(rows[:PAGE])

    async def _create(self, receive: Any) -> bytes:
        body = from_json((await receive())["body"])
        now: Any = datetime.now(UTC)
        now = now.strftime("%Y-%m-%dT%H:%M:%S.%fZ") if self._sqlite else now
        identifier = f"prj_{secrets.token_hex(13)}"
        given = {"id": identifier, "title": body["title"], "created_at": now, "updated_at": now}
        project = {**self._pattern, **given}
        answer = to_json(project)
        payload = json.dumps({"type": "project.created"})[:-1] + ',"object":' + answer.decode() + "}"
        event_id = f"evt_{secrets.token_hex(13)}"
        values = (event_id, "project.created", "project", identifier, 1, identifier, now, payload)
        await self._driver.insert(project, dict(zip(_EVENT_COLUMNS, values, strict=True)))
        return answer


async def _answer(send: Any, status: int, body: bytes) -> None:
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})

"""Stores of registry with so many projects, made once per run and copied where a measurement writes.

One project is filed through the service; the others are copies of its row, made inside the database.
"""

import asyncio
import contextlib
import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import create_engine, make_url, text

from benchmarks import targets
from benchmarks.credentials import Signer
from benchmarks.inprocess import Call, lifespan, send
from services.registry import tables
from tests.support.postgres import PostgresCluster

STAGES = ("lead", "screening", "reserve", "admitted", "incubation", "acceleration", "rnd", "pilot")
SMALL_PARTY_EVERY = 1_000
LARGE_PARTY_EVERY = 10
POSTGRES_SETTINGS = {"shared_buffers": "512MB", "max_wal_size": "4GB", "autovacuum": "off", "jit": "off"}


@dataclass(frozen=True)
class Store:
    """A store with its database's name and what a caller needs to know of it."""

    database: str
    url: str
    size: int
    enclave_id: str
    operator_id: str

    def project_id(self, number: int) -> str:
        return project_id(number % self.size)


def project_id(number: int) -> str:
    return f"prj_0{number:025d}"


def party_id(kind: str, number: int) -> str:
    return f"org_0{kind:0<5}{number:020d}"


class Stores:
    """Everything a run keeps on disk; all of it is gone when the run ends."""

    def __init__(self, directory: Path, signer: Signer) -> None:
        self._directory, self._signer = directory, signer
        self._cluster = PostgresCluster(durable=True, settings=POSTGRES_SETTINGS)
        self._templates: dict[tuple[str, int], Store] = {}
        self._started = False

    def close(self) -> None:
        if self._started:
            self._cluster.stop()

    async def registry(self, database: str, size: int) -> Store:
        """The store of so many projects, for reading only."""
        key = (database, size)
        if key not in self._templates:
            url = self.empty(database, f"registry_{size}", tables.metadata.create_all)
            self._templates[key] = await self._fill(database, url, size)
        return self._templates[key]

    @contextlib.contextmanager
    def copy(self, store: Store, name: str) -> Iterator[Store]:
        """A copy to write into."""
        if store.database == "sqlite":
            target = self._directory / f"{name}.db"
            shutil.copyfile(make_url(store.url).database or "", target)
            yield Store(**{**vars(store), "url": f"sqlite+aiosqlite:///{target}"})
            for file in self._directory.glob(f"{name}.db*"):
                file.unlink()
            return
        url = self._cluster.create_database(name, template=str(make_url(store.url).database))
        yield Store(**{**vars(store), "url": url})
        self._cluster.drop_database(name)

    def empty(self, database: str, name: str, build: Callable[[Any], None]) -> str:
        """The URL of a new store with the tables ``build`` makes."""
        if database == "sqlite":
            url = f"sqlite+aiosqlite:///{self._directory / name}.db"
        else:
            if not self._started:
                self._cluster.start()
                self._started = True
            url = self._cluster.create_database(name)
        with synchronous(url) as connection:
            build(connection)
        return url

    async def _fill(self, database: str, url: str, size: int) -> Store:
        app = targets.registry({"url": url, "jwk": self._signer.jwk, "workers": False})
        async with lifespan(app):
            store = await _first_records(
                app, self._signer.token("registry", None, sees_network=True), database, url
            )
        await asyncio.to_thread(_multiply, url, size)
        return Store(database, url, size, store["enclave_id"], store["operator_id"])


@contextlib.contextmanager
def synchronous(url: str) -> Iterator[Any]:
    """A connection in one transaction, for filling a store fast; durability does not matter yet."""
    sqlite = url.startswith("sqlite")
    engine = create_engine(make_url(url).set(drivername="sqlite" if sqlite else "postgresql+psycopg"))
    with engine.connect() as connection:
        if sqlite:
            for pragma in ("journal_mode=WAL", "synchronous=OFF", "foreign_keys=OFF", "cache_size=-400000"):
                connection.exec_driver_sql(f"PRAGMA {pragma}")
        else:
            connection.exec_driver_sql("SET synchronous_commit=off")
            connection.exec_driver_sql("SET maintenance_work_mem='512MB'")
        connection.commit()
        yield connection
        connection.commit()
        if sqlite:
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    engine.dispose()


async def _first_records(app: Any, token: str, database: str, url: str) -> dict[str, str]:
    async def make(path: str, **body: Any) -> str:
        headers = {"authorization": f"Bearer {token}", "content-type": "application/json"}
        answer = await send(app, Call("POST", path, headers=headers, body=json.dumps(body).encode()))
        if answer.status != 201:
            raise RuntimeError(f"{path}: {answer.status} {answer.body.decode()[:400]}")
        return str(json.loads(answer.body)["id"])

    home = await make(
        "/v1/organisations",
        kind="home_unit",
        name="丽水经济技术开发区",
        unit_type="development_zone",
        adcode="331100",
    )
    operator = await make("/v1/organisations", kind="operator", name="示例运营商")
    park = await make("/v1/organisations", kind="host_park", name="示例园区")
    enclave = await make(
        "/v1/enclaves",
        name="示例科创飞地",
        home_unit_id=home,
        operator_id=operator,
        host_park_id=park,
        host_adcode="310112",
    )
    await make("/v1/projects", **project_body(enclave))
    return {"enclave_id": enclave, "operator_id": operator}


def project_body(enclave_id: str) -> dict[str, Any]:
    """A lead as an operator would file it."""
    return {
        "title": "柔性脑机接口电极",
        "summary": "面向运动功能重建的柔性电极阵列, 已完成动物实验, 正在准备临床前验证。" * 3,
        "team_name": "示例神经工程团队",
        "enclave_id": enclave_id,
        "owner_name": "招商专员",
        "industry_codes": ["3581", "2770"],
        "needs": {"plant_class": "clean_room", "space_m2": 800, "fund_amount_cny": "12000000.00"},
        "host_adcode": "310112",
        "synthetic": True,
    }


def _multiply(url: str, size: int) -> None:
    """Fill the tables from one row, without their indexes, which are made again afterwards."""
    sqlite = url.startswith("sqlite")
    with synchronous(url) as connection:
        indexes = [
            index for name in ("projects", "record_parties") for index in tables.metadata.tables[name].indexes
        ]
        for index in indexes:
            index.drop(connection)
        connection.execute(text(_projects_sql(sqlite)), {"size": size})
        connection.execute(text(_parties_sql(sqlite)), {"size": size})
        for index in indexes:
            index.create(connection)
    with synchronous(url) as connection:
        connection.exec_driver_sql("ANALYZE")
    if not sqlite:
        vacuum(url)


def vacuum(url: str) -> None:
    engine = create_engine(make_url(url).set(drivername="postgresql+psycopg"), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.exec_driver_sql("VACUUM")
    engine.dispose()


def numbers(sqlite: bool) -> str:
    """The whole numbers below ``:size`` as a table n with a column i."""
    if sqlite:
        following = "SELECT i + 1 FROM n WHERE i + 1 < :size"
        return f"(WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL {following}) SELECT i FROM n) AS n"
    return "generate_series(0, :size - 1) AS n(i)"


def padded(sqlite: bool, prefix: str, width: int, number: str = "i") -> str:
    if sqlite:
        return f"printf('{prefix}%0{width}d', {number})"
    return f"'{prefix}' || lpad(CAST({number} AS text), {width}, '0')"


def _projects_sql(sqlite: bool) -> str:
    """One project a minute, the newest last; what is not listed here is as in the row that is copied."""
    if sqlite:
        instant = "strftime('%Y-%m-%dT%H:%M:%S', '2024-01-01', (i || ' minutes')) || '.000000Z'"
    else:
        instant = "timestamptz '2024-01-01 00:00:00Z' + i * interval '1 minute'"
    stages = " ".join(f"WHEN {number} THEN '{stage}'" for number, stage in enumerate(STAGES))
    changed = {
        "id": padded(sqlite, "prj_0", 25),
        "title": "p.title || ' ' || i",
        "stage": f"CASE i % {len(STAGES)} {stages} END",
        "fingerprint": padded(sqlite, "", 32),
        "created_at": instant,
        "updated_at": instant,
    }
    names = [column.name for column in tables.metadata.tables["projects"].columns]
    selected = ", ".join(changed.get(name, f"p.{name}") for name in names)
    many = numbers(sqlite)
    return (
        f"INSERT INTO projects ({', '.join(names)}) SELECT {selected} "
        f"FROM {many} CROSS JOIN (SELECT * FROM projects LIMIT 1) AS p ORDER BY i"
    )


def _parties_sql(sqlite: bool) -> str:
    """Each project has a large party, which sees a tenth of all, and a small one, which sees a thousandth."""
    many = numbers(sqlite)
    record = padded(sqlite, "prj_0", 25)
    large = padded(sqlite, "org_0large", 20, f"(i % {LARGE_PARTY_EVERY})")
    small = padded(sqlite, "org_0small", 20, f"(i % {SMALL_PARTY_EVERY})")
    return (
        "INSERT INTO record_parties (record_id, organisation_id) "
        f"SELECT {record}, {large} FROM {many} UNION ALL SELECT {record}, {small} FROM {many}"
    )

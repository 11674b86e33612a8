"""``examples/receiver.py`` as a process of its own, with messages as partners get them."""

import contextlib
import json
import os
import re
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import httpx2
import pytest

from services.registry.event_types.service import get_event_type
from services.registry.signatures.standard_webhooks import secret_of, sign

RECEIVER = Path(__file__).parents[2] / "examples/receiver.py"
KEY = b"k" * 32
EXAMPLE = get_event_type("project.stage_changed").example


def body_of(sequence: int, endpoint_id: str = "whe_1") -> bytes:
    """The example of the catalogue as a delivery of its own."""
    delivery = {"id": f"dlv_{sequence}", "endpoint_id": endpoint_id, "sequence": sequence}
    message = {**EXAMPLE, "id": f"evt_{sequence}", "delivery": delivery}
    return json.dumps(message, ensure_ascii=False).encode()


@dataclass
class Receiver:
    """A receiver that runs; ``lines`` is what it prints."""

    client: httpx2.Client
    lines: IO[str]
    store: Path

    def send(
        self,
        body: bytes,
        message_id: str | None = None,
        *,
        key: bytes = KEY,
        late_s: int = 0,
        sent: bytes | None = None,
    ) -> httpx2.Response:
        """Sign a body and send it, or send another one under its signature."""
        message_id = message_id or json.loads(body)["id"]
        timestamp = int(time.time()) - late_s
        headers = {
            "webhook-id": message_id,
            "webhook-timestamp": str(timestamp),
            "webhook-signature": f"v1,AAAA {sign([key], message_id, timestamp, body)}",
            "content-type": "application/json",
        }
        return self.client.post("/", content=body if sent is None else sent, headers=headers)

    def said(self) -> str:
        return self.lines.readline().strip()

    def kept(self) -> list[tuple[Any, ...]]:
        with contextlib.closing(sqlite3.connect(self.store)) as database:
            return database.execute("SELECT endpoint_id, id, sequence, body FROM received").fetchall()


@pytest.fixture
def receiver(tmp_path: Path) -> Iterator[Receiver]:
    with running(tmp_path) as found:
        yield found


@contextlib.contextmanager
def running(directory: Path) -> Iterator[Receiver]:
    environment = {**os.environ, "FEIDI_WEBHOOK_SECRET": secret_of(KEY), "PYTHONIOENCODING": "utf-8"}
    with subprocess.Popen(
        [sys.executable, "-I", str(RECEIVER), "0"],
        cwd=directory,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        encoding="utf-8",
    ) as process:
        assert process.stdout
        try:
            found = re.fullmatch(r"listening on (\d+)\n", process.stdout.readline())
            assert found
            with httpx2.Client(
                base_url=f"http://127.0.0.1:{found[1]}", timeout=20, trust_env=False
            ) as client:
                yield Receiver(client, process.stdout, directory / "received.db")
        finally:
            process.kill()


def test_what_is_signed_is_kept_before_it_is_answered(receiver: Receiver) -> None:
    body = body_of(1)
    assert receiver.send(body).status_code == 200
    assert receiver.kept() == [("whe_1", "evt_1", 1, body)]
    assert receiver.said() == "kept 1"


def test_a_duplicate_is_accepted_and_kept_once(receiver: Receiver) -> None:
    for _ in range(2):
        assert receiver.send(body_of(1)).status_code == 200
    assert [receiver.said(), receiver.said()] == ["kept 1", "duplicate 1"]
    assert len(receiver.kept()) == 1


def test_a_missing_sequence_is_named_and_may_come_later(receiver: Receiver) -> None:
    for sequence in (1, 4, 3, 5):
        assert receiver.send(body_of(sequence)).status_code == 200
    said = [receiver.said() for _ in range(4)]
    assert said == ["kept 1", "kept 4, missing 2 to 3", "kept 3", "kept 5"]


def test_sequences_are_those_of_an_endpoint(receiver: Receiver) -> None:
    for endpoint_id in ("whe_1", "whe_2"):
        assert receiver.send(body_of(1, endpoint_id)).status_code == 200
        assert receiver.said() == "kept 1"
    assert len(receiver.kept()) == 2


def test_what_is_not_genuine_is_refused_and_not_kept(receiver: Receiver) -> None:
    body = body_of(1)
    assert receiver.send(body, sent=body + b" ").status_code == 401
    assert receiver.send(body, sent=b"").status_code == 401
    assert receiver.send(body, key=b"x" * 32).status_code == 401
    assert receiver.send(body, late_s=310).status_code == 401
    assert receiver.send(body, late_s=-310).status_code == 401
    assert receiver.client.post("/", content=body).status_code == 401
    assert receiver.send(body).status_code == 200
    assert [row[1] for row in receiver.kept()] == ["evt_1"]


def test_the_handshake_is_answered_with_its_challenge(receiver: Receiver) -> None:
    message = {
        "id": "msg_1",
        "type": "webhook.endpoint_verification",
        "timestamp": "2026-11-23T01:02:03.456Z",
        "endpoint_id": "whe_1",
        "challenge": "什么-5f1d",
    }
    body = json.dumps(message).encode()
    answer = receiver.send(body)
    assert (answer.status_code, answer.json()) == (200, {"challenge": "什么-5f1d"})
    assert receiver.send(body, sent=body.replace(b"5f1d", b"5f1e")).status_code == 401
    assert receiver.send(body_of(1)).status_code == 200
    assert receiver.said() == "kept 1"


def test_what_was_answered_is_there_after_a_kill(tmp_path: Path) -> None:
    with running(tmp_path) as first:
        assert first.send(body_of(1)).status_code == 200
    with running(tmp_path) as second:
        assert second.send(body_of(1)).status_code == 200
        assert second.said() == "duplicate 1"
        assert len(second.kept()) == 1


def test_the_receiver_is_short() -> None:
    assert len(RECEIVER.read_text(encoding="utf-8").splitlines()) < 60

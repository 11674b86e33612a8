"""What arrives on a socket of a real process that is no proper request."""

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        number = int(probe.getsockname()[1])
    url = f"sqlite+aiosqlite:///{tmp_path_factory.mktemp('registry')}/registry.db"
    settings = {"PORT": str(number), "DATABASE_URL": url, "LOG_LEVEL": "ERROR"}
    process = subprocess.Popen(
        [sys.executable, "-m", "services.registry"],
        cwd=ROOT,
        env={**os.environ, **{f"FEIDI_REGISTRY_{name}": value for name, value in settings.items()}},
        stderr=subprocess.DEVNULL,
    )
    try:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and process.poll() is None:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", number)) == 0:
                    break
            time.sleep(0.1)
        yield number
    finally:
        process.terminate()
        process.wait(30)


def talk(port: int, *chunks: bytes, close: bool = False) -> tuple[int, bytes]:
    """Send bytes on a new connection; return status and body of the answer, 0 when it was closed without."""
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        for chunk in chunks:
            connection.sendall(chunk)
        if close:
            return 0, b""
        received = b""
        try:
            while part := connection.recv(65_536):
                received += part
        except ConnectionResetError:
            pass
    head, _, body = received.partition(b"\r\n\r\n")
    if not head:
        return 0, b""
    status = int(head.split()[1])
    if status >= 400:
        assert b"content-type: application/problem+json" in head.lower(), received
        problem = json.loads(body)
        assert problem["status"] == status
        assert problem["request_id"].encode() in head
    return status, body


def head(line: str, *headers: str) -> bytes:
    return "\r\n".join((line, "Host: t", "Connection: close", *headers, "", "")).encode("latin-1")


REQUESTS = {
    "proper": ((head("GET /livez HTTP/1.1"),), 200),
    "9 KiB of headers": ((head("GET /livez HTTP/1.1", "X-Large: " + "x" * 9_216),), 200),
    "80 KiB of headers": ((head("GET /livez HTTP/1.1", "X-Large: " + "x" * 81_920),), 431),
    "a header that does not end": ((b"GET /livez HTTP/1.1\r\nX-Large: " + b"x" * 99_000,), 431),
    "no HTTP": ((b"zq zq zq\r\n\r\n",), 400),
    "no version": ((b"GET /livez\r\n\r\n",), 200),
    "TLS": ((b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",), 400),
    "NUL in a header": ((head("GET /livez HTTP/1.1", "X-Odd: a\x00b"),), 400),
    "length of letters": ((head("POST /v1/projects HTTP/1.1", "Content-Length: zq"),), 400),
    "negative length": ((head("POST /v1/projects HTTP/1.1", "Content-Length: -1"),), 400),
    "two lengths": ((head("POST /v1/projects HTTP/1.1", "Content-Length: 1", "Content-Length: 2"),), 400),
    "length and chunks": (
        (
            head("POST /v1/projects HTTP/1.1", "Content-Length: 1", "Transfer-Encoding: chunked")
            + b"0\r\n\r\n",
        ),
        400,
    ),
    "bad chunk": ((head("POST /v1/projects HTTP/1.1", "Transfer-Encoding: chunked") + b"zq\r\n",), None),
    "a byte that is not UTF-8": ((head("GET /v1/projects/%FF HTTP/1.1"),), 401),
    "raw byte in the path": (
        (b"GET /v1/projects/\xff HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n",),
        None,
    ),
    "40 KiB of address": ((head("GET /v1/" + "x" * 40_960 + " HTTP/1.1"),), 414),
    "upgrade": ((head("GET /livez HTTP/1.1", "Upgrade: websocket"),), None),
}


@pytest.mark.parametrize("reason", REQUESTS)
def test_what_is_no_proper_request_is_refused_as_a_problem(port: int, reason: str) -> None:
    chunks, status = REQUESTS[reason]
    answered, _ = talk(port, *chunks)
    assert answered < 500
    assert status is None or answered == status


def test_a_head_that_does_not_arrive_is_given_up(port: int) -> None:
    started = time.monotonic()
    assert talk(port, b"GET /livez HTTP/1.1\r\nX-Slow: ")[0] == 408
    assert 2 < time.monotonic() - started < 8


def test_a_refusal_of_the_connection_speaks_the_callers_language(port: int) -> None:
    start = b"GET /livez HTTP/1.1\r\nAccept-Language: zh-CN\r\nX-Other: 1\r\n"
    for rest, status in ((b"X-Large: " + b"x" * 99_000, 431), (b"no header\r\n\r\n", 400)):
        answered, body = talk(port, start + rest)
        assert (answered, json.loads(body)["title"].isascii()) == (status, False)


def test_a_process_that_is_ready_tells_its_schema(port: int) -> None:
    status, body = talk(port, head("GET /readyz HTTP/1.1"))
    told = json.loads(body)
    assert (status, told["schema_revision"]) == (200, told["schema_head"])
    assert told["schema_head"]


def test_a_silent_connection_is_closed_in_silence(port: int) -> None:
    started = time.monotonic()
    assert talk(port) == (0, b"")
    assert time.monotonic() - started < 8


def test_half_a_body_and_a_closed_connection_leave_the_service_well(port: int) -> None:
    start = head("POST /oauth2/token HTTP/1.1", "Content-Length: 1000", "Content-Type: application/json")
    for _ in range(20):
        talk(port, start + b'{"zq": 1', close=True)
    assert talk(port, head("GET /livez HTTP/1.1"))[0] == 200

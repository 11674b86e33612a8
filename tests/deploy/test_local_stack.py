import asyncio
import http.client
import io
import os
import re
import signal
import socket
import sys
import urllib.request
from pathlib import Path

import pytest

from deploy.local import LocalStack, PortTakenError, ServiceFailedError
from deploy.local.__main__ import main as run_command
from deploy.local.services import Service, local_services
from tests.deploy.stack_process import FAKE
from tests.support.ports import free_ports

PROCESS = str(Path(__file__).with_name("stack_process.py"))
ROOT = Path(__file__).parents[2]


def fake(name: str, *manner: str, settings: dict[str, str] | None = None) -> Service:
    port = free_ports(3)
    return Service(name, [sys.executable, FAKE, str(port), *manner], port, settings or {})


def stack_of(*services: Service, log: io.StringIO | Path, tmp_path: Path, **options: float) -> LocalStack:
    return LocalStack(
        services=services, data_dir=tmp_path / "data", log_to=log, handle_signals=False, **options
    )


def pids_in(log: str) -> list[int]:
    return [int(pid) for pid in re.findall(r"pid (\d+)", log)]


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return not Path(f"/proc/{pid}/stat").exists() or Path(f"/proc/{pid}/stat").read_text().split()[2] != "Z"


async def gone(pid: int) -> None:
    while True:
        if not is_running(pid):
            return
        await asyncio.sleep(0.01)


async def get(url: str) -> int:
    return await asyncio.to_thread(lambda: urllib.request.urlopen(url, timeout=5).status)


async def stack_loses(stack: LocalStack, name: str) -> None:
    with pytest.raises((ConnectionError, http.client.RemoteDisconnected)):
        await get(stack.urls[name] + "/die")
    await stack.wait()


async def test_all_services_are_ready_inside_and_gone_outside(tmp_path: Path) -> None:
    log = io.StringIO()
    async with stack_of(fake("alpha"), fake("beta"), log=log, tmp_path=tmp_path) as stack:
        assert set(stack.urls) == {"alpha", "beta"}
        assert [await get(url) for url in stack.urls.values()] == [200, 200]
        pids = pids_in(log.getvalue())
        assert all(map(is_running, pids))
    assert len(pids) == 2
    assert not any(map(is_running, pids))
    lines = log.getvalue().splitlines()
    assert "alpha    | drained" in lines
    assert "beta     | drained" in lines


async def test_a_dying_service_ends_the_others_and_the_block(tmp_path: Path) -> None:
    log = io.StringIO()
    with pytest.raises(ServiceFailedError, match="beta ended with exit code 3") as failure:
        async with stack_of(fake("alpha"), fake("beta"), log=log, tmp_path=tmp_path) as stack:
            await stack_loses(stack, "beta")
    assert failure.value.service == "beta"
    assert not any(map(is_running, pids_in(log.getvalue())))
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0


async def test_a_service_that_cannot_start_is_reported_with_its_last_words(tmp_path: Path) -> None:
    log = tmp_path / "stack.log"
    with pytest.raises(ServiceFailedError, match=r"exit code 7(?s:.)*no such table: projects"):
        async with stack_of(fake("alpha"), fake("beta", "broken"), log=log, tmp_path=tmp_path):
            pytest.fail("the block must not be entered")
    assert not any(map(is_running, pids_in(log.read_text())))


async def test_a_service_that_never_becomes_ready_is_given_up(tmp_path: Path) -> None:
    with pytest.raises(ServiceFailedError, match=r"alpha was not ready after 0\.5 s"):
        async with stack_of(fake("alpha", "mute"), log=io.StringIO(), tmp_path=tmp_path, ready_seconds=0.5):
            pytest.fail("the block must not be entered")


async def test_a_stubborn_service_is_killed_after_the_drain_time(tmp_path: Path) -> None:
    log = io.StringIO()
    async with stack_of(fake("alpha", "stubborn"), log=log, tmp_path=tmp_path, drain_seconds=0.2):
        pass
    assert not any(map(is_running, pids_in(log.getvalue())))


async def test_an_error_in_the_block_comes_out_unchanged(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError):
        async with stack_of(fake("alpha"), log=io.StringIO(), tmp_path=tmp_path):
            _ = 1 / 0


async def test_a_cancelled_block_still_stops_its_services(tmp_path: Path) -> None:
    log = io.StringIO()

    async def block() -> None:
        async with stack_of(fake("alpha"), log=log, tmp_path=tmp_path) as stack:
            up.set()
            await stack.wait()

    up = asyncio.Event()
    task = asyncio.create_task(block())
    await up.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not any(map(is_running, pids_in(log.getvalue())))


async def test_a_taken_port_is_named_before_anything_starts(tmp_path: Path) -> None:
    log = io.StringIO()
    taken = fake("beta")
    expected = rf"Port {taken.port}, wanted by beta(?s:.)*--port-base"
    with socket.create_server(("127.0.0.1", taken.port)), pytest.raises(PortTakenError, match=expected):
        async with stack_of(fake("alpha"), taken, log=log, tmp_path=tmp_path):
            pytest.fail("the block must not be entered")
    assert log.getvalue() == ""


def test_the_command_says_which_port_is_taken_and_fails(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        code = run_command(["--port-base", str(port), "--data-dir", str(tmp_path)])
    assert code == 1
    assert f"Port {port}, wanted by registry, is taken" in capsys.readouterr().err


async def test_a_service_gets_its_settings_and_its_log_goes_to_a_file(tmp_path: Path) -> None:
    port = free_ports(3)
    words = "import os; print(os.environ['FEIDI_ALPHA_PORT'], os.environ['TOKEN'])"
    service = Service("alpha", [sys.executable, "-c", words], port, {"FEIDI_ALPHA_PORT": str(port)})
    log = tmp_path / "logs" / "stack.log"
    with pytest.raises(ServiceFailedError):
        async with LocalStack(
            services=[service],
            log_to=log,
            data_dir=tmp_path,
            environment={"TOKEN": "t"},
            handle_signals=False,
        ):
            pass
    assert log.read_text() == f"alpha    | {port} t\n"


async def start_supervisor(*arguments: str) -> tuple[asyncio.subprocess.Process, int]:
    """A supervisor in a process of its own, once it is up, and the pid of its service."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, PROCESS, str(free_ports(3)), *arguments),
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        start_new_session=True,
    )
    assert process.stdout
    seen = ""
    while "up\n" not in seen or not pids_in(seen):
        line = await process.stdout.readline()
        assert line, seen
        seen += line.decode()
    return process, pids_in(seen)[0]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_a_signal_drains(number: signal.Signals) -> None:
    process, pid = await start_supervisor()
    process.send_signal(number)
    output, _ = await asyncio.wait_for(process.communicate(), 15)
    assert output.decode().splitlines() == ["alpha    | drained", f"interrupted by {number.name}"]
    assert process.returncode == 0
    assert not is_running(pid)


async def test_a_second_ctrl_c_kills() -> None:
    process, pid = await start_supervisor("stubborn")
    while process.returncode is None:
        process.send_signal(signal.SIGINT)
        await asyncio.sleep(0.05)
    assert not is_running(pid)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs the parent-death signal of Linux")
async def test_no_orphan_after_the_supervisor_is_killed() -> None:
    process, pid = await start_supervisor("stubborn")
    process.kill()
    await process.wait()
    await asyncio.wait_for(gone(pid), 10)


def test_the_services_know_their_places(tmp_path: Path) -> None:
    urls = {"matching": "postgresql+asyncpg://localhost/matching"}
    registry, matching, metrics = local_services(9100, tmp_path, urls)
    assert [service.url[-4:] for service in (registry, matching, metrics)] == ["9100", "9101", "9102"]
    assert registry.settings["FEIDI_REGISTRY_DATABASE_URL"] == f"sqlite+aiosqlite:///{tmp_path}/registry.db"
    assert matching.settings["FEIDI_MATCHING_DATABASE_URL"] == urls["matching"]
    assert metrics.settings["FEIDI_METRICS_REGISTRY_URL"] == registry.url
    assert metrics.settings["FEIDI_METRICS_ISSUER"] == registry.url
    assert "FEIDI_REGISTRY_SECRET" not in registry.settings
    again = local_services(9100, tmp_path, urls)[1]
    assert again.settings["FEIDI_MATCHING_SECRET"] == matching.settings["FEIDI_MATCHING_SECRET"]


async def test_the_command_keeps_the_terminal_for_what_it_says(tmp_path: Path) -> None:
    base = free_ports(3)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "deploy.local", "--port-base", str(base), "--data-dir", str(tmp_path)),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        cwd=ROOT,
    )
    assert process.stdout
    said = ""
    while "Ctrl-C" not in said:
        line = await process.stdout.readline()
        assert line, said
        said += line.decode()
    await get(f"http://127.0.0.1:{base}/v1/problems")
    process.send_signal(signal.SIGTERM)
    _, errors = await asyncio.wait_for(process.communicate(), 60)
    assert (process.returncode, errors) == (0, b"")
    assert str(tmp_path / "services.log") in said
    assert '"path": "/v1/problems"' in (tmp_path / "services.log").read_text()

"""The processes of the registry's host, by the API: real ones."""

from __future__ import annotations

import asyncio
import json
import os
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

import httpx
import psutil
import pytest

from registry.children import StoredWishes
from registry.running import ProcessControl, Registry
from registry.store import Store
from tests.processes.conftest import is_alive, until
from tests.processes.programs import POLITE, RUN, STUBBORN, parent, program
from tests.registry.beats import a_beat
from tests.registry.conftest import Connect, Start
from wire import Said

HOST = socket.gethostname()
ANN = {"reason": "rollout", "by": "ann"}

T = TypeVar("T")


def define(file: Path, *, keep: bool = False, **tables: dict[str, Any]) -> None:
    """Write the file of agents; with `keep`, behind what stands in it."""
    lines = [file.read_text()] if keep else []
    for process_id, table in tables.items():
        lines.append(f"[agents.{process_id}]")
        lines += [f"{key} = {json.dumps(value)}" for key, value in table.items()]
    file.write_text("\n".join([*lines, ""]))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Three processes, of which `talker` starts with the registry."""
    file = tmp_path / "agents.toml"
    text = "import os\nprint('token', os.environ['MY_TOKEN'], flush=True)\n" + RUN
    define(
        file,
        talker={"command": program(text), "name": "Talker", "start_seconds": 0.05},
        desk={"command": program(POLITE), "autostart": False},
        broken={"command": ["no-such-program"], "autostart": False},
    )
    return file


@pytest.fixture
def control(file: Path) -> ProcessControl:
    environment = {"PATH": os.environ["PATH"], "MY_TOKEN": "hunter2"}
    return ProcessControl(file=file, must_exist=True, environment=environment, hosts=(HOST, "alias"))


@pytest.fixture
async def registry(start: Start, control: ProcessControl) -> Registry:
    return await start(processes=control)


async def shown(client: httpx.AsyncClient, process_id: str) -> dict[str, Any]:
    response = await client.get(f"/api/processes/{process_id}")
    assert response.status_code == 200, response.text
    view: dict[str, Any] = response.json()
    return view


async def wait_for(ask: Callable[[], Awaitable[T]], good: Callable[[T], bool]) -> T:
    """Ask until the answer is good; the test's own time limit ends it."""
    while not good(answer := await ask()):  # noqa: ASYNC110  # what is asked has no events
        await asyncio.sleep(0.01)
    return answer


async def become(client: httpx.AsyncClient, process_id: str, state: str) -> dict[str, Any]:
    """Wait until the process is in a state."""
    return await wait_for(lambda: shown(client, process_id), lambda view: view["state"] == state)


async def lines_of(client: httpx.AsyncClient, process_id: str) -> list[str]:
    lines: list[str] = (await client.get(f"/api/processes/{process_id}/logs")).json()["lines"]
    return lines


async def pid_of(client: httpx.AsyncClient, process_id: str) -> int:
    """Wait until the process has said `here` last; its number."""
    await wait_for(lambda: lines_of(client, process_id), lambda lines: lines[-1:] == ["here"])
    pid: int = (await shown(client, process_id))["pid"]
    return pid


async def child_of(client: httpx.AsyncClient, process_id: str) -> int:
    """Wait until the process, a `parent`, has said the number of its child last; that number."""
    lines = await wait_for(
        lambda: lines_of(client, process_id), lambda lines: bool(lines) and lines[-1].isdigit()
    )
    return int(lines[-1])


def beat(
    registry: Registry, agent_id: str, pid: int | None, *, host: str | None = HOST, **fields: Any
) -> None:
    registry.fleet.take(a_beat(agent_id, process_id=pid, host=host, **fields), source="")


async def history(client: httpx.AsyncClient, agent_id: str) -> list[tuple[str, str]]:
    changes = (await client.get(f"/api/agents/{agent_id}/history")).json()["changes"]
    return [(change["by"], change["reason"]) for change in changes]


async def act(client: httpx.AsyncClient, path: str, body: Any = ANN) -> httpx.Response:
    return await client.post(f"/api/{path}", json=body)


def code(response: httpx.Response) -> tuple[int, str]:
    return response.status_code, response.json()["error"]["code"]


# -- looking


async def test_all_processes_are_listed_in_the_order_of_the_file(
    client: httpx.AsyncClient, file: Path
) -> None:
    await become(client, "talker", "RUNNING")
    listed = (await client.get("/api/processes")).json()
    assert (listed["file"], listed["trouble"]) == (str(file), None)
    assert [one["id"] for one in listed["processes"]] == ["talker", "desk", "broken"]
    talker, desk, _ = listed["processes"]
    assert {key: talker[key] for key in ("name", "state", "wanted", "exitCode", "restarts", "retryAt", "trouble")} == {
        "name": "Talker", "state": "RUNNING", "wanted": "running", "exitCode": None, "restarts": 0, "retryAt": None,
        "trouble": None,
    }  # fmt: skip
    assert is_alive(talker["pid"])
    assert (desk["state"], desk["wanted"], desk["pid"], desk["startedAt"]) == (
        "STOPPED",
        "stopped",
        None,
        None,
    )


async def test_the_last_lines_are_told_without_secrets(client: httpx.AsyncClient) -> None:
    await pid_of(client, "talker")
    logs = (await client.get("/api/processes/talker/logs")).json()["lines"]
    assert logs[-2:] == ["token ***", "here"]
    assert (await client.get("/api/processes/talker/logs?lines=1")).json() == {"lines": ["here"]}
    for wrong in ("0", "501", "x"):
        assert code(await client.get(f"/api/processes/talker/logs?lines={wrong}")) == (400, "bad_request")


async def test_a_broken_file_is_told(client: httpx.AsyncClient, file: Path) -> None:
    define(file, talker={"kommand": "x"})
    listed = (await client.get("/api/processes")).json()
    assert "agents.talker.kommand: no such key (is command meant?)" in listed["trouble"]
    assert [one["id"] for one in listed["processes"]] == ["talker", "desk", "broken"]


async def test_a_new_definition_can_be_started_at_once(client: httpx.AsyncClient, file: Path) -> None:
    define(file, keep=True, more={"command": program(RUN), "autostart": False})
    assert (await act(client, "processes/more/start")).status_code == 202
    await pid_of(client, "more")


async def test_an_unknown_process_is_told_by_name(client: httpx.AsyncClient) -> None:
    for path in ("", "/logs"):
        response = await client.get(f"/api/processes/nobody{path}")
        assert code(response) == (404, "unknown_process")
        assert "[agents.<id>]" in response.json()["error"]["message"]
    for order in ("start", "stop", "force-stop", "restart"):
        assert code(await act(client, f"processes/nobody/{order}")) == (404, "unknown_process")


# -- doing


BAD_BODIES = [
    ("nothing", b""),
    ("no reason", b"{}"),
    ("a blank reason", b'{"reason": " "}'),
    ("a command", b'{"reason": "x", "command": ["rm"]}'),
    ("an environment", b'{"reason": "x", "env": {"LD_PRELOAD": "x"}}'),
    ("a folder", b'{"reason": "x", "cwd": "/"}'),
]


async def test_a_reason_is_asked_for_and_nothing_else_is_taken(client: httpx.AsyncClient) -> None:
    orders = [f"processes/desk/{order}" for order in ("start", "stop", "force-stop", "restart")]
    for path in (*orders, "processes/start-all", "agents/a/force-stop"):
        for name, body in BAD_BODIES:
            assert code(await client.post(f"/api/{path}", content=body)) == (400, "bad_request"), name
        assert code(await client.post(f"/api/{path}", content=b" " * 65_537)) == (413, "too_large")
    assert (await shown(client, "desk"))["state"] == "STOPPED"


async def test_nothing_can_be_defined_by_the_api(client: httpx.AsyncClient) -> None:
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        for path in ("/api/processes", "/api/processes/desk"):
            response = await client.request(method, path, json={"command": ["true"]})
            assert response.status_code == 405, (method, path)


async def test_a_process_is_started_once_stopped_once_and_started_again(client: httpx.AsyncClient) -> None:
    before = {child.pid for child in psutil.Process().children()}
    first, second = await asyncio.gather(
        act(client, "processes/desk/start"), act(client, "processes/desk/start")
    )
    assert (first.status_code, second.status_code) == (202, 202)
    assert (first.json()["state"], first.json()["wanted"]) == ("STARTING", "running")
    pid = await pid_of(client, "desk")
    both = await asyncio.gather(act(client, "processes/desk/stop"), act(client, "processes/desk/stop"))
    assert [(one.status_code, one.json()["state"]) for one in both] == [(202, "STOPPING"), (202, "STOPPING")]
    assert (await become(client, "desk", "STOPPED"))["exitCode"] == 0
    assert not is_alive(pid)
    await act(client, "processes/desk/restart")
    await until(lambda: len({child.pid for child in psutil.Process().children()} - before) == 1)


async def test_a_restart_gives_another_process(client: httpx.AsyncClient) -> None:
    pid = await pid_of(client, "talker")
    assert (await act(client, "processes/talker/restart")).json()["state"] == "STOPPING"
    await wait_for(lambda: shown(client, "talker"), lambda view: view["pid"] not in (pid, None))


async def test_all_are_started_and_what_cannot_be_says_why(client: httpx.AsyncClient) -> None:
    started = await act(client, "processes/start-all")
    assert started.status_code == 202
    assert [one["wanted"] for one in started.json()["processes"]] == ["running"] * 3
    await pid_of(client, "desk")
    broken = await become(client, "broken", "BACKOFF")
    assert "'no-such-program' is not on PATH" in broken["trouble"]
    assert broken["retryAt"] is not None


async def test_what_operators_want_outlives_the_registry(
    start: Start, connect: Connect, control: ProcessControl, store: Store
) -> None:
    client = connect(await start(processes=control))
    await act(client, "processes/talker/force-stop")
    await act(client, "processes/desk/start")
    assert [(wish.process_id, wish.is_wanted, wish.by) for wish in StoredWishes(store.wishes).load()] == [
        ("desk", True, "ann"),
        ("talker", False, "ann"),
    ]
    again = connect(await start(processes=control))
    wanted = [one["wanted"] for one in (await again.get("/api/processes")).json()["processes"]]
    assert wanted == ["stopped", "running", "stopped"]


# -- processes and agents


async def test_a_process_knows_its_agents_by_number_and_host(
    client: httpx.AsyncClient, registry: Registry, file: Path
) -> None:
    define(file, talker={"command": program(parent(RUN))})
    await act(client, "processes/talker/restart")
    child = await child_of(client, "talker")
    pid = (await shown(client, "talker"))["pid"]
    beat(registry, "job", child)
    beat(registry, "worker", pid, process_age=0.1)
    beat(registry, "by-alias", pid, host="alias")
    beat(registry, "elsewhere", pid, host="another-host")
    beat(registry, "nowhere", pid, host=None)
    beat(registry, "numberless", None)
    beat(registry, "before", pid, process_age=3_600.0)  # it had the number before
    beat(registry, "ours", os.getpid())
    rows = (await shown(client, "talker"))["rowIds"]
    assert set(rows) == {"worker", "by-alias", "job"}
    assert rows[-1] == "job"
    assert (await shown(client, "desk"))["rowIds"] == []


async def test_an_agent_whose_process_is_killed_is_offline_at_once(
    client: httpx.AsyncClient, registry: Registry
) -> None:
    pid = await pid_of(client, "talker")
    beat(registry, "a", pid)
    psutil.Process(pid).kill()
    await become(client, "talker", "BACKOFF")
    view = (await client.get("/api/agents/a")).json()
    assert (view["status"], view["cause"]) == ("offline", f"its process {pid} was ended by SIGKILL")


async def test_an_agent_that_said_goodbye_stays_stopped(
    client: httpx.AsyncClient, registry: Registry
) -> None:
    pid = await pid_of(client, "talker")
    beat(registry, "a", pid)
    beat(registry, "a", pid, status=Said.STOPPED, reason="done")
    psutil.Process(pid).kill()
    await become(client, "talker", "BACKOFF")
    assert (await client.get("/api/agents/a")).json()["status"] == "stopped"


async def test_who_started_and_stopped_a_process_stands_in_its_agents_history(
    client: httpx.AsyncClient, registry: Registry
) -> None:
    beat(registry, "a", await pid_of(client, "talker"))
    await act(client, "processes/talker/stop", {"reason": "too loud", "by": "ann"})
    await become(client, "talker", "STOPPED")
    await act(client, "processes/talker/start", {"reason": "mended", "by": "bob"})
    registry.fleet.take(a_beat("other"), source="")
    written = ("bob", "start of its process talker asked by bob: mended")
    rows = await wait_for(lambda: history(client, "a"), lambda rows: written in rows)
    assert ("ann", "stop of its process talker asked by ann: too loud") in rows


# -- force-stop of an agent


async def test_an_agent_that_was_started_here_is_killed_and_stays_so(
    client: httpx.AsyncClient, registry: Registry, file: Path
) -> None:
    define(file, keep=True, mule={"command": program(STUBBORN)})
    await client.get("/api/processes")
    pid = await pid_of(client, "mule")
    beat(registry, "a", pid)
    response = await act(client, "agents/a/force-stop")
    assert response.status_code == 200
    assert response.json()["killed"] is True
    assert str(pid) in response.json()["said"]
    view = await become(client, "mule", "STOPPED")
    assert (view["exitCode"], view["wanted"]) == (-9, "stopped")
    assert not is_alive(pid)
    assert (await client.get("/api/agents/a")).json()["status"] == "offline"


async def test_a_job_that_was_started_by_a_process_is_killed_alone(
    client: httpx.AsyncClient, registry: Registry, file: Path
) -> None:
    define(file, talker={"command": program(parent(RUN))})
    await act(client, "processes/talker/restart")
    child = await child_of(client, "talker")
    beat(registry, "job/1", child)
    response = await act(client, "agents/job%2F1/force-stop")
    assert response.json()["killed"] is True
    await until(lambda: not is_alive(child))
    assert (await shown(client, "talker"))["wanted"] == "running"
    view = (await client.get("/api/agents/job%2F1")).json()
    assert (view["status"], view["cause"]) == ("offline", f"process {child} was killed by ann: rollout")


async def test_a_process_that_was_not_started_here_is_never_killed(
    client: httpx.AsyncClient, registry: Registry
) -> None:
    other = await asyncio.create_subprocess_exec(*program(RUN), stdout=asyncio.subprocess.DEVNULL)
    ours = await pid_of(client, "talker")
    try:
        for agent_id, pid, host in (
            ("here", other.pid, HOST),
            ("elsewhere", ours, "another-host"),
            ("nowhere", ours, None),
            ("numberless", None, HOST),
        ):
            beat(registry, agent_id, pid, host=host)
            response = await act(client, f"agents/{agent_id}/force-stop")
            assert (response.status_code, response.json()["killed"]) == (200, False)
            assert "nothing was killed" in response.json()["said"]
            view = (await client.get(f"/api/agents/{agent_id}")).json()
            assert (view["status"], view["forced"]["by"]) == ("stopped", "ann")
        assert is_alive(other.pid)
        assert is_alive(ours)
    finally:
        other.kill()
        await other.wait()


async def test_an_unknown_agent_cannot_be_force_stopped(client: httpx.AsyncClient) -> None:
    assert code(await act(client, "agents/nobody/force-stop")) == (404, "unknown_agent")


# -- without


async def test_a_registry_that_starts_nothing_has_no_such_routes(start: Start, connect: Connect) -> None:
    client = connect(await start())
    assert (await client.get("/api/processes")).status_code == 404

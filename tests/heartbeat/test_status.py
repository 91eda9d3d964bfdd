"""The functions for any program, against a registry on this machine."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
import sys
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from heartbeat import (
    StatusError,
    loop_watch,
    mark_agent_started,
    mark_agent_stopped,
    report_error,
    report_warning,
    send_heartbeat,
    this_program,
    update_agent_status,
)
from heartbeat.this_program import ThisProgram
from tests.heartbeat.fakes import Registry, served
from wire import LINE_PATH, Beat, Deployment, Kind, Reply, Said

HOST = socket.gethostname()


@pytest.fixture(autouse=True)
def program(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> ThisProgram:
    """A fresh program, in a folder without settings, that was started as a script."""
    program = ThisProgram()
    monkeypatch.setattr("heartbeat.status.this_program", program)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["/opt/robots/invoices.py"])
    for name in (
        "AGENT_ID",
        "AGENT_NAME",
        "AGENT_HOST",
        "AGENT_PORT",
        "REGISTRY_TOKEN",
        "HEARTBEAT_INTERVAL",
    ):
        monkeypatch.delenv(name, raising=False)
    return program


@pytest_asyncio.fixture
async def registry(monkeypatch: pytest.MonkeyPatch, program: ThisProgram) -> AsyncIterator[Registry]:
    registry = Registry(reply=Reply(ttl=25, interval=60))
    async with served(registry) as url:
        monkeypatch.setenv("WEB_UI_URL", url)
        yield registry
        await program.stop_async("the test is over")


async def heard(registry: Registry, said: Said | None = None, **fields: object) -> Beat:
    """The first beat with these fields."""
    wanted = {**fields, **({} if said is None else {"status": said})}

    def matching() -> list[Beat]:
        return [
            beat
            for beat in registry.beats
            if all(getattr(beat, name) == value for name, value in wanted.items())
        ]

    await registry.until(lambda: bool(matching()))
    return matching()[0]


async def test_two_lines_are_enough(registry: Registry) -> None:
    assert mark_agent_started("Invoice Robot")
    beat = await heard(registry)
    assert (beat.agent_id, beat.name, beat.kind, beat.status) == (
        "invoice-robot",
        "Invoice Robot",
        Kind.PROGRAM,
        Said.RUNNING,
    )
    assert (beat.host, beat.process_id, beat.deployment) == (HOST, os.getpid(), Deployment.LOCAL)
    mark_agent_stopped("all invoices are sent")
    assert (await heard(registry, Said.STOPPED)).reason == "all invoices are sent"


async def test_everything_may_be_told(registry: Registry) -> None:
    mark_agent_started(
        name="Ada",
        agent_id="desk/1",
        description="Receptionist",
        model="m",
        voice="v",
        temperature=0.5,
        prompt="Be kind.\nBe short.",
        host="here",
        port=8080,
        status="starting",
    )
    beat = await heard(registry)
    assert (beat.agent_id, beat.description, beat.model, beat.voice) == ("desk/1", "Receptionist", "m", "v")
    assert (beat.temperature, beat.prompt, beat.host, beat.port) == (0.5, "Be kind.\nBe short.", "here", 8080)
    assert beat.status is Said.STARTING


@pytest.mark.parametrize(
    ("argv", "environment", "name", "seen"),
    [
        pytest.param("/opt/robots/invoices.py", {}, None, (f"invoices@{HOST}", "invoices"), id="a script"),
        pytest.param("/opt/robots/__main__.py", {}, None, (f"robots@{HOST}", "robots"), id="a module"),
        pytest.param("-c", {}, None, (f"python@{HOST}", "python"), id="a command"),
        pytest.param("x.py", {"AGENT_HOST": "h"}, None, ("x@h", "x"), id="another host"),
        pytest.param("x.py", {"AGENT_NAME": "My Ada"}, None, ("my-ada", "My Ada"), id="AGENT_NAME"),
        pytest.param("x.py", {"AGENT_ID": "a1"}, "My Ada", ("a1", "My Ada"), id="AGENT_ID"),
        pytest.param("x.py", {}, "Зоя №1", ("зоя-1", "Зоя №1"), id="another script"),
        pytest.param("x.py", {}, "!!!", (f"x@{HOST}", "!!!"), id="a name without letters"),
    ],
)
async def test_who_it_is(
    registry: Registry,
    monkeypatch: pytest.MonkeyPatch,
    *,
    argv: str,
    environment: dict[str, str],
    name: str | None,
    seen: tuple[str, str],
) -> None:
    monkeypatch.setattr(sys, "argv", [argv])
    for key, value in environment.items():
        monkeypatch.setenv(key, value)
    mark_agent_started(name)
    beat = await heard(registry)
    assert (beat.agent_id, beat.name) == seen


async def test_starting_again_changes_what_is_given(registry: Registry) -> None:
    assert mark_agent_started("Ada", model="old")
    await heard(registry, model="old")
    assert not mark_agent_started(model="new")
    beat = await heard(registry, model="new")
    assert (beat.agent_id, beat.name) == ("ada", "Ada")
    assert len({beat.incarnation for beat in registry.beats}) == 1


async def test_starting_as_another_ends_the_first(registry: Registry) -> None:
    mark_agent_started("Ada")
    await heard(registry)
    mark_agent_started("Bob", agent_id="bob")
    await heard(registry, agent_id="bob")
    goodbye = await heard(registry, Said.STOPPED)
    assert (goodbye.agent_id, goodbye.reason) == ("ada", "the program goes on as bob")


async def test_a_stopped_agent_may_be_started_as_a_new_life(registry: Registry) -> None:
    for _ in range(2):
        mark_agent_started("Ada")
        await heard(registry, Said.RUNNING)
        mark_agent_stopped()
        mark_agent_stopped()
        await heard(registry, Said.STOPPED)
    await registry.until(lambda: [beat.status for beat in registry.beats].count(Said.STOPPED) == 2)
    assert len({beat.incarnation for beat in registry.beats}) == 2


async def test_status_errors_and_warnings_are_told_at_once(registry: Registry) -> None:
    mark_agent_started("Ada")
    await heard(registry, Said.RUNNING)
    update_agent_status("warning", "the queue is long", hints={"1,000 wait": 20})
    beat = await heard(registry, Said.WARNING)
    assert (beat.reason, beat.hints[0].text, beat.hints[0].points) == ("the queue is long", "1,000 wait", 20)
    report_warning("the disk is full", points=30)
    report_error(ValueError("token=abc is wrong"))
    beat = await heard(registry, last_error="ValueError: token=*** is wrong")
    assert [hint.text for hint in beat.hints][:2] == ["1,000 wait", "the disk is full"]
    report_error("it is over", fatal=True)
    assert (await heard(registry, Said.ERROR)).reason == "it is over"
    update_agent_status(Said.RUNNING)
    beat = await heard(registry, Said.RUNNING, last_error="it is over")
    assert beat.hints == ()
    update_agent_status("stopped", "bye")
    assert (await heard(registry, Said.STOPPED)).reason == "bye"


async def test_a_heartbeat_says_that_something_was_done(registry: Registry) -> None:
    mark_agent_started("Ada")
    assert (await heard(registry)).idle is None
    send_heartbeat()
    await registry.until(lambda: len(registry.beats) == 2)
    assert (registry.beats[1].idle or 0.0) < 1.0


async def test_the_loop_it_is_called_on_is_watched(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop_watch, "PROBE_INTERVAL", 0.02)
    await asyncio.to_thread(mark_agent_started, "Ada")
    await heard(registry, loop_lag=None)
    send_heartbeat()
    await asyncio.sleep(0)
    async with asyncio.timeout(3):
        while registry.beats[-1].loop_lag is None:
            send_heartbeat()
            await asyncio.sleep(0.05)


async def test_on_a_loop_the_goodbye_does_not_wait(registry: Registry) -> None:
    registry.is_hung = True
    mark_agent_started("Ada")
    await registry.until(lambda: not registry.beats)
    began_at = asyncio.get_running_loop().time()
    mark_agent_stopped()
    assert asyncio.get_running_loop().time() - began_at < 0.1


async def test_without_a_loop_the_goodbye_is_waited_for(registry: Registry) -> None:
    mark_agent_started("Ada")
    await heard(registry)
    await asyncio.to_thread(mark_agent_stopped, "done")
    assert registry.beats[-1].status is Said.STOPPED


async def test_a_stop_from_the_registry_is_a_signal(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    killed: list[tuple[int, int]] = []
    monkeypatch.setattr(os, "kill", lambda pid, number: killed.append((pid, number)))
    registry.reply = Reply(ttl=25, interval=60, line=LINE_PATH)
    mark_agent_started("Ada")
    await registry.until(lambda: bool(registry.lines))
    registry.lines[0].order("stop")
    await registry.until(lambda: bool(registry.outcomes))
    assert registry.outcomes[0].ok
    async with asyncio.timeout(2):
        while not killed:  # noqa: ASYNC110  # of another thread
            await asyncio.sleep(0.01)
    assert killed == [(os.getpid(), signal.SIGTERM)]


async def test_a_program_may_stop_and_drain_in_its_own_way(registry: Registry) -> None:
    registry.reply = Reply(ttl=25, interval=60, line=LINE_PATH)
    asked: list[str] = []
    mark_agent_started("Ada", on_stop=asked.append, on_drain=asked.append)
    await registry.until(lambda: bool(registry.lines))
    registry.lines[0].order("stop", "1", reason="enough")
    await registry.until(lambda: len(registry.outcomes) == 1)
    registry.lines[0].order("drain", "2", reason="slowly")
    await registry.until(lambda: len(registry.outcomes) == 2)
    assert asked == ["enough", "slowly"]


async def test_a_drain_that_nobody_handles_is_not_supported(registry: Registry) -> None:
    registry.reply = Reply(ttl=25, interval=60, line=LINE_PATH)
    mark_agent_started("Ada")
    await registry.until(lambda: bool(registry.lines))
    registry.lines[0].order("drain")
    await registry.until(lambda: bool(registry.outcomes))
    assert not registry.outcomes[0].ok
    assert "not supported" in registry.outcomes[0].detail


def test_before_the_start_one_line_says_that_nothing_is_told(caplog: pytest.LogCaptureFixture) -> None:
    update_agent_status("running")
    send_heartbeat()
    report_error("x")
    report_warning("y")
    mark_agent_stopped()
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    assert "update_agent_status() before mark_agent_started()" in caplog.text


def test_without_registry_nothing_happens(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("WEB_UI_URL", "")
    handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)}
    assert mark_agent_started("Ada")
    update_agent_status("warning", "x")
    send_heartbeat()
    report_error("x")
    assert not [thread for thread in threading.enumerate() if thread.name == "roomkeeper-heartbeat"]
    assert {number: signal.getsignal(number) for number in handlers} == handlers
    mark_agent_stopped()
    assert not caplog.records


@pytest.mark.parametrize(
    "call",
    [
        pytest.param(lambda: mark_agent_started(7), id="name"),  # type: ignore[arg-type]
        pytest.param(lambda: mark_agent_started(temperature="x"), id="temperature"),  # type: ignore[arg-type]
        pytest.param(lambda: mark_agent_started(status="lost"), id="status"),
        pytest.param(lambda: mark_agent_started(on_stop="x"), id="on_stop"),  # type: ignore[arg-type]
        pytest.param(lambda: mark_agent_stopped(7), id="reason"),  # type: ignore[arg-type]
        pytest.param(lambda: update_agent_status("offline"), id="a status of the registry's own"),
        pytest.param(lambda: report_error(""), id="an error without words"),
        pytest.param(lambda: report_error(7), id="no error"),  # type: ignore[arg-type]
        pytest.param(lambda: report_warning("x", points=-1), id="points"),
    ],
)
def test_wrong_arguments_are_named(call: object) -> None:
    assert callable(call)
    with pytest.raises(StatusError):
        call()


def test_a_wrong_setting_stops_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEARTBEAT_INTERVAL", "often")
    with pytest.raises(StatusError, match="HEARTBEAT_INTERVAL='often'"):
        mark_agent_started("Ada")


def test_the_module_has_one_program() -> None:
    assert isinstance(this_program.this_program, ThisProgram)

"""How programs end, seen from the registry and from their parent."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import pytest_asyncio

from tests.heartbeat.fakes import Registry, served
from wire import LINE_PATH, Beat, Reply, Said

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def programs() -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        [sys.executable, "-m", "tests.heartbeat.programs"],
        cwd=ROOT,
        # CPython 3.12 warns of forks beside threads. Some of these programs do just that.
        env={"PATH": os.environ["PATH"], "PYTHONWARNINGS": "ignore:This process:DeprecationWarning"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        yield process
        process.kill()


@dataclass
class Runs:
    """Runs one program, and sees its beats."""

    programs: subprocess.Popen[str]
    url: str
    registry: Registry = field(default_factory=lambda: Registry(reply=Reply(ttl=25, interval=60)))

    def start(self, name: str) -> asyncio.Task[dict[str, object]]:
        """The result tells the program's exit code, and what it wrote to stderr."""
        assert self.programs.stdin is not None
        self.programs.stdin.write(f"{name} {self.url}\n")
        self.programs.stdin.flush()
        return asyncio.create_task(asyncio.to_thread(self._result))

    async def signalled(self, name: str, number: signal.Signals) -> dict[str, object]:
        """Start a program, and signal it as soon as it is heard."""
        ended = self.start(name)
        await self.registry.until(lambda: bool(self.registry.beats))
        self.signal(number)
        return await ended

    def signal(self, number: signal.Signals) -> None:
        pid = self.registry.beats[0].process_id
        assert pid is not None
        os.kill(pid, number)

    @property
    def goodbyes(self) -> list[Beat]:
        return [beat for beat in self.registry.beats if beat.status is Said.STOPPED]

    @property
    def reasons(self) -> list[str | None]:
        return [beat.reason for beat in self.goodbyes]

    def _result(self) -> dict[str, object]:
        assert self.programs.stdout is not None
        result: dict[str, object] = json.loads(self.programs.stdout.readline())
        return result


@pytest_asyncio.fixture
async def runs(programs: subprocess.Popen[str]) -> AsyncIterator[Runs]:
    registry = Registry(reply=Reply(ttl=25, interval=60))
    async with served(registry) as url:
        yield Runs(programs=programs, url=url, registry=registry)


async def test_the_end_of_a_program_is_noticed(runs: Runs) -> None:
    assert await runs.start("returns") == {"code": 0, "stderr": ""}
    assert runs.reasons == ["the program ended"]


async def test_an_error_is_the_reason(runs: Runs) -> None:
    result = await runs.start("fails")
    assert result["code"] == 1
    assert str(result["stderr"]).endswith("ValueError: boom\n")
    assert runs.reasons == ["ended by ValueError: boom"]


async def test_the_exit_code_stays(runs: Runs) -> None:
    assert await runs.start("exits") == {"code": 3, "stderr": ""}
    assert runs.reasons == ["the program ended"]


async def test_the_decorator_tells_the_error_and_lets_it_pass(runs: Runs) -> None:
    result = await runs.start("decorated")
    assert result["code"] == 1
    (goodbye,) = runs.goodbyes
    assert (goodbye.reason, goodbye.last_error) == ("ended by ValueError: boom", "ValueError: boom")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
async def test_a_signal_that_kills_kills_after_the_goodbye(runs: Runs, number: signal.Signals) -> None:
    assert await runs.signalled("waits", number) == {"code": -number, "stderr": ""}
    assert runs.reasons == [f"ended by {number.name}"]


async def test_ctrl_c_ends_as_without_us(runs: Runs) -> None:
    result = await runs.signalled("waits", signal.SIGINT)
    assert result["code"] == -signal.SIGINT
    assert str(result["stderr"]).endswith("KeyboardInterrupt\n")
    assert runs.reasons == ["ended by KeyboardInterrupt"]


async def test_ctrl_c_is_asyncios(runs: Runs) -> None:
    assert await runs.signalled("uses_asyncio_and_ctrl_c", signal.SIGINT) == {"code": 8, "stderr": ""}
    assert runs.reasons == ["the program ended"]


@pytest.mark.parametrize(
    ("name", "code", "reason"),
    [
        ("ends_itself_when_asked", 5, "ended after SIGTERM"),
        ("ends_itself_when_asked_later", 6, "the program ended"),
        ("uses_asyncio", 7, "ended after SIGTERM"),
    ],
)
async def test_what_the_program_does_with_a_signal_is_done(
    runs: Runs, name: str, code: int, reason: str
) -> None:
    assert await runs.signalled(name, signal.SIGTERM) == {"code": code, "stderr": ""}
    assert runs.reasons == [reason]


async def test_a_program_that_goes_on_says_no_goodbye(runs: Runs) -> None:
    ended = runs.start("reads_its_settings_again")
    await runs.registry.until(lambda: bool(runs.registry.beats))
    runs.signal(signal.SIGHUP)
    await runs.registry.until(lambda: len(runs.registry.beats) == 2)
    assert runs.goodbyes == []
    runs.signal(signal.SIGTERM)
    assert await ended == {"code": -signal.SIGTERM, "stderr": ""}


async def test_a_signal_that_is_ignored_stays_ignored(runs: Runs) -> None:
    ended = runs.start("ignores_the_end_of_its_terminal")
    await runs.registry.until(lambda: bool(runs.registry.beats))
    runs.signal(signal.SIGHUP)
    runs.signal(signal.SIGTERM)
    assert await ended == {"code": -signal.SIGTERM, "stderr": ""}
    assert runs.reasons == ["ended by SIGTERM"]


async def test_a_stopped_agent_leaves_signals_as_they_were(runs: Runs) -> None:
    assert await runs.signalled("stopped", signal.SIGTERM) == {"code": -signal.SIGTERM, "stderr": ""}
    assert runs.reasons == ["by itself"]


async def test_a_forked_child_is_another_agent(runs: Runs) -> None:
    assert await runs.start("forks") == {"code": 0, "stderr": ""}
    by_pid = {(beat.agent_id, beat.process_id) for beat in runs.registry.beats}
    assert {name for name, _ in by_pid} == {"parent", "child"}
    assert len(by_pid) == len({beat.incarnation for beat in runs.registry.beats}) == 2
    assert sorted(beat.agent_id for beat in runs.goodbyes) == ["child", "parent"]


async def test_a_forked_child_says_nothing_for_its_parent(runs: Runs) -> None:
    runs.registry.reply = Reply(ttl=25, interval=60, line=LINE_PATH)
    assert await runs.start("forks_and_says_nothing") == {"code": 0, "stderr": ""}
    assert len({beat.process_id for beat in runs.registry.beats}) == 1
    assert runs.registry.beats[-1] == runs.goodbyes[0]
    assert len(runs.goodbyes) == len(runs.registry.lines) == 1


async def test_a_killed_programs_line_breaks_though_its_child_lives(runs: Runs) -> None:
    runs.registry.reply = Reply(ttl=25, interval=60, line=LINE_PATH)
    ended = runs.start("leaves_an_orphan")
    await runs.registry.until(lambda: len(runs.registry.beats) == 3)
    runs.signal(signal.SIGKILL)
    assert (await ended)["code"] == -signal.SIGKILL
    await runs.registry.until(lambda: runs.registry.lines[0].is_over, limit=0.5)
    assert runs.goodbyes == []


async def test_nothing_is_imported_beside_the_program(runs: Runs) -> None:
    """A child that is forked during an import has half of a module, for good."""
    assert await runs.start("tells_what_it_imports") == {"code": 0, "stderr": ""}
    assert runs.reasons == ["by itself"]


async def test_a_process_of_multiprocessing_says_goodbye(runs: Runs) -> None:
    assert await runs.start("has_children") == {"code": 0, "stderr": ""}
    assert sorted((beat.agent_id, beat.reason) for beat in runs.goodbyes) == [
        ("child", "the program ended"),
        ("parent", "the program ended"),
    ]

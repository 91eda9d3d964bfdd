"""Running a command, and watching its agents."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Sequence

import pytest

from cli.client import Query
from cli.errors import CommandError
from cli.following import News
from cli.trial import Family, Trial
from stack.until import until
from tests.cli.fakes import HOST, FakeRegistry, an_agent

PARENT = """
import subprocess, sys
child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
print(child.pid, flush=True)
input()
child.communicate()
"""
STUBBORN = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(1, flush=True); time.sleep(60)"
)


@pytest.fixture(autouse=True)
def _short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cli.trial.SETTLE_TIME", 0.01)
    monkeypatch.setattr("cli.trial._STOP_TIMEOUT", 0.3)


async def tried(
    registry: FakeRegistry, command: Sequence[str], *, duration: float
) -> tuple[Trial, list[News]]:
    news: list[News] = []
    async with registry.client() as client:
        trial = Trial(client=client, query=Query(), tell=news.append, command=command, duration=duration)
        await trial.run()
    return trial, news


async def test_a_command_that_ends_ends_the_watch(registry: FakeRegistry) -> None:
    trial, news = await tried(registry, [sys.executable, "-c", "raise SystemExit(3)"], duration=60)
    assert trial.exit_code == 3
    assert len(news) == 1


async def test_a_command_that_goes_on_is_stopped(registry: FakeRegistry) -> None:
    trial, _ = await tried(registry, [sys.executable, "-c", "import time; time.sleep(60)"], duration=0.1)
    assert trial.exit_code is None


async def test_a_command_that_does_not_stop_is_killed(registry: FakeRegistry) -> None:
    trial, _ = await tried(registry, [sys.executable, "-c", STUBBORN], duration=0.4)
    assert trial.exit_code is None


async def test_a_command_that_is_none(registry: FakeRegistry) -> None:
    with pytest.raises(CommandError, match="'/no/such/thing' cannot be run: No such file"):
        await tried(registry, ["/no/such/thing"], duration=1)


async def test_a_cancelled_watch_stops_its_command(registry: FakeRegistry) -> None:
    async with registry.client() as client:
        trial = Trial(
            client=client,
            query=Query(),
            tell=lambda _: None,
            command=[sys.executable, "-c", "input()"],
            duration=60,
        )
        task = asyncio.create_task(trial.run())
        await until(lambda: trial.family is not None, timeout=20, what="the command")
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


@pytest.mark.looptime
async def test_without_a_command_it_takes_the_time_it_was_given(
    registry: FakeRegistry, looptime: float
) -> None:
    await tried(registry, [], duration=60)
    assert looptime == 60


def test_a_family_is_a_process_and_what_came_from_it() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", PARENT], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        child = int(process.stdout.readline())
        family = Family(process.pid)
        trial = Trial(
            client=FakeRegistry().client(), query=Query(), tell=lambda _: None, command=[], duration=1
        )
        assert not trial.is_of_command(an_agent(processId=child), HOST)
        trial.family = family
        assert trial.is_of_command(an_agent(processId=child), HOST)
        assert not trial.is_of_command(an_agent(processId=child), "elsewhere")
        assert not trial.is_of_command(an_agent(processId=None), HOST)
        assert not family.holds(1)
        process.communicate(b"\n")
    assert family.holds(child)
    family.look()
    assert Family(process.pid).holds(process.pid)

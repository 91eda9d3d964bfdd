"""One run of a real process, on both event loops that a registry may have."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
import uvloop

from processes import StartError
from processes.child import start_child
from processes.output import Output
from tests.processes.conftest import is_alive
from tests.processes.programs import RUN, STUBBORN, parent, program

LOOPS = pytest.mark.parametrize(
    "new_loop", [asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"]
)

NewLoop = Callable[[], asyncio.AbstractEventLoop]


async def run_to_end(command: list[str]) -> tuple[int | None, list[str]]:
    """Its exit code and all that it wrote."""
    output, over = Output(), asyncio.Event()
    child = await start_child(
        command, folder=Path("/"), environment=os.environ, output=output, exited=over.set
    )
    assert child.exit_code is None
    await over.wait()
    await child.end_leftovers(is_hurried=lambda: False)
    await child.close()
    await child.close()
    output.end_line()
    return child.exit_code, output.last(500)


def play(new_loop: NewLoop, command: list[str]) -> tuple[int | None, list[str]]:
    with asyncio.Runner(loop_factory=new_loop) as runner:
        return runner.run(run_to_end(command))


@LOOPS
def test_what_it_writes_is_read_to_the_end(new_loop: NewLoop) -> None:
    text = "import sys\nfor n in range(50_000): print(n)\nprint('end', end='', file=sys.stderr)\nsys.exit(3)"
    code, lines = play(new_loop, program(text))
    assert code == 3
    assert "49999" in lines
    assert "end" in lines


@LOOPS
def test_it_takes_signals_as_usual_whatever_the_registry_ignores(new_loop: NewLoop) -> None:
    text = (
        "import signal\n"
        "print([signal.getsignal(n) == signal.SIG_DFL for n in (1, 15)], signal.pthread_sigmask(0, ()))"
    )
    before = signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])
    try:
        _, lines = play(new_loop, program(text))
    finally:
        signal.signal(signal.SIGTERM, before)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGUSR1])
    assert lines == ["[True, True] set()"]


@LOOPS
def test_who_keeps_its_output_open_does_not_keep_us(new_loop: NewLoop) -> None:
    runaway = f"import subprocess\nprint(subprocess.Popen({program(RUN)!r}, start_new_session=True).pid)"
    code, lines = play(new_loop, program(runaway))
    assert code == 0
    (pid,) = [int(line) for line in lines if line.isdigit()]
    assert is_alive(pid)  # it has left the session on purpose, and nothing is known of it
    psutil.Process(pid).kill()


@LOOPS
def test_what_the_system_refuses_is_told(new_loop: NewLoop) -> None:
    with pytest.raises(StartError, match=r"/etc/passwd cannot be started: Permission denied; mend command"):
        play(new_loop, ["/etc/passwd"])


class Counted(Output):
    """Counts the bytes that it gets."""

    n_bytes = 0

    def feed(self, data: bytes) -> None:
        self.n_bytes += len(data)
        super().feed(data)


@LOOPS
def test_no_more_is_read_of_a_process_than_the_registry_can_bear(new_loop: NewLoop) -> None:
    async def watch() -> int:
        output, over = Counted(), asyncio.Event()
        child = await start_child(
            program("import os\nwhile True: os.write(1, b'x' * 65_536)"),
            folder=Path("/"),
            environment=os.environ,
            output=output,
            exited=over.set,
        )
        await asyncio.sleep(0.5)  # what comes in that time is asked for
        n_bytes = output.n_bytes
        child.kill()
        await over.wait()
        await child.close()
        return n_bytes

    with asyncio.Runner(loop_factory=new_loop) as runner:
        assert 0 < runner.run(watch()) < 10_000_000


REGISTRY = """
import asyncio, os, signal, sys
from datetime import UTC, datetime
from pathlib import Path
from processes import Supervisor
from tests.processes.fakes import MemoryWishes

async def main():
    supervisor = Supervisor(
        Path(sys.argv[1]), wishes=MemoryWishes(), environment=os.environ, utc=lambda: datetime.now(UTC)
    )
    await supervisor.open()
    async with asyncio.timeout(20):
        while not any(line.isdigit() for line in supervisor.lines("a", 500)):
            await asyncio.sleep(0.01)
        print(supervisor.snapshot("a").pid, flush=True)
        await asyncio.sleep(60)

signal.signal(signal.SIGTERM, signal.SIG_IGN)
if sys.argv[2] == "uvloop":
    import uvloop
    asyncio.Runner(loop_factory=uvloop.new_event_loop).run(main())
else:
    asyncio.run(main())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells children of their parent's death")
@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
def test_a_registry_that_is_killed_takes_its_processes_along(tmp_path: Path, loop: str) -> None:
    file = tmp_path / "agents.toml"
    text = "import os, time\nprint(os.getpid(), flush=True)\ntime.sleep(60)"
    file.write_text(f"[agents.a]\ncommand = {json.dumps(program(text))}\n")
    registry = subprocess.Popen(
        [sys.executable, "-c", REGISTRY, str(file), loop], stdout=subprocess.PIPE, text=True
    )
    assert registry.stdout is not None
    pid = int(registry.stdout.readline())
    assert is_alive(pid)
    registry.send_signal(signal.SIGKILL)
    registry.wait()
    registry.stdout.close()
    deadline = time.monotonic() + 20
    while (is_left := is_alive(pid)) and time.monotonic() < deadline:
        time.sleep(0.01)
    if is_left:
        psutil.Process(pid).kill()
    assert not is_left


@LOOPS
def test_leftovers_are_asked_first(new_loop: NewLoop) -> None:
    code, lines = play(new_loop, program(parent(RUN, ends_with=0)))
    assert code == 0
    assert not is_alive(int(next(line for line in lines if line.isdigit())))


@LOOPS
@pytest.mark.parametrize(
    ("leftover", "is_hurried", "expected"),
    [
        pytest.param("", False, [signal.SIGTERM], id="nothing is left"),
        pytest.param("", True, [signal.SIGTERM], id="nothing is left, and there is no time"),
        pytest.param(RUN, False, [signal.SIGTERM], id="one that ends when asked"),
        pytest.param(
            STUBBORN, True, [signal.SIGTERM, signal.SIGKILL], id="one that does not, and there is no time"
        ),
    ],
)
def test_a_group_is_killed_only_while_it_is_there(
    new_loop: NewLoop,
    leftover: str,
    is_hurried: bool,
    expected: list[signal.Signals],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The number of a group that is gone may be a stranger's."""
    sent: list[int] = []
    killpg = os.killpg

    def listen(group: int, number: int) -> None:
        if number:  # 0 only asks
            sent.append(number)
        killpg(group, number)

    monkeypatch.setattr(os, "killpg", listen)

    async def end() -> None:
        over = asyncio.Event()
        child = await start_child(
            program(parent(leftover, ends_with=0) if leftover else "pass"),
            folder=Path("/"),
            environment=os.environ,
            output=Output(),
            exited=over.set,
        )
        await over.wait()
        await child.end_leftovers(is_hurried=lambda: is_hurried)
        await child.close()

    with asyncio.Runner(loop_factory=new_loop) as runner:
        runner.run(end())
    assert sent == expected

"""Real processes: small Python programs."""

from __future__ import annotations

import signal
import sys
from pathlib import Path

import psutil
import pytest

from stack.children import Child
from stack.errors import LateError, StackError
from stack.until import until

STUBBORN = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up'); time.sleep(60)"
POLITE = """
import signal, sys, time
signal.signal(signal.SIGTERM, lambda *_: sys.exit(3))
print('up')
time.sleep(60)
"""
PARENT = """
import subprocess, sys, time
child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])
print('up', child.pid)
time.sleep(60)
"""


def program(text: str, folder: Path) -> Child:
    return Child([sys.executable, "-u", "-c", text], name="program", log=folder / "log")


async def up(child: Child) -> None:
    await child.ready(lambda: "up" in child.log_text(), timeout=20)


async def test_one_that_dies_before_it_is_ready_shows_its_log(tmp_path: Path) -> None:
    child = program("import sys; print('no port left'); sys.exit(4)", tmp_path)
    child.start()
    with pytest.raises(StackError, match="ended with code 4 before it was ready") as caught:
        await child.ready(lambda: False, timeout=20)
    assert "| no port left" in str(caught.value)
    assert str(tmp_path / "log") in str(caught.value)


async def test_one_that_is_never_ready_shows_its_log(tmp_path: Path) -> None:
    async with program("import time; print('thinking'); time.sleep(60)", tmp_path) as child:
        await until(lambda: "thinking" in child.log_text(), timeout=20, what="its line")
        with pytest.raises(StackError, match=r"waited 0\.1 s for program to be ready") as caught:
            await child.ready(lambda: False, timeout=0.1)
    assert "| thinking" in str(caught.value)


async def test_a_program_that_does_not_exist(tmp_path: Path) -> None:
    child = Child([str(tmp_path / "nothing")], name="nothing", log=tmp_path / "log")
    with pytest.raises(StackError, match="nothing cannot be started"):
        child.start()


async def test_stop_is_polite(tmp_path: Path) -> None:
    child = program(POLITE, tmp_path)
    child.start()
    await up(child)
    assert await child.stop() == 3
    assert child.left_behind == []


async def test_stop_kills_at_the_limit(tmp_path: Path) -> None:
    child = program(STUBBORN, tmp_path)
    child.start()
    await up(child)
    assert await child.stop(timeout=0.1) == -signal.SIGKILL


async def test_stop_ends_the_group_and_tells_who_was_left(tmp_path: Path) -> None:
    child = program(PARENT, tmp_path)
    child.start()
    await up(child)
    grandchild = int(child.log_text().split()[1])
    await child.stop()
    assert [entry.split()[0] for entry in child.left_behind] == [str(grandchild)]
    await until(lambda: not lives(grandchild), timeout=20, what="the grandchild to end")


async def test_kill_ends_the_group(tmp_path: Path) -> None:
    child = program(PARENT, tmp_path)
    child.start()
    await up(child)
    grandchild = int(child.log_text().split()[1])
    child.kill()
    assert child.exit_code == -signal.SIGKILL
    await until(lambda: not lives(grandchild), timeout=20, what="the grandchild to end")


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child that its parent died")
async def test_it_dies_with_its_parent(tmp_path: Path) -> None:
    parent = program(
        "import sys, time\n"
        "from pathlib import Path\n"
        "from stack.children import Child\n"
        f"log = Path({str(tmp_path / 'inner')!r})\n"
        "child = Child([sys.executable, '-c', 'import time; time.sleep(60)'], name='inner', log=log)\n"
        "child.start()\n"
        "print('up', child.pid)\n"
        "time.sleep(60)\n",
        tmp_path,
    )
    parent.start()
    await up(parent)
    inner = int(parent.log_text().split()[1])
    assert lives(inner)
    parent.kill()
    await until(lambda: not lives(inner), timeout=20, what="the inner process to end")


async def test_stop_may_be_called_twice_and_before_start(tmp_path: Path) -> None:
    child = program(POLITE, tmp_path)
    assert await child.stop() is None
    child.kill()
    child.start()
    await up(child)
    await child.stop()
    assert await child.stop() == 3


async def test_a_second_start_has_a_log_of_its_own(tmp_path: Path) -> None:
    child = program("import sys; print('up'); sys.exit(1)", tmp_path)
    for _ in range(2):
        child.start()
        await child.wait(timeout=20)
        assert child.log_text() == "up\n"
    assert (tmp_path / "log").read_text() == "up\nup\n"


async def test_waiting_for_one_that_goes_on_is_late(tmp_path: Path) -> None:
    async with program("import time; time.sleep(60)", tmp_path) as child:
        with pytest.raises(LateError):
            await child.wait(timeout=0)


def lives(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False

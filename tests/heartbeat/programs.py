"""Programs that beat and end in many ways: ``python -m tests.heartbeat.programs``.

Reads lines like ``returns http://127.0.0.1:1234`` and runs each such program in a forked process of its own, which ends
like any Python program. Answers with a line of JSON: ``{"code": …, "stderr": …}``, where the code is negative for a
signal, as subprocess has it.
"""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import os
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from heartbeat import mark_agent_started, mark_agent_stopped, running_agent, send_heartbeat

LIFE = 15.0
"""Seconds after which a program ends that was not ended."""


def live() -> None:
    time.sleep(LIFE)


def returns() -> None:
    mark_agent_started("Ada")


def fails() -> None:
    mark_agent_started("Ada")
    raise ValueError("boom")


def exits() -> None:
    mark_agent_started("Ada")
    sys.exit(3)


def waits() -> None:
    mark_agent_started("Ada")
    live()


def ends_itself_when_asked() -> None:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(5))
    mark_agent_started("Ada")
    live()


def ends_itself_when_asked_later() -> None:
    mark_agent_started("Ada")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(6))
    send_heartbeat()
    live()


def reads_its_settings_again() -> None:
    signal.signal(signal.SIGHUP, lambda *_: send_heartbeat())
    mark_agent_started("Ada")
    live()


def ignores_the_end_of_its_terminal() -> None:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    mark_agent_started("Ada")
    live()


def uses_asyncio() -> None:
    async def main() -> None:
        asked = asyncio.Event()
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, asked.set)
        mark_agent_started("Ada")
        await asyncio.wait_for(asked.wait(), LIFE)
        await asyncio.sleep(0)
        sys.exit(7)

    asyncio.run(main())


def uses_asyncio_and_ctrl_c() -> None:
    async def main() -> None:
        mark_agent_started("Ada")
        try:
            await asyncio.sleep(LIFE)
        except asyncio.CancelledError:
            sys.exit(8)  # asyncio cancels the main task at Ctrl-C, unless somebody else has taken the signal

    asyncio.run(main())


def decorated() -> None:
    @running_agent("Ada")
    def main() -> None:
        raise ValueError("boom")

    main()


def stopped() -> None:
    mark_agent_started("Ada")
    mark_agent_stopped("by itself")
    live()


def forks() -> None:
    mark_agent_started("Parent")
    time.sleep(0.3)
    if os.fork() == 0:
        mark_agent_started("Child")
        return
    os.wait()


def forks_and_says_nothing() -> None:
    mark_agent_started("Parent")
    time.sleep(0.3)
    if os.fork() == 0:
        return
    os.wait()
    time.sleep(0.3)


def leaves_an_orphan() -> None:
    mark_agent_started("Ada")
    time.sleep(0.5)
    if os.fork() == 0:
        time.sleep(2)
        return
    send_heartbeat()
    live()


def tells_what_it_imports() -> None:
    before = set(sys.modules)
    mark_agent_started("Ada")
    mark_agent_stopped("by itself")
    sys.stderr.write(" ".join(sorted(set(sys.modules) - before)))


def has_children() -> None:
    mark_agent_started("Parent")
    context = multiprocessing.get_context("fork")
    child = context.Process(target=mark_agent_started, args=("Child",))
    child.start()
    child.join()


PROGRAMS: dict[str, Callable[[], None]] = {
    program.__name__: program
    for program in (
        returns, fails, exits, waits, ends_itself_when_asked, ends_itself_when_asked_later,
        reads_its_settings_again, ignores_the_end_of_its_terminal, uses_asyncio, uses_asyncio_and_ctrl_c,
        decorated, stopped, forks, forks_and_says_nothing, leaves_an_orphan,
        tells_what_it_imports, has_children,
    )
}  # fmt: skip


def run_one(line: str) -> bool:
    """Run a program; True in the process that is the program, whose end is to be the program's."""
    name, url = line.split()
    with tempfile.TemporaryFile() as said:
        pid = os.fork()
        if pid == 0:
            os.dup2(said.fileno(), sys.stderr.fileno())
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            os.environ["WEB_UI_URL"] = url
            signal.signal(signal.SIGHUP, signal.SIG_DFL)  # nohup, before the tests, has it ignored
            PROGRAMS[name]()
            return True
        _, status = os.waitpid(pid, 0)
        said.seek(0)
        result = {"code": os.waitstatus_to_exitcode(status), "stderr": said.read().decode()}
    sys.stdout.write(json.dumps(result) + "\n")
    sys.stdout.flush()
    return False


if __name__ == "__main__":
    os.chdir(Path(tempfile.gettempdir()))
    for request in sys.stdin:
        if run_one(request):
            break

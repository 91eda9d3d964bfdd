"""A worker of ours, or the benchmarks' peer, as a child process: its jobs, its log, its end."""

from __future__ import annotations

import json
import re
import signal
import sys
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psutil

from stack.address import Address
from stack.children import Child
from stack.errors import LateError, StackError
from stack.lifetime import Lifetime
from stack.until import until

CHECKOUT = Path(__file__).resolve().parent.parent

START = (sys.executable, "agent.py", "start")
DEV = (sys.executable, "agent.py", "dev")
DISCOVERED = (sys.executable, "-m", "livekit.agents", "start", "agent.py")
"""As `lk agent start` runs it: the module is imported, its `__main__` block is not."""
PEER = (sys.executable, "bench/plain_agent.py", "start")

_READY_TIMEOUT = 120.0
"""Seconds until it is registered; imports alone take 3 on a busy machine."""

_HURRY_AFTER = 1.0
"""Seconds in which a worker without calls has ended."""

_NO_KEYS = {
    # Empty and not absent, or a developer's `.env` would send a test's audio to a provider.
    "OPENAI_API_KEY": "",
    "OPENAI_BASE_URL": "",
    "DEEPGRAM_API_KEY": "",
    "DEEPGRAM_BASE_URL": "",
    "TTS_PROVIDER": "",
    # Nor are the language models that happen to run here.
    "AGENT_AUTO_DISCOVERY": "false",
    "LLM_URLS": "",
    "USE_CLOUD_LLM": "",
    "LLM_CONTAINER_NAME": "",
    "AGENT_BACKEND_URL": "",
    # A developer's own registry is not for our workers.
    "WEB_UI_URL": "",
    # A name would switch automatic dispatch off.
    "LIVEKIT_AGENT_NAME": "",
}
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")


class Worker(Lifetime):
    """One worker process, as a context manager. It uses the models of this machine and no keys.

    Args:
        address: LiveKit.
        models_url: The local models.
        command: `START`, `DEV`, `DISCOVERED`, `PEER`, or any other.
        env: More variables, like GRACE_PERIOD; "" = unset, whatever a `.env` file says.
        folder: For its log and its state; None = a temporary one that goes away with it.
        cwd: Working folder, where its `.env` files are; `command` is relative to it.
        echo: Print its log.
    """

    def __init__(
        self,
        address: Address,
        *,
        models_url: str,
        command: Sequence[str] = START,
        env: Mapping[str, str] | None = None,
        folder: Path | None = None,
        cwd: Path = CHECKOUT,
        echo: bool = False,
    ) -> None:
        super().__init__("worker", folder)
        self._port = urlsplit(address.url).port
        self.child = Child(
            command,
            name="worker",
            log=self.folder / "worker.log",
            env={
                **_NO_KEYS,
                **address.environment,
                "LOCAL_MODELS_URL": models_url,
                "ROOMKEEPER_HOME": str(self.folder / "home"),
                "PYTHONUNBUFFERED": "1",
                **(env or {}),
            },
            cwd=cwd,
            echo=echo,
        )

    @property
    def pid(self) -> int:
        return self.child.pid

    @property
    def exit_code(self) -> int | None:
        """None while it runs; -9 after SIGKILL."""
        return self.child.exit_code

    @property
    def left_behind(self) -> list[str]:
        """Processes that outlived the worker, after `stop`."""
        return self.child.left_behind

    async def start(self) -> None:
        """Start it and wait until it is registered.

        Raises:
            StackError: It ends or does not register in time; with the last lines of its log.
        """
        async with AsyncExitStack() as undo:
            self.child.start()
            undo.callback(self.child.kill)
            await self.child.ready(lambda: "registered worker" in self.log_text(), timeout=_READY_TIMEOUT)
            undo.pop_all()

    async def wait_until_warm(self, n: int = 1, *, timeout: float = 60) -> None:
        """Wait until `n` processes wait for a call, and the worker has told LiveKit that it takes one.

        Counted in its log: processes made ready, less those that took a call.

        Raises:
            LateError: Fewer are ready; a refused call, for one, is not counted back.
        """

        def is_warm() -> bool:
            text = self.log_text()
            n_idle = text.count("process initialized") - text.count("received job request")
            is_full = text.rfind("marking as unavailable") > text.rfind("marking as available")
            return n_idle >= n and not is_full

        await until(is_warm, timeout=timeout, what=f"{n} warm processes", interval=0.1)

    async def stop(self, *, timeout: float = 20, hurry_after: float | None = None) -> int | None:
        """SIGTERM, which lets calls end by themselves; SIGKILL after the limit. May be called twice.

        Args:
            hurry_after: Seconds until a second SIGTERM, which ends the calls that there are. None = never.

        Returns:
            The exit code.
        """
        if hurry_after is not None and self.child.is_running:
            self.child.signal(signal.SIGTERM)
            with suppress(LateError):
                await self.child.wait(timeout=hurry_after)
        return await self.child.stop(timeout=timeout)

    def kill(self) -> None:
        """kill -9, of its jobs too."""
        self.child.kill()

    def jobs(self) -> list[psutil.Process]:
        """The processes that are in a call now: those of its own, itself excepted, connected to LiveKit.

        Found by their connections and not by log lines, so that it works for any agent.
        """
        return [process for process in self.processes() if self._is_connected(process)]

    def job(self) -> psutil.Process:
        """The one process that is in a call.

        Raises:
            StackError: There is none, or more than one.
        """
        jobs = self.jobs()
        if len(jobs) != 1:
            raise StackError(f"{len(jobs)} processes are in a call, not one")
        return jobs[0]

    def job_in(self, room: str) -> psutil.Process | None:
        """The process that is in a call in `room`, by its log records; None = none."""
        pids = {record.get("pid") for record in self.records() if record.get("room") == room}
        return next((job for job in self.jobs() if job.pid in pids), None)

    def processes(self) -> list[psutil.Process]:
        """All that it has started and that live: jobs, idle processes, the fork server."""
        if not self.child.is_running:
            return []
        try:
            children = psutil.Process(self.pid).children(recursive=True)
        except psutil.NoSuchProcess:
            return []
        return [child for child in children if _lives(child)]

    def log_text(self) -> str:
        """What it wrote, without colours."""
        return _COLOUR.sub("", self.child.log_text())

    def records(self, action: str | None = None) -> list[dict[str, Any]]:
        """Its log records, oldest first; only JSON logs have them (`start`, not `dev`).

        Args:
            action: Only those with this `action`; None = all.
        """
        records = []
        for line in self.child.log_text().splitlines():
            try:
                record = json.loads(line)
            except ValueError:
                continue
            if isinstance(record, dict) and (action is None or record.get("action") == action):
                records.append(record)
        return records

    async def wait_for_record(self, action: str, n: int = 1, *, timeout: float) -> dict[str, Any]:
        """The `n`-th record with this `action`, once it is there.

        Raises:
            LateError: It did not come in time.
        """
        await until(
            lambda: len(self.records(action)) >= n,
            timeout=timeout,
            what=f"{n} × {action} in the worker's log",
        )
        return self.records(action)[n - 1]

    async def aclose(self) -> None:
        """Stop it for good, its calls too, and remove its folder. May be called twice."""
        await self.stop(hurry_after=_HURRY_AFTER)
        await super().aclose()

    def _is_connected(self, process: psutil.Process) -> bool:
        try:
            connections = process.net_connections(kind="tcp")
        except psutil.Error:
            return False
        return any(
            one.raddr and one.raddr.port == self._port and one.status == psutil.CONN_ESTABLISHED
            for one in connections
        )


def _lives(process: psutil.Process) -> bool:
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False

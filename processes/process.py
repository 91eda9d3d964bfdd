"""One process of this host, kept as it is wanted: the driver of a `Life`, and the only place that takes its steps."""

from __future__ import annotations

import asyncio
import logging
import math
import shlex
import signal
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from processes.child import Child, start_child
from processes.definitions import Definition
from processes.errors import StartError
from processes.machine import Life, State, Step
from processes.masking import masked_arguments, secrets_in
from processes.output import Output
from processes.program import find_program, own_programs

logger = logging.getLogger(__name__)

_AFTER_FAULT = 1.0
"""Seconds until the loop goes on after an error of ours."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """One process, as it is now."""

    process_id: str
    name: str
    command: str
    """For people; the secrets of its environment are masked."""

    state: State
    is_wanted: bool
    pid: int | None
    started_at: datetime | None
    """Of the process that runs; None = none does."""

    exit_code: int | None
    """Of the last one; negative = ended by this signal; None = there was none, or it could not be started."""

    restarts: int
    """Starts by itself since somebody started it."""

    retry_at: datetime | None
    trouble: str | None
    """One sentence; None = all is well."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """A process has ended. What it started itself may still be there."""

    process_id: str
    pid: int
    started_at: datetime
    exit_code: int

    @property
    def how(self) -> str:
        """In words."""
        return how_it_ended(self.exit_code)


def how_it_ended(exit_code: int) -> str:
    """An exit code in words."""
    if exit_code >= 0:
        return f"ended with exit code {exit_code}"
    try:
        return f"was ended by {signal.Signals(-exit_code).name}"
    except ValueError:
        return f"was ended by signal {-exit_code}"


class Process:
    """Starts one process, watches it, starts it again, and ends it.

    Args:
        environment: To which the definition's `env` is added.
        utc: The date, for people.
        spread: Draws a number of 0 to 1 by lot.
        changed: Called when a page would show something else now.
        ended: Called at the end of the process, before what it started is ended.
    """

    def __init__(
        self,
        definition: Definition,
        *,
        environment: Mapping[str, str],
        utc: Callable[[], datetime],
        spread: Callable[[], float],
        changed: Callable[[], None],
        ended: Callable[[Ended], None],
    ) -> None:
        self.definition = definition
        self.output = Output()
        self.is_retired = False
        """Its definition is gone, and it goes as soon as it has ended."""

        self._life = Life(definition.rules, spread=spread)
        self._environment = environment
        self._utc = utc
        self._changed = changed
        self._ended = ended
        self._child: Child | None = None
        self._started_at: datetime | None = None
        self._used: Definition | None = None  # by the process that runs
        self._retry_date: datetime | None = None
        self._trouble: str | None = None
        self._is_hurried = False
        self._is_end_told = False
        self._is_end_seen = False
        self._woken = asyncio.Event()
        self._told: Snapshot | None = None
        self.output.hide(secrets_in({**environment, **definition.env}))

    # -- what people want

    def start(self) -> None:
        """May be called twice: there is one process at most."""
        self._life.start()
        self._wake()

    def stop(self, *, force: bool = False) -> None:
        """SIGTERM, and SIGKILL after its `stop_timeout`; with `force` at once. May be called twice."""
        self._is_hurried = self._is_hurried or force
        self._life.stop(now=_now(), force=force)
        self._wake()

    def restart(self) -> None:
        self._life.restart(now=_now())
        self._wake()

    def redefine(self, definition: Definition) -> None:
        """What it is counts from the next start; how long it may take to end, from now on."""
        if definition != self.definition:
            self.definition = definition
            self._life.rules = definition.rules
            self.output.hide(secrets_in(definition.env))
            self._wake()

    # -- looking

    @property
    def state(self) -> State:
        return self._life.state

    @property
    def leader(self) -> int | None:
        """Who leads the session of the process and all that it started, as long as any of them may be there."""
        return None if self._child is None else self._child.pid

    @property
    def started_at(self) -> datetime | None:
        """When the leader was started."""
        return self._started_at

    @property
    def is_over(self) -> bool:
        """There is no process, and none will come by itself."""
        return self._child is None and self._life.state in (State.STOPPED, State.EXITED)

    def snapshot(self) -> Snapshot:
        life, child = self._life, self._child
        is_there = child is not None and child.exit_code is None
        return Snapshot(
            process_id=self.definition.process_id,
            name=self.definition.name,
            command=self.output.mask(shlex.join(masked_arguments(self.definition.command))),
            state=life.state,
            is_wanted=life.is_wanted,
            pid=child.pid if child is not None and is_there else None,
            started_at=self._started_at if is_there else None,
            exit_code=life.exit_code,
            restarts=life.restarts,
            retry_at=self._retry_date if life.state is State.BACKOFF else None,
            trouble=self._said(),
        )

    def _said(self) -> str | None:
        if self.is_retired:
            return "the file of agents does not define it any more, so it is being stopped"
        if self._trouble is not None and self._life.state in (State.BACKOFF, State.EXITED, State.STARTING):
            return self._trouble
        if self._used is not None and _is_another(self._used, self.definition):
            return "its definition has changed since it was started; restart it to have that"
        return None

    # -- the loop

    async def run(self) -> None:
        """For ever. When cancelled it kills what runs."""
        try:
            while True:
                try:
                    await self._go_on()
                except Exception:
                    logger.exception(
                        "a process could not be looked after",
                        extra={"action": "process.fault", "process_id": self.definition.process_id},
                    )
                    await asyncio.sleep(_AFTER_FAULT)
        finally:
            if self._child is not None:
                self._child.kill()
                await self._child.close()

    async def _go_on(self) -> None:
        """Take one step, or wait for the next."""
        self._tell()
        match self._life.take_step(now=_now()):
            case Step.START:
                await self._start()
            case Step.TERMINATE if self._child is not None:
                self._child.signal(signal.SIGTERM)
            case Step.KILL if self._child is not None:
                self._child.kill()
            case _:
                await self._wait()

    async def _wait(self) -> None:
        child = self._child
        if child is not None and child.exit_code is not None:
            await self._clean_up(child, child.exit_code)
            return
        deadline = self._life.deadline
        now = _now()
        try:
            async with asyncio.timeout_at(None if deadline == math.inf else deadline):
                await self._woken.wait()
            now = _now()
        except TimeoutError:
            now = max(deadline, _now())  # a timer may fire one clock resolution early
        self._woken.clear()
        self._life.tick(now=now)

    async def _start(self) -> None:
        definition = self.definition
        environment = {**self._environment, **definition.env}
        self._is_hurried = False
        try:
            command = await asyncio.to_thread(find_program, definition, environment, beside=own_programs())
            self._child = await start_child(
                command,
                folder=definition.folder,
                environment=environment,
                output=self.output,
                exited=self._wake,
            )
        except StartError as error:
            self._trouble = str(error)
            self.output.remark(str(error))
            self._life.cannot_start(now=_now())
            self._note_retry()
            logger.warning(
                "a process cannot be started",
                extra={"action": "process.cannot_start", "process_id": definition.process_id},
            )
            return
        self._started_at = self._utc()
        self._used = definition
        self._is_end_told = self._is_end_seen = False
        self.output.remark(f"process {self._child.pid} was started")
        logger.info(
            "a process was started",
            extra={
                "action": "process.started",
                "process_id": definition.process_id,
                "pid": self._child.pid,
            },
        )

    async def _clean_up(self, child: Child, exit_code: int) -> None:
        """The process has ended: end the rest of it, and see what comes next."""
        assert self._started_at is not None  # noqa: S101  # set whenever there is a child
        ended = Ended(
            process_id=self.definition.process_id,
            pid=child.pid,
            started_at=self._started_at,
            exit_code=exit_code,
        )
        if not self._is_end_told:
            self._is_end_told = True
            self._ended(ended)
        # Who stops it waits for all of it. Otherwise people see at once that it is gone, and the rest goes meanwhile.
        if self._life.state in (State.STARTING, State.RUNNING) and not self._is_end_seen:
            self._see_end(ended)
            self._tell()
        await child.end_leftovers(is_hurried=lambda: self._is_hurried)
        await child.close()
        if not self._is_end_seen:
            self._see_end(ended)
        self._child = self._started_at = self._used = None

    def _see_end(self, ended: Ended) -> None:
        self._is_end_seen = True
        was_asked = self._life.state is State.STOPPING
        self._life.exited(ended.exit_code, now=_now())
        self._trouble = None if was_asked or ended.exit_code == 0 else f"process {ended.pid} {ended.how}"
        self._note_retry()
        self.output.remark(f"process {ended.pid} {ended.how}")
        logger.log(
            logging.INFO if self._trouble is None else logging.WARNING,
            "a process has ended",
            extra={
                "action": "process.ended",
                "process_id": ended.process_id,
                "pid": ended.pid,
                "exit_code": ended.exit_code,
                "restarts": self._life.restarts,
            },
        )

    def _note_retry(self) -> None:
        if self._life.state is State.BACKOFF:
            self._retry_date = self._utc() + timedelta(seconds=self._life.retry_at - _now())

    def _wake(self) -> None:
        self._woken.set()

    def _tell(self) -> None:
        now = self.snapshot()
        if now != self._told:
            self._told = now
            self._changed()


def _is_another(one: Definition, other: Definition) -> bool:
    """Whether the difference counts from the next start only."""
    return (one.command, one.folder, one.env) != (other.command, other.folder, other.env)


def _now() -> float:
    return asyncio.get_running_loop().time()

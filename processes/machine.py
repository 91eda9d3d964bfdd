"""The life of one process as a pure state machine: no clock, no tasks, no signals.

Rule: every transition lives in this file. Callers pass `now`; the machine answers with its state, the next step to take
and the next deadline. `process.py` takes the steps.

    STOPPED --start--> STARTING --alive for start_seconds--> RUNNING --stop, restart--> STOPPING --ended--> STOPPED
                        ^   |  \\                                |                          |
                        |   |   +--stop, restart--> STOPPING     |                          +--ended, wanted--> STARTING
                        |   +------ ended, cannot start ---------+
                        |                                        v
                        +--retry_at, start--- BACKOFF  or  EXITED (an end that asks for no new start)

    stop in BACKOFF and EXITED, and before the first step of STARTING: STOPPED at once.
"""

from __future__ import annotations

import enum
import math
from collections.abc import Callable
from dataclasses import dataclass

FIRST_DELAY = 1.0
LONGEST_DELAY = 60.0
"""Seconds until a process that failed is started again: the first time, and after many times."""

STEADY = 60.0
"""Seconds of life after which earlier failures are forgotten."""


class State(enum.Enum):
    STOPPED = "STOPPED"  # nobody wants it to run, or not any more
    STARTING = "STARTING"  # about to be started, or too young to be trusted
    RUNNING = "RUNNING"  # alive for `start_seconds`
    BACKOFF = "BACKOFF"  # it failed, and is started again at `retry_at`
    STOPPING = "STOPPING"  # it was asked to end, and has not yet
    EXITED = "EXITED"  # it ended by itself, and stays so until somebody starts it


class Restart(enum.Enum):
    """Which ends ask for a new start."""

    ON_FAILURE = "on-failure"  # an exit code other than 0, a signal, a program that cannot be started
    ALWAYS = "always"
    NEVER = "never"


class Step(enum.Enum):
    """What the caller has to do now. Each is said once."""

    NOTHING = "nothing"
    START = "start"  # tell `exited` or `cannot_start` what came of it
    TERMINATE = "terminate"  # ask the process to end
    KILL = "kill"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    restart: Restart = Restart.ON_FAILURE
    start_seconds: float = 1.0
    """Alive for so long, it has started. A wrong option ends most programs sooner."""

    stop_timeout: float = 30.0
    """From asking it to end until it is killed; 0 = it is killed at once."""


def retry_delay(failures: int, *, spread: float) -> float:
    """Seconds until the next start: 1, 2, 4, … 48, and up to a quarter more, so that many do not start together.

    Args:
        failures: In a row; 1 or more.
        spread: By lot, 0 to 1.
    """
    whole = LONGEST_DELAY / 1.25
    base = FIRST_DELAY * 2.0 ** min(failures - 1, 10)
    return min(base, whole) * (1.0 + 0.25 * spread)


class Life:
    """Decide what happens to one process.

    Args:
        rules: May be replaced at any time.
        spread: Draws a number of 0 to 1 by lot.
    """

    def __init__(self, rules: Rules, *, spread: Callable[[], float]) -> None:
        self.rules = rules
        self.state = State.STOPPED
        self.is_wanted = False
        """Somebody wants it to run. A process that EXITED may still be wanted: nobody has said otherwise."""

        self.exit_code: int | None = None
        """Of its last end; negative = the signal's number; None = it has not ended, or could not be started."""

        self.restarts = 0
        """Times that it was started again by itself since somebody started it."""

        self.retry_at = math.inf
        self._spread = spread
        self._failures = 0
        self._has_process = False
        self._began_at = -math.inf
        self._kill_at = math.inf
        self._is_asked = False
        self._is_killed = False

    @property
    def deadline(self) -> float:
        """Earliest `now` at which `tick` or `take_step` has something new; infinite when nothing is due."""
        if self.state is State.STARTING and self._has_process:
            return self._began_at + self.rules.start_seconds
        if self.state is State.BACKOFF:
            return self.retry_at
        if self.state is State.STOPPING and not self._is_killed:
            return self._kill_at
        return math.inf

    # -- what people want

    def start(self) -> None:
        """Somebody wants it to run. May be called twice: there is one process at most."""
        self.is_wanted = True
        if self.state in (State.STOPPED, State.EXITED, State.BACKOFF):
            self._failures = 0
            self.restarts = 0
            self._begin()

    def stop(self, *, now: float, force: bool = False) -> None:
        """Nobody wants it to run. May be called twice: the first call's deadline holds.

        Args:
            force: Kill it now.
        """
        self.is_wanted = False
        self._end(now, force=force)

    def restart(self, *, now: float) -> None:
        """End it and start it again; start it if it does not run."""
        if self.state in (State.STARTING, State.RUNNING):
            self._end(now, force=False)
        self.start()

    # -- what happens

    def take_step(self, *, now: float) -> Step:
        """What to do now; it counts as done."""
        if self.state is State.STARTING and not self._has_process:
            self._has_process = True
            self._began_at = now
            self._is_asked = self._is_killed = False
            return Step.START
        if self.state is State.STOPPING:
            if now >= self._kill_at and not self._is_killed:
                self._is_asked = self._is_killed = True
                return Step.KILL
            if not self._is_asked:
                self._is_asked = True
                return Step.TERMINATE
        return Step.NOTHING

    def tick(self, *, now: float) -> None:
        """Apply the deadline, if `now` has reached it."""
        if now < self.deadline:
            return
        if self.state is State.STARTING:
            self.state = State.RUNNING
        elif self.state is State.BACKOFF:
            self.restarts += 1
            self._begin()

    def exited(self, code: int, *, now: float) -> None:
        """The process has ended; negative = by this signal."""
        self.exit_code = code
        self._ended(is_failure=code != 0, now=now)

    def cannot_start(self, *, now: float) -> None:
        """There is no process: the program is missing, or the like."""
        self.exit_code = None
        self._ended(is_failure=True, now=now)

    # -- inside

    def _begin(self) -> None:
        self.state = State.STARTING
        self.retry_at = math.inf

    def _end(self, now: float, *, force: bool) -> None:
        kill_at = now if force else now + self.rules.stop_timeout
        if self.state is State.STOPPING:
            self._kill_at = min(self._kill_at, kill_at)
        elif self._has_process:
            self.state = State.STOPPING
            self._kill_at = kill_at
        else:
            self.state = State.STOPPED
            self.retry_at = math.inf

    def _ended(self, *, is_failure: bool, now: float) -> None:
        self._has_process = False
        if self.state is State.STOPPING:
            self._kill_at = math.inf
            self.state = State.STOPPED
            if self.is_wanted:
                self._failures = 0
                self.restarts = 0
                self._begin()
            return
        if now - self._began_at >= STEADY:
            self._failures = 0
        restart = self.rules.restart
        if restart is Restart.ALWAYS or (restart is Restart.ON_FAILURE and is_failure):
            self._failures += 1
            self.retry_at = now + retry_delay(self._failures, spread=self._spread())
            self.state = State.BACKOFF
        else:
            self.state = State.EXITED

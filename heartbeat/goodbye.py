"""Notices that this program ends: at its exit, and at the signals that would kill it."""

from __future__ import annotations

import atexit
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable
from types import FrameType

from heartbeat.texts import error_text

logger = logging.getLogger(__name__)

_SIGNALS = tuple(getattr(signal, name) for name in ("SIGTERM", "SIGINT", "SIGHUP") if hasattr(signal, name))

_Action = Callable[[int, FrameType | None], object]


class Goodbye:
    """Calls `say` once for every way in which this program can end and still speak.

    Signals: whatever the program does with one stays as it is. Where one would kill it, `say` comes first, and then
    the same death, so that its parent sees the same exit status. A function of the program's own is called as before,
    and `say` waits for the real end: the program may well go on, or take its time. Ctrl-C is left to whoever handles
    it, as asyncio does so differently when somebody else has a hand in it; it ends in `KeyboardInterrupt` and at the
    exit. What the program installs later replaces ours, and the exit remains.

    Args:
        say: Called with the reason, in words. Must end in bounded time; may be called twice.
    """

    def __init__(self, say: Callable[[str], object]) -> None:
        self._say = say
        self._installed_in: int | None = None
        """Process id: a forked child of multiprocessing has to be watched anew."""

        self._signal: int | None = None
        """The last one that the program took itself."""

        self._ours: dict[int, tuple[_Action, _Action | int]] = {}
        """By signal: what we have installed, and what was there."""

    def install(self) -> None:
        """Watch for the end. May be called twice; signals are watched only if this is the main thread."""
        if self._installed_in is None:
            atexit.register(self._at_exit)
        if self._installed_in != os.getpid():
            self._installed_in = os.getpid()
            self._signal = None
            _at_exit_of_child(self._at_exit)
        if threading.current_thread() is threading.main_thread():
            for number in _SIGNALS:
                self._install_signal(number)

    def uninstall_signals(self) -> None:
        """Put back what was there, where it is still ours. May be called twice, and from any thread."""
        if threading.current_thread() is not threading.main_thread():
            return  # signals can be set there only; without an agent, ours do what was there
        for number, (ours, previous) in self._ours.items():
            if signal.getsignal(number) is ours:
                signal.signal(number, previous)
        self._ours.clear()

    def _install_signal(self, number: int) -> None:
        previous = signal.getsignal(number)
        if number in self._ours and previous is self._ours[number][0]:
            return
        if previous is signal.SIG_DFL:
            action: _Action = self._say_and_die
        elif callable(previous) and number != signal.SIGINT:
            action = self._remember(previous)
        else:
            return  # ignored, Ctrl-C, or installed by something that is not Python
        try:
            signal.signal(number, action)
        except (ValueError, OSError) as error:
            # An interpreter within another, or a system without this signal.
            logger.debug("signal %s is not watched: %s", number, error, extra={"action": "goodbye.no_signal"})
            return
        self._ours[number] = (action, previous)

    def _say_and_die(self, number: int, _: FrameType | None) -> None:
        self._say(f"ended by {signal.Signals(number).name}")
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)

    def _remember(self, previous: _Action) -> _Action:
        def act(number: int, frame: FrameType | None) -> None:
            self._signal = number
            previous(number, frame)

        return act

    def _at_exit(self) -> None:
        self._say(self._reason())

    def _reason(self) -> str:
        error = getattr(sys, "last_exc", None) or getattr(sys, "last_value", None)
        if isinstance(error, BaseException) and not hasattr(sys, "ps1"):  # at a prompt it is any earlier one
            return f"ended by {error_text(error)}"
        if self._signal is not None:
            return f"ended after {signal.Signals(self._signal).name}"
        return "the program ended"


def _at_exit_of_child(act: Callable[[], None]) -> None:
    """Processes of multiprocessing end without `atexit`; it has its own list, which is kept per process."""
    util = sys.modules.get("multiprocessing.util")
    process = sys.modules.get("multiprocessing.process")
    if util is not None and process is not None and process.parent_process() is not None:
        util.Finalize(None, act, exitpriority=0)

"""Process groups and sessions: a process that was started here leads one, with all that it starts itself."""

from __future__ import annotations

import os
import signal
import sys

import psutil


def signal_group(leader: int, number: signal.Signals) -> None:
    """Send a signal to all processes of a group; nothing happens when there are none."""
    try:
        os.killpg(leader, number)
    except (ProcessLookupError, PermissionError):
        # macOS answers "not permitted" for a group of which only a zombie is left.
        return


def is_group_there(leader: int) -> bool:
    """Whether any process of a group lives, once its leader has been waited for.

    Looks at all processes of the host if the group has any, dead ones included: some milliseconds, for a thread.
    """
    try:
        os.killpg(leader, 0)
    except (ProcessLookupError, PermissionError):
        return False
    # Orphans that have ended count until the first process of the host, or of the container, takes note of them.
    return any(_lives_in(leader, pid) for pid in psutil.pids())


def _lives_in(group: int, pid: int) -> bool:
    try:
        return os.getpgid(pid) == group and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except (OSError, psutil.Error):
        return False


def session_of(pid: int) -> int | None:
    """Who leads the session of a process of this host; None = there is no such process, or it is not to be seen."""
    try:
        return os.getsid(pid) if pid > 0 else None
    except (OSError, OverflowError):
        return None


def kill_member(pid: int, *, leader: int) -> bool:
    """SIGKILL to a process, if it belongs to the session of `leader`.

    Returns:
        Whether it did, and was there.
    """
    try:
        if sys.platform == "linux":
            # The descriptor keeps its process: the number cannot become another one's between looking and killing.
            descriptor = os.pidfd_open(pid)
            try:
                is_member = session_of(pid) == leader
                if is_member:
                    signal.pidfd_send_signal(descriptor, signal.SIGKILL)
            finally:
                os.close(descriptor)
        else:
            is_member = session_of(pid) == leader
            if is_member:
                os.kill(pid, signal.SIGKILL)
    except (OSError, OverflowError):
        return False
    return is_member

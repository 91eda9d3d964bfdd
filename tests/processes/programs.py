"""Small programs for tests that start real processes."""

from __future__ import annotations

import sys

PYTHON = (sys.executable, "-I", "-S", "-c")


def program(text: str) -> list[str]:
    """A command that runs some lines of Python."""
    return [*PYTHON, text]


RUN = "import time\nprint('here', flush=True)\ntime.sleep(60)"
"""Says `here`, and lives until it is ended."""

STUBBORN = "import signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n" + RUN.partition("\n")[2]
"""Says `here`, and lives until it is killed."""

POLITE = (
    "import signal, sys, time\nsignal.signal(signal.SIGTERM, lambda *_: sys.exit(0))\n"
    + RUN.partition("\n")[2]
)
"""Says `here`, and ends with exit code 0 when it is asked to."""


def parent(child: str, *, ends_with: int | None = None) -> str:
    """Starts `child`, says its number once that one has said `here`, and lives, or ends with an exit code."""
    end = "time.sleep(60)" if ends_with is None else f"sys.exit({ends_with})"
    return f"""
import subprocess, sys, time
child = subprocess.Popen({program(child)!r}, stdout=subprocess.PIPE, text=True)
assert child.stdout.readline() == "here\\n"
print(child.pid, flush=True)
{end}
"""

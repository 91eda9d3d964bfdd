"""Headless Chromium of this machine, for Playwright: where it is, and how it is started."""

from __future__ import annotations

import shutil

from stack.errors import StackError

ARGUMENTS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)

_PROGRAMS = ("chromium", "chromium-browser", "google-chrome")


def chromium() -> str:
    """Path of the program.

    Raises:
        StackError: None is on PATH.
    """
    path = next(filter(None, map(shutil.which, _PROGRAMS)), None)
    if path is None:
        raise StackError("no Chromium on PATH; run scripts/provide")
    return path

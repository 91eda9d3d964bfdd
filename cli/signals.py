"""Ends work in good order when the process is told to stop."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


async def until_stopped(work: Coroutine[Any, Any, None]) -> signal.Signals | None:
    """Do `work` until it ends by itself, or until SIGINT or SIGTERM cancels it.

    Returns:
        The signal; None = it ended by itself. A second signal cancels the cleaning up.
    """
    loop = asyncio.get_running_loop()
    task = loop.create_task(work, name="work")
    received: list[signal.Signals] = []

    def stop(number: signal.Signals) -> None:
        received.append(number)
        task.cancel()

    with suppress(NotImplementedError):  # on Windows; there Ctrl-C is a KeyboardInterrupt
        for number in _SIGNALS:
            loop.add_signal_handler(number, stop, number)
    try:
        await task
    except asyncio.CancelledError:
        if not received:
            raise
    finally:
        with suppress(NotImplementedError):
            for number in _SIGNALS:
                loop.remove_signal_handler(number)
    return received[0] if received else None

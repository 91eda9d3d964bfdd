"""Run what blocks in a thread that nobody waits for at the end of the process."""

from __future__ import annotations

import asyncio
import concurrent.futures
import threading
from collections.abc import Callable
from typing import TypeVar

_T = TypeVar("_T")


async def in_daemon_thread(function: Callable[[], _T], *, name: str) -> _T:
    """What `function` returns or raises.

    Not `asyncio.to_thread`: the interpreter waits for its threads at exit, and so for a name server that hangs.

    Raises:
        RuntimeError: No thread can be started, as at the end of the interpreter.
    """
    future: concurrent.futures.Future[_T] = concurrent.futures.Future()

    def work() -> None:
        if not future.set_running_or_notify_cancel():
            return
        try:
            result = function()
        except Exception as error:  # noqa: BLE001  # raised where the caller waits
            future.set_exception(error)
        else:
            future.set_result(result)

    threading.Thread(target=work, name=name, daemon=True).start()
    return await asyncio.wrap_future(future)

"""Many humans at once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

from stack.caller.guest import Guest
from stack.caller.human import Caller


@asynccontextmanager
async def all_in(callers: Sequence[Caller | Guest]) -> AsyncIterator[None]:
    """All join at the same time. All leave, one after the other, whatever becomes of the others.

    One who stays behind talks to an agent for as long as the program runs, and the machine has nothing left for
    whatever comes next. Ten who leave at once take LiveKit's SDK longer than it may take.

    Raises:
        ExceptionGroup: Some could not join.
    """
    async with AsyncExitStack() as leaving:
        for caller in callers:
            leaving.push_async_callback(caller.leave)
        async with asyncio.TaskGroup() as joining:
            for caller in callers:
                joining.create_task(caller.join())
        yield

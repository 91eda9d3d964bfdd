"""Carries out what the registry orders, and says what became of it."""

from __future__ import annotations

import asyncio
import inspect
import logging
import os
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping

import psutil

from heartbeat.texts import error_text, paragraphs
from heartbeat.threads import in_daemon_thread
from heartbeat.vitals import process_age
from wire import Command, Order, Outcome

logger = logging.getLogger(__name__)

OnOrder = Callable[[Command], "Outcome | Awaitable[Outcome | None] | None"]
"""Carries out an order. None = done. A coroutine function runs on the sender's loop and must not block it; any
other function runs in a thread of its own. Whoever has a loop of its own hops to it from there."""

ORDER_TIMEOUT = 10.0
"""Seconds to carry out an order. It is to begin something, not to wait for its end."""

PRESENT = "process_present"
GONE = "process_gone"
UNSURE = "process_unsure"
"""What a probe finds; the first two are the words of the registry's API for evidence. Unsure: a process has the
number and another age. It may be another one, or the machine's clocks have jumped; the registry asks elsewhere."""

_REMEMBERED = 64
"""Orders whose outcome is kept. One that comes again, because the outcome was lost, is not carried out again."""

_MOST_AT_ONCE = 8

_ROUTINE = {Order.LOGS.value, Order.PROBE.value}  # nobody decided anything; not worth a line

_SAME_START = 3.0
"""Seconds by which two tellings of a process's start may differ. No system gives a number again so soon."""


class Orders:
    """What this process does when the registry asks for it.

    Args:
        on_orders: What is called for which order. An order that is not in it is answered with "not supported".
        mask: Takes secrets out of what failed.
    """

    def __init__(self, on_orders: Mapping[Order, OnOrder], *, mask: Callable[[str], str] = str) -> None:
        self._mask = mask
        self._on_orders = {Order.PROBE: probe, **on_orders}
        self._outcomes: OrderedDict[str, Outcome | None] = OrderedDict()
        """By the command's id; None while it is carried out."""

    async def obey(self, command: Command) -> Outcome | None:
        """Carry out a command; None when it is being carried out already. Raises nothing."""
        if command.id in self._outcomes:
            return self._outcomes[command.id]
        if list(self._outcomes.values()).count(None) >= _MOST_AT_ONCE:
            return Outcome(id=command.id, ok=False, detail="too many orders at once")
        self._outcomes[command.id] = None
        outcome = await self._carry_out(command)
        self._outcomes[command.id] = outcome
        while len(self._outcomes) > _REMEMBERED:
            self._outcomes.popitem(last=False)
        return outcome

    async def _carry_out(self, command: Command) -> Outcome:
        try:
            on_order = self._on_orders.get(Order(command.order))
        except ValueError:
            return Outcome(id=command.id, ok=False, detail=f"not known here: {command.order[:40]}")
        if on_order is None:
            return Outcome(id=command.id, ok=False, detail=f"not supported by this process: {command.order}")
        logger.log(
            logging.INFO if command.order not in _ROUTINE else logging.DEBUG,
            "the registry orders: %s",
            command.order,
            extra={"action": "heartbeat.order", "order": command.order, "reason": command.reason},
        )
        limit = asyncio.timeout(ORDER_TIMEOUT)
        try:
            async with limit:
                outcome = await _call(on_order, command)
        except Exception as error:
            # The owner's code, or no thread to run it in. The sender goes on.
            if limit.expired():
                return Outcome(id=command.id, ok=False, detail="no answer of this process within 10 s")
            logger.exception("an order failed", extra={"action": "heartbeat.order_failed"})
            return Outcome(id=command.id, ok=False, detail=paragraphs(self._mask(error_text(error)), 2_000))
        return outcome or Outcome(id=command.id, ok=True)


def probe(command: Command) -> Outcome:
    """Whether the process ``args["pid"]``, started ``args["age"]`` seconds ago, is still there."""
    try:
        pid, age = int(command.args["pid"]), float(command.args["age"])
    except (KeyError, ValueError, OverflowError) as error:
        return Outcome(id=command.id, ok=False, detail=f'a probe needs the numbers "pid" and "age": {error}')
    return Outcome(id=command.id, ok=True, detail=_found(pid, age))


def _found(pid: int, age: float) -> str:
    try:
        process = psutil.Process(pid)
        found = process_age(process, now=time.time())
        is_dead = process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return UNSURE if _answers_signals(pid) else GONE  # /proc may hide the processes of others
    except (ValueError, OverflowError):
        return GONE
    if is_dead:
        return GONE
    return PRESENT if found is None or abs(found - age) <= _SAME_START else UNSURE


def _answers_signals(pid: int) -> bool:
    """Whether the system has such a process, whatever it shows of it."""
    try:
        os.kill(pid, 0)
    except PermissionError:
        return True
    except (ProcessLookupError, OverflowError):
        return False
    return True


async def _call(on_order: OnOrder, command: Command) -> Outcome | None:
    def call() -> Outcome | Awaitable[Outcome | None] | None:
        return on_order(command)

    is_coroutine = inspect.iscoroutinefunction(on_order)
    answer = call() if is_coroutine else await in_daemon_thread(call, name=f"roomkeeper-{command.order}")
    return answer if answer is None or isinstance(answer, Outcome) else await answer

"""Two agents in one room: the younger one leaves."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Iterable
from datetime import UTC, datetime
from typing import Protocol

from livekit import rtc

from wire import INCARNATION, LEAVING, STATUS_METHOD

logger = logging.getLogger(__name__)

ASK_TIMEOUT = 1.0
"""Seconds for an elder to answer. A living one takes milliseconds; a killed one stays on LiveKit's list for 20 s."""

TRIES = 3
TRY_INTERVAL = 0.5
"""An elder that has just joined may not answer yet."""

_NO_ANSWER = (rtc.RpcError, RuntimeError, OSError)
"""How asking fails: refused, too late or with no connection (both are OSErrors), or the SDK itself is broken."""

_LONG_AGO = datetime.min.replace(tzinfo=UTC)


class Agent(Protocol):
    """A participant of kind AGENT, as the room's SDK shows it."""

    @property
    def identity(self) -> str: ...
    @property
    def kind(self) -> int: ...
    @property
    def attributes(self) -> dict[str, str]: ...
    @property
    def joined_at(self) -> datetime | None: ...


def find_elder(me: Agent, others: Iterable[Agent]) -> str | None:
    """Identity of a Roomkeeper agent that came before `me` and is not on its way out; None without one.

    Both sides compute the same order, by LiveKit's own time of joining, so exactly one of two leaves.
    """
    mine = _order(me)
    elders = [
        other
        for other in others
        if other.kind == rtc.ParticipantKind.PARTICIPANT_KIND_AGENT
        and other.identity != me.identity
        and other.attributes.get(INCARNATION)
        and not other.attributes.get(LEAVING)
        and _order(other) < mine
    ]
    return min(elders, key=_order).identity if elders else None


async def ask(room: rtc.Room, elder: str, payload: str) -> str:
    """What `elder` answers to `roomkeeper.status`.

    Raises:
        RpcError: It does not answer, or refuses.
    """
    return await room.local_participant.perform_rpc(
        destination_identity=elder, method=STATUS_METHOD, payload=payload, response_timeout=ASK_TIMEOUT
    )


async def is_alive(ask: Callable[[], Awaitable[str]]) -> bool:
    """Whether an elder answers, and so is not the ghost of a killed process.

    Args:
        ask: Call its `roomkeeper.status`; raises when there is no answer.
    """
    for attempt in range(TRIES):
        if attempt:
            await asyncio.sleep(TRY_INTERVAL)
        try:
            async with asyncio.timeout(ASK_TIMEOUT):
                answer = await ask()
        except _NO_ANSWER:
            continue
        return _phase_in(answer) != "closing"
    return False


class Elders:
    """Looks for an elder, and asks it whether it is alive, one at a time.

    Args:
        room: Entered when `look` is called.
        ask: Call the `roomkeeper.status` of an identity; raises when there is no answer.
        on_alive: Called when an elder lives: this agent is one too many.
        on_eldest: Called when none does, again at each look: this agent stays.
    """

    def __init__(
        self,
        room: rtc.Room,
        *,
        ask: Callable[[str], Awaitable[str]],
        on_alive: Callable[[], None],
        on_eldest: Callable[[], None],
    ) -> None:
        self._room = room
        self._ask = ask
        self._on_alive = on_alive
        self._on_eldest = on_eldest
        self._asking: asyncio.Task[None] | None = None
        self._is_over = False  # it yields, or nobody asks any more

    @property
    def is_asking(self) -> bool:
        """An elder was found, and has not been asked to the end."""
        return self._asking is not None and not self._asking.done()

    def look(self) -> None:
        """See who is in the room. A killed agent stays on the list for 20 s and is nobody to yield to."""
        if self._is_over or self.is_asking:
            return
        elder = find_elder(self._room.local_participant, self._room.remote_participants.values())
        if elder is None:
            self._on_eldest()
        else:
            self._asking = asyncio.create_task(self._find_out(elder), name="call-elder")

    async def aclose(self) -> None:
        """Ask no more. May be called twice."""
        self._is_over = True
        if self._asking is not None:
            self._asking.cancel()
            await asyncio.wait({self._asking})

    async def _find_out(self, elder: str) -> None:
        if await is_alive(lambda: self._ask(elder)):
            self._is_over = True
            self._on_alive()
        else:
            self._on_eldest()


def _phase_in(answer: str) -> object:
    try:
        status = json.loads(answer)
    except ValueError:
        return None
    return status.get("phase") if isinstance(status, dict) else None


def _order(agent: Agent) -> tuple[datetime, str]:
    return (agent.joined_at or _LONG_AGO, agent.identity)

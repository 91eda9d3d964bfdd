"""Keep a room open during the grace period, where LiveKit's own timeout is shorter."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Protocol

from livekit import rtc

logger = logging.getLogger(__name__)

MARGIN = 5.0
"""A room whose `departure_timeout` outlives the grace by this many seconds needs no hold."""

RETRY_INTERVAL = 1.0

_RELEASE_TIMEOUT = 2.0


class Connection(Protocol):
    """A participant in the room; `livekit.rtc.Room` is one."""

    async def disconnect(self) -> object: ...


def needs_hold(*, departure_timeout: float, grace_left: float) -> bool:
    """Whether LiveKit would close the room before the grace is over.

    Args:
        departure_timeout: The room's own, in seconds: fixed when the room was made, 20 by default.
        grace_left: Seconds that are left of the grace.
    """
    return departure_timeout < grace_left + MARGIN


async def join_as_hold(url: str, token: str, *, on_lost: Callable[[rtc.Room], None]) -> rtc.Room:
    """Join as the hidden participant.

    Args:
        url: LiveKit's.
        token: As `ServerApi.hold_token` makes it.
        on_lost: Called when LiveKit has dropped it.
    """
    room = rtc.Room()
    room.on("disconnected", lambda _: on_lost(room))
    await room.connect(url, token, rtc.RoomOptions(auto_subscribe=False))
    return room


class RoomHold:
    """Holds the room, or does not, as last wished. LiveKit closes a room only when nobody but agents is in it.

    Measured on 1.13.5: a hidden participant keeps the room open past the departure timeout, nobody in the
    room sees it, and it costs 70 ms to join.

    Args:
        connect: Join the room as the hidden participant. Never cancelled: the SDK would end the process.
    """

    def __init__(self, connect: Callable[[], Awaitable[Connection]]) -> None:
        self._connect = connect
        self._wished = False
        self._changed = asyncio.Event()
        self._connecting: asyncio.Future[Connection] | None = None
        self._connection: Connection | None = None

    @property
    def is_held(self) -> bool:
        return self._connection is not None

    def wish(self, held: bool) -> None:
        """Hold the room from now on, or let it go. May be called twice."""
        self._wished = held
        self._changed.set()

    def lost(self, connection: Connection) -> None:
        """LiveKit has dropped the hidden participant. `run` joins again if that is still wished."""
        if connection is self._connection:
            self._connection = None
            self._changed.set()

    async def run(self) -> None:
        """Make it so, for ever; try again each second while LiveKit does not let us in."""
        while True:
            await self._changed.wait()
            self._changed.clear()
            while self._wished != self.is_held:
                if not await self._step():
                    await asyncio.sleep(RETRY_INTERVAL)

    async def release(self) -> None:
        """Let the room go for good; for after `run` was ended. May be called twice."""
        self._wished = False
        if self._connecting is not None:
            await asyncio.wait({self._connecting}, timeout=_RELEASE_TIMEOUT)
            self._take_over()
        await self._step()

    async def _step(self) -> bool:
        """One try to come from what is to what is wished; whether it succeeded."""
        if not self._wished:
            connection, self._connection = self._connection, None
            if connection is not None:
                await self._leave(connection)
            return True
        if self._connecting is None:
            self._connecting = asyncio.ensure_future(self._connect())
        # `wait` does not cancel what it waits for: when `run` is ended here, `release` takes over.
        await asyncio.wait({self._connecting})
        return self._take_over()

    async def _leave(self, connection: Connection) -> None:
        try:
            async with asyncio.timeout(_RELEASE_TIMEOUT):
                await connection.disconnect()
        except Exception:
            # Whatever it is: the hold must be there for the next grace, and the room ends with the agent.
            logger.warning("the room hold could not leave", exc_info=True, extra={"action": "hold.stuck"})
            return
        logger.debug("room hold released", extra={"action": "hold.released"})

    def _take_over(self) -> bool:
        """Keep the connection that has come about; whether it has."""
        connecting = self._connecting
        if connecting is None or not connecting.done():
            return False
        self._connecting = None
        error = connecting.exception()
        if error is not None:
            logger.warning(
                "the room could not be held open",
                extra={"action": "hold.failed", "error": type(error).__name__, "detail": str(error)},
            )
            return False
        self._connection = connecting.result()
        logger.debug("room held open", extra={"action": "hold.held"})
        return True

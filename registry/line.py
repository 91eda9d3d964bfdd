"""The line: a WebSocket on which an agent's beats go up and orders come down."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress

from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from registry.beats import Beats
from registry.errors import BadBeatError, RegistryError
from registry.fleet import Fleet
from registry.line_protocol import PING_TIMED_OUT
from registry.log_tails import LogTails
from registry.orders import Orders
from registry.replies import refused
from registry.status import TIMED_OUT
from wire import MAX_FRAME_BYTES, BeatError, Down, Up, decode_up, encode

logger = logging.getLogger(__name__)

_N_UNSENT = 64
"""Frames that may wait for one agent. One that reads none of so many is not well."""

_GOING_AWAY = 1001


class _OpenLine:
    """`agents.Line` on a WebSocket."""

    def __init__(self, socket: WebSocket) -> None:
        self._socket = socket
        self._unsent: asyncio.Queue[Down] = asyncio.Queue(maxsize=_N_UNSENT)
        self.is_stuck = asyncio.Event()

    def send(self, message: Down) -> None:
        try:
            self._unsent.put_nowait(message)
        except asyncio.QueueFull:
            self.is_stuck.set()

    async def run(self) -> None:
        """Send, until the connection ends."""
        while True:
            message = await self._unsent.get()
            await self._socket.send_text(encode(message).decode())


class Lines:
    """Serves lines. Each belongs to the agent whose beats come on it."""

    def __init__(self, fleet: Fleet, beats: Beats, orders: Orders, tails: LogTails) -> None:
        self._fleet = fleet
        self._beats = beats
        self._orders = orders
        self._tails = tails
        self._open: set[WebSocket] = set()

    async def serve(self, socket: WebSocket) -> None:
        """Serve one connection until it ends."""
        await socket.accept()
        line = _OpenLine(socket)
        agent_ids: dict[str, None] = {}
        self._open.add(socket)
        sending = asyncio.create_task(line.run(), name="registry-line-send")
        stuck = asyncio.create_task(line.is_stuck.wait(), name="registry-line-stuck")
        reading = asyncio.create_task(self._read(socket, line, agent_ids), name="registry-line-read")
        try:
            await asyncio.wait({sending, stuck, reading}, return_when=asyncio.FIRST_COMPLETED)
            how = _how(reading) if reading.done() else "it does not read what is sent"
        finally:
            self._open.discard(socket)
            for task in (sending, stuck, reading):
                task.cancel()
            await asyncio.wait({sending, stuck, reading})
            for task in (sending, stuck, reading):
                task.cancelled() or task.exception()
        for agent_id in agent_ids:
            self._fleet.line_closed(agent_id, line, how)
        if socket.application_state is not WebSocketState.DISCONNECTED:
            with suppress(RuntimeError, WebSocketDisconnect):
                await socket.close(code=_GOING_AWAY)

    async def aclose(self) -> None:
        """Close all, when the registry ends. May be called twice."""
        for socket in list(self._open):
            with suppress(RuntimeError, WebSocketDisconnect):
                await socket.close(code=_GOING_AWAY)

    async def _read(self, socket: WebSocket, line: _OpenLine, agent_ids: dict[str, None]) -> str:
        """Take what comes, and say how it ended."""
        source = socket.client.host if socket.client else ""
        while True:
            try:
                text = await socket.receive_text()
            except WebSocketDisconnect as end:
                return _end(end)
            except KeyError:
                continue  # a binary frame; there are none
            try:
                frame = self._decode(text)
                if frame.beat is not None:
                    agent_ids[frame.beat.agent_id] = None
                    reply = await self._beats.take(frame.beat, source=source, line=line)
                    line.send(Down(reply=reply or self._beats.usual()))
                else:
                    self._take_other(frame, line, agent_ids)
            except RegistryError as error:
                line.send(Down(refused=refused(error)))

    def _decode(self, text: str) -> Up:
        data = text.encode("utf-8", "surrogatepass")
        if len(data) > MAX_FRAME_BYTES:
            raise BadBeatError(
                f"the frame is {len(data):,} bytes long; at most {MAX_FRAME_BYTES:,} are taken"
            )
        try:
            return decode_up(data)
        except BeatError as error:
            raise BadBeatError(str(error)) from error

    def _take_other(self, frame: Up, line: _OpenLine, agent_ids: dict[str, None]) -> None:
        """An outcome or log lines; only of an agent whose line this is."""
        for agent_id in agent_ids:
            agent = self._fleet.find(agent_id)
            if agent is None or agent.line is not line:
                continue
            if frame.outcome is not None:
                self._orders.outcome(agent, frame.outcome)
            if frame.logs is not None:
                self._tails.take(agent_id, frame.logs)


def _how(reading: asyncio.Task[str]) -> str:
    if reading.cancelled() or (error := reading.exception()) is not None:
        if not reading.cancelled():
            logger.error("a line broke on our side", exc_info=error, extra={"action": "line.failed"})
        return "an error of the registry"
    return reading.result()


def _end(end: WebSocketDisconnect) -> str:
    """How a connection ended, in words."""
    if end.reason == PING_TIMED_OUT:
        return TIMED_OUT
    if end.code in (1005, 1006):
        return "connection lost"
    return f"closed by it, code {end.code}"

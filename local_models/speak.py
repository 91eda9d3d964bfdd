"""Deepgram's `/v1/speak` as a WebSocket: words in, sound out, sentence by sentence."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from typing import Literal

import aiohttp
from aiohttp import web

from local_models.answers import MAX_TEXT_BYTES, new_id
from local_models.models import Models
from local_models.sentences import Sentences
from local_models.speech import rate_of, say
from local_models.status import Status

_FRAME_BYTES = 32_768
"""Of one binary message. A client that interrupts then has little on its way."""

_Order = tuple[Literal["say", "flushed", "cleared", "close"], str]


async def speak_socket(request: web.Request, models: Models, status: Status) -> web.WebSocketResponse:
    rate = rate_of(request.query)  # before the upgrade, so that a wrong value is an HTTP error
    voice = models.speaker.choose(request.query.get("model"))
    request_id = new_id()
    socket = web.WebSocketResponse(max_msg_size=MAX_TEXT_BYTES, heartbeat=20)
    socket.headers["dg-request-id"] = request_id
    await socket.prepare(request)
    with status.socket("speak", request_id, socket):
        speaking = _Speaking(socket, models, voice=voice, rate=rate)
        await socket.send_json({"type": "Metadata", "request_id": request_id, "model_name": voice})
        async with asyncio.TaskGroup() as tasks:
            speaker = tasks.create_task(speaking.run(), name="speak-out")
            await _read(socket, speaking, speaker)
            speaker.cancel()
    return socket


async def _read(socket: web.WebSocketResponse, speaking: _Speaking, speaker: asyncio.Task[None]) -> None:
    async for message in socket:
        if message.type is not aiohttp.WSMsgType.TEXT:
            await _refuse(socket, "only text messages are understood")
            return
        try:
            order = json.loads(message.data)
            kind = order["type"]
            text = order["text"] if kind == "Speak" else ""
        except (ValueError, TypeError, KeyError, RecursionError):
            await _refuse(socket, 'a message must be JSON like {"type": "Speak", "text": "Hello."}')
            return
        match kind:
            case "Speak" if isinstance(text, str):
                speaking.speak(text)
            case "Flush":
                speaking.flush()
            case "Clear":
                speaking.clear()
            case "Close":
                speaking.close()
                await speaker
                return
            case _:
                await _refuse(socket, f"message type {str(kind)[:40]!r} is not known here")
                return


async def _refuse(socket: web.WebSocketResponse, reason: str) -> None:
    await socket.send_json(
        {"type": "Error", "err_code": "DATA-0000", "err_msg": reason, "description": reason}
    )
    await socket.close(code=aiohttp.WSCloseCode.POLICY_VIOLATION, message=b"DATA-0000")


class _Speaking:
    """What one client wants said, in order.

    Reading and speaking are apart so that `Clear` overtakes what has not been spoken yet.
    """

    def __init__(self, socket: web.WebSocketResponse, models: Models, *, voice: str, rate: int) -> None:
        self._socket = socket
        self._models = models
        self._voice = voice
        self._rate = rate
        self._sentences = Sentences()
        self._orders: deque[_Order] = deque()
        self._changed = asyncio.Event()
        self._clears = 0
        self._n_flushed = 0

    def speak(self, text: str) -> None:
        self._put(*(("say", sentence) for sentence in self._sentences.push(text)))

    def flush(self) -> None:
        self._put(*(("say", sentence) for sentence in self._sentences.flush()), ("flushed", ""))

    def clear(self) -> None:
        self._sentences.flush()
        self._orders.clear()
        self._clears += 1
        self._put(("cleared", ""))

    def close(self) -> None:
        """Speak what is there, then close."""
        self._put(*(("say", sentence) for sentence in self._sentences.flush()), ("close", ""))

    async def run(self) -> None:
        """Speak until `close`, or until the client is gone."""
        try:
            while True:
                while not self._orders:
                    self._changed.clear()
                    await self._changed.wait()
                if not await self._act(*self._orders.popleft()):
                    return
        except ConnectionResetError:
            return  # the reader sees it too, and ends the socket

    async def _act(self, kind: str, text: str) -> bool:
        match kind:
            case "say":
                await self._say(text)
            case "close":
                await self._socket.close()
                return False
            case _:
                answer = {"type": kind.capitalize(), "sequence_id": self._n_flushed}
                self._n_flushed += kind == "flushed"
                await self._socket.send_json(answer)
        return True

    async def _say(self, text: str) -> None:
        clears = self._clears
        pcm = await say(self._models, text, voice=self._voice, rate=self._rate)
        for at in range(0, len(pcm), _FRAME_BYTES):
            if clears != self._clears:
                return
            await self._socket.send_bytes(pcm[at : at + _FRAME_BYTES])

    def _put(self, *orders: _Order) -> None:
        self._orders.extend(orders)
        self._changed.set()

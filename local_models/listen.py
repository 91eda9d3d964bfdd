"""Deepgram's `/v1/listen` as a WebSocket: sound in, transcripts out."""

from __future__ import annotations

import asyncio
import json

import aiohttp
from aiohttp import web

from local_models.answers import new_id
from local_models.hearing import Heard, Hearing
from local_models.listen_options import ListenOptions, parse_options
from local_models.models import Models
from local_models.status import Status
from local_models.words import alternative

_MAX_MESSAGE_BYTES = 1024 * 1024
"""Half a minute of sound; clients send 50 ms."""


async def listen_socket(request: web.Request, models: Models, status: Status) -> web.WebSocketResponse:
    options = parse_options(request.query)  # before the upgrade, so that a wrong value is an HTTP error
    request_id = new_id()
    socket = web.WebSocketResponse(max_msg_size=_MAX_MESSAGE_BYTES, heartbeat=20)
    socket.headers["dg-request-id"] = request_id
    await socket.prepare(request)
    with status.socket("listen", request_id, socket):
        answers = _Answers(socket, options, request_id)
        hearing = Hearing(models, options, answers.put)
        async with asyncio.TaskGroup() as tasks:
            teller = tasks.create_task(hearing.run(), name="listen-finals")
            writer = tasks.create_task(answers.run(), name="listen-answers")
            try:
                wants_rest = await _read(socket, hearing)
                if wants_rest:
                    await hearing.finish()
                    answers.end(seconds=hearing.seconds)
                    await writer
                    await socket.close()
            finally:
                hearing.close()
                teller.cancel()
                writer.cancel()
    return socket


async def _read(socket: web.WebSocketResponse, hearing: Hearing) -> bool:
    """Until the client ends the stream, True, or is gone, False."""
    async for message in socket:
        if message.type is aiohttp.WSMsgType.BINARY:
            await hearing.push(message.data)
            continue
        try:
            kind = json.loads(message.data)["type"]
        except (ValueError, TypeError, KeyError, RecursionError):
            kind = None
        match kind:
            case "KeepAlive":
                pass
            case "Finalize":
                hearing.finalize()
            case "CloseStream":
                return True
            case _:
                reason = "a text message must be KeepAlive, Finalize or CloseStream"
                await socket.send_json({"type": "Error", "variant": "DATA-0000", "description": reason})
                await socket.close(code=aiohttp.WSCloseCode.POLICY_VIOLATION, message=b"DATA-0000")
                return False
    return False


class _Answers:
    """What was heard, in Deepgram's words and in order."""

    def __init__(self, socket: web.WebSocketResponse, options: ListenOptions, request_id: str) -> None:
        self._socket = socket
        self._options = options
        self._request_id = request_id
        self._queue: asyncio.Queue[dict[str, object] | None] = asyncio.Queue()

    def put(self, heard: Heard) -> None:
        self._queue.put_nowait(self._message(heard))

    def end(self, *, seconds: float) -> None:
        self._queue.put_nowait(
            {
                "type": "Metadata",
                "request_id": self._request_id,
                "duration": round(seconds, 3),
                "channels": self._options.channels,
            }
        )
        self._queue.put_nowait(None)

    async def run(self) -> None:
        """Send until `end`, or until the client is gone."""
        try:
            while (message := await self._queue.get()) is not None:
                await self._socket.send_json(message)
        except ConnectionResetError:
            return  # the reader sees it too, and ends the socket

    def _message(self, heard: Heard) -> dict[str, object]:
        channels = [0, 1]
        match heard.kind:
            case "speech_started":
                return {"type": "SpeechStarted", "channel": channels, "timestamp": heard.start}
            case "utterance_end":
                return {"type": "UtteranceEnd", "channel": channels, "last_word_end": heard.end}
        words = alternative(
            heard.transcript, start=heard.start, end=heard.end, is_punctuated=self._options.is_punctuated
        )
        return {
            "type": "Results",
            "channel_index": channels,
            "start": heard.start,
            "duration": round(heard.end - heard.start, 3),
            "is_final": heard.kind == "final",
            "speech_final": heard.is_speech_final,
            "from_finalize": heard.is_from_finalize,
            "channel": {"alternatives": [words]},
            "metadata": {
                "request_id": self._request_id,
                "model_info": {"name": "whisper-tiny.en", "version": "1", "arch": "whisper"},
                "model_uuid": self._request_id,
            },
        }

"""Which livekit-server answers. Its HTTP API does not say; it tells workers.

A worker is registered for a moment, under a name for which nobody asks: it gets no jobs. livekit-server takes and
gives JSON on that socket once a text message comes (`pkg/service/wsprotocol.go`, 1.13.5).
"""

from __future__ import annotations

import uuid
from datetime import datetime

import msgspec
from websockets.asyncio.client import connect

from cli.doctor.tokens import signed_token, socket_url
from config import LiveKitLogin


class _ServerInfo(msgspec.Struct):
    version: str = ""


class _Registered(msgspec.Struct, rename="camel"):
    server_info: _ServerInfo = msgspec.field(default_factory=_ServerInfo)


class _ServerMessage(msgspec.Struct):
    register: _Registered = msgspec.field(default_factory=_Registered)


async def ask_version(login: LiveKitLogin, now: datetime) -> str:
    """The server's version, like ``1.13.5``; empty when it does not tell.

    Raises:
        OSError: It cannot be reached.
        websockets.WebSocketException: It does not take a worker.
    """
    token = signed_token(login, {"agent": True}, now=now)
    url = f"{socket_url(login.url)}/agent?protocol=1"
    headers = {"Authorization": f"Bearer {token}"}
    async with connect(url, additional_headers=headers, close_timeout=0.5) as socket:
        name = f"roomkeeper-doctor-{uuid.uuid4().hex[:8]}"
        registration = {"register": {"type": "JT_ROOM", "agentName": name, "version": "doctor"}}
        await socket.send(msgspec.json.encode(registration).decode())
        answer = await socket.recv()
    try:
        return msgspec.json.decode(answer, type=_ServerMessage).register.server_info.version
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return ""

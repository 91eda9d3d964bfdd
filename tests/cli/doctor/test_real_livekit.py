"""Doctor beside a real livekit-server."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from livekit import api
from pydantic import SecretStr
from websockets.asyncio.client import connect

from cli.doctor import Checks, Level, Verdict, World
from cli.doctor.tokens import signed_token
from config import LiveKitLogin, Settings
from stack.livekit_server import LiveKitServer

pytestmark = pytest.mark.usefixtures("environment")


async def look(server: LiveKitServer, *, ahead: float = 0.0, **given: Any) -> dict[str, Verdict]:
    """What doctor finds about LiveKit, by subject. Nothing else is there.

    Args:
        ahead: Seconds that this machine's clock is wrong.
    """
    login = {
        "livekit_url": server.url,
        "livekit_api_key": server.api_key,
        "livekit_api_secret": server.api_secret,
    }
    settings = Settings(**{**login, "local_models_port": 0, "registry_port": 0, **given})
    world = World(now=lambda: datetime.now(UTC) + timedelta(seconds=ahead))
    verdicts = await Checks(settings=settings, trouble="", client=None, no_client="none", world=world).run()
    assert server.api_secret not in repr(verdicts)
    return {verdict.subject: verdict for verdict in verdicts}


async def test_what_a_real_server_says() -> None:
    async with LiveKitServer(departure_timeout=20) as server:
        found = await look(server)
        assert found["LiveKit"].level is Level.OK, found["LiveKit"]
        assert found["version"].text.startswith("livekit-server 1.")
        assert found["agent calls"].level is Level.OK
        assert found["clock"].level is Level.OK
        assert found["departure timeout"].level is Level.WARN
        assert "close 20 s after" in found["departure timeout"].text

        wrong = await look(server, livekit_api_secret="another-secret-" * 3)
        assert "is not the secret of that" in wrong["LiveKit"].text
        unknown = await look(server, livekit_api_key="APIother")
        assert "knows no such LIVEKIT_API_KEY" in unknown["LiveKit"].text
        swapped = await look(server, livekit_api_key=server.api_secret, livekit_api_secret=server.api_key)
        assert "are swapped" in swapped["LiveKit"].text

        for ahead in (-3_600.0, 3_600.0):
            late = await look(server, ahead=ahead)
            assert "for expired, or for not valid yet" in late["LiveKit"].text
            assert "3600 s" in late["clock"].text

        server.freeze()
        frozen = await look(server)
        server.thaw()
        assert frozen["LiveKit"].text == "no answer within 3 s"

    gone = await look(server)
    assert "nobody answers at LIVEKIT_URL=" in gone["LiveKit"].text


async def test_its_room_gets_no_agent() -> None:
    async with LiveKitServer(departure_timeout=90) as server:
        login = a_login_for(server)
        headers = {"Authorization": f"Bearer {signed_token(login, {'agent': True}, now=datetime.now(UTC))}"}
        # A worker without a name, as those that LiveKit sends to each new room.
        async with connect(f"{server.url}/agent?protocol=1", additional_headers=headers) as worker:
            await worker.send('{"register": {"type": "JT_ROOM", "version": "test"}}')
            assert "register" in json.loads(await worker.recv())
            await worker.send('{"updateWorker": {"status": "WS_AVAILABLE", "load": 0}}')
            assert (await look(server))["departure timeout"].level is Level.OK
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.5):
                    await worker.recv()
            async with api.LiveKitAPI(server.url, server.api_key, server.api_secret) as livekit:
                assert list((await livekit.room.list_rooms(api.ListRoomsRequest())).rooms) == []
                await livekit.room.create_room(api.CreateRoomRequest(name="another"))
            assert "availability" in json.loads(await worker.recv())


def a_login_for(server: LiveKitServer) -> LiveKitLogin:
    return LiveKitLogin(url=server.url, api_key=server.api_key, api_secret=SecretStr(server.api_secret))

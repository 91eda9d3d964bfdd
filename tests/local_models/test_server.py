from __future__ import annotations

import asyncio
import logging
import time
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from local_models.loading import names_of
from local_models.server import create_app
from local_models.status import Status
from tests.local_models.conftest import Serve
from tests.local_models.fakes import fake_models


async def test_status_tells_what_is_open_and_what_is_loaded(
    http: aiohttp.ClientSession, serve: Serve
) -> None:
    url = await serve(fake_models())
    async with http.ws_connect(f"{url}/v1/listen"), http.ws_connect(f"{url}/v1/speak") as speak:
        await speak.receive_json()
        async with http.get(f"{url}/status") as response:
            status = await response.json()
    assert status["sockets"] == {kind: {"open": 1, "opened": 1, "closed": 0} for kind in ("listen", "speak")}
    assert status["models"]["tts"] == {"name": "tone", "is_loaded": True, "running": 0, "queued": 0}
    assert status["uptime"] > 0


async def test_sockets_are_logged_without_what_was_said(
    http: aiohttp.ClientSession, serve: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="local_models")
    url = await serve(fake_models())
    async with http.ws_connect(f"{url}/v1/speak") as socket:
        await socket.send_json({"type": "Speak", "text": "a secret. "})
        await socket.send_json({"type": "Close"})
        async for _ in socket:
            pass
    async with asyncio.timeout(4):
        status: dict[str, Any] = {}
        while not status or status["sockets"]["speak"]["open"]:
            async with http.get(f"{url}/status") as response:
                status = await response.json()
    actions = [getattr(record, "action", None) for record in caplog.records]
    assert actions == ["socket_opened", "socket_closed"]
    assert not any("secret" in str(record.__dict__) for record in caplog.records)


async def test_health(http: aiohttp.ClientSession, serve: Serve) -> None:
    async with http.get(f"{await serve(fake_models())}/healthz") as response:
        assert response.status == 200


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nothing", 404),
        ("PUT", "/v1/models", 405),
        ("GET", "/v1/listen", 400),
        ("GET", "/v1/speak", 400),
    ],
)
async def test_every_error_is_json(
    http: aiohttp.ClientSession, serve: Serve, method: str, path: str, status: int
) -> None:
    url = await serve(fake_models())
    async with http.request(method, url + path) as response:
        assert response.status == status
        assert {"err_msg", "error"} & set(await response.json())


async def test_stopping_closes_sockets_even_of_clients_that_hang(http: aiohttp.ClientSession) -> None:
    models = fake_models()
    app = create_app(models, Status(models, names=names_of(models), clock=time.monotonic))
    runner = web.AppRunner(app, handler_cancellation=True, access_log=None, shutdown_timeout=0.5)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0][:2]
    polite = await http.ws_connect(f"http://{host}:{port}/v1/listen")
    hanging = await http.ws_connect(f"http://{host}:{port}/v1/speak")
    began_at = time.monotonic()
    await runner.cleanup()
    assert time.monotonic() - began_at < 5
    goodbye = await polite.receive()
    assert (goodbye.type, goodbye.data) == (aiohttp.WSMsgType.CLOSE, aiohttp.WSCloseCode.GOING_AWAY)
    await polite.close()
    await hanging.close()
    await models.aclose()
    assert await models.aclose()

"""Between LiveKit and whom it posts webhooks to: passes them on, and loses a share of them."""

from __future__ import annotations

import random
from types import TracebackType
from typing import Self

import aiohttp
from aiohttp import web

_HOST = "127.0.0.1"
_TIMEOUT = aiohttp.ClientTimeout(total=20)
_HEADERS = ("Authorization", "Content-Type")


class LossyWebhooks:
    """A server that takes webhooks at `url`, as a context manager.

    Args:
        target: URL that they are passed on to, body and signature as they are.
        loss: Share that is lost, 0 to 1. LiveKit is told that those were taken, so it does not send them again.
        dice: Decides which.
    """

    def __init__(self, target: str, *, loss: float, dice: random.Random) -> None:
        self.n_passed = 0
        self.n_lost = 0
        self.loss = loss
        self._target = target
        self._dice = dice
        self._runner: web.AppRunner | None = None
        self._http: aiohttp.ClientSession | None = None
        self._port = 0

    @property
    def url(self) -> str:
        """Known once it was entered."""
        return f"http://{_HOST}:{self._port}/"

    async def aclose(self) -> None:
        """May be called twice."""
        runner, self._runner = self._runner, None
        if runner is not None:
            await runner.cleanup()
        http, self._http = self._http, None
        if http is not None:
            await http.close()

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_post("/", self._take)
        self._http = aiohttp.ClientSession(timeout=_TIMEOUT)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        site = web.TCPSite(self._runner, _HOST, 0)
        await site.start()
        self._port = self._runner.addresses[0][1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def _take(self, request: web.Request) -> web.Response:
        if self._dice.random() < self.loss:
            self.n_lost += 1
            return web.Response()
        assert self._http is not None  # noqa: S101  # it serves inside the block only
        body = await request.read()
        headers = {name: request.headers[name] for name in _HEADERS if name in request.headers}
        try:
            async with self._http.post(self._target, data=body, headers=headers) as answer:
                self.n_passed += 1
                return web.Response(status=answer.status)
        except (aiohttp.ClientError, TimeoutError):
            return web.Response(status=502)

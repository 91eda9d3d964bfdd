"""Counts requests and times them: an ASGI layer around everything."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import Counter, Histogram
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.metrics import Metrics

_GONE = "499"
_OTHER = "other"


class Measured:
    """One for the whole application.

    Args:
        app: What is measured.
        metrics: Is told.
        paths: Addresses that are told apart. All others are one, or strangers could fill the memory with them.
        clock: Seconds, monotonic.
    """

    def __init__(
        self, app: ASGIApp, metrics: Metrics, *, paths: frozenset[str], clock: Callable[[], float]
    ) -> None:
        self._app = app
        self._metrics = metrics
        self._paths = paths
        self._clock = clock
        self._known: dict[tuple[str, str], tuple[Counter, Histogram]] = {}
        """The two that count an address and a status. To look them up takes longer than to count."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        path = scope["path"] if scope["path"] in self._paths else _OTHER
        status = _GONE
        began_at = self._clock()

        async def sending(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = str(message["status"])
            await send(message)

        try:
            await self._app(scope, receive, sending)
        except Exception:
            status = "500"
            raise
        finally:
            self._count(path, status, self._clock() - began_at)

    def _count(self, path: str, status: str, seconds: float) -> None:
        counts = self._known.get((path, status))
        if counts is None:
            counts = self._metrics.requests.labels(path, status), self._metrics.seconds.labels(path)
            self._known[path, status] = counts
        counts[0].inc()
        counts[1].observe(seconds)

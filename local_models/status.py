"""What the server is doing, in numbers."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

from aiohttp import web

from local_models.models import Models

logger = logging.getLogger(__name__)

SocketKind = Literal["listen", "speak"]


@dataclass(slots=True)
class _Count:
    opened: int = 0
    closed: int = 0


class Status:
    """Counts sockets, and says all there is to say.

    Args:
        models: Asked for their queues.
        names: What is loaded, by part: ``{"stt": "whisper tiny.en", …}``.
        clock: Monotonic seconds.
    """

    def __init__(self, models: Models, *, names: dict[str, str], clock: Callable[[], float]) -> None:
        self.open_sockets: set[web.WebSocketResponse] = set()
        self._models = models
        self._names = names
        self._clock = clock
        self._started_at = clock()
        self._sockets: dict[SocketKind, _Count] = {"listen": _Count(), "speak": _Count()}

    @contextmanager
    def socket(self, kind: SocketKind, request_id: str, socket: web.WebSocketResponse) -> Iterator[None]:
        """A socket is open as long as this lasts."""
        count = self._sockets[kind]
        self.open_sockets.add(socket)
        count.opened += 1
        opened_at = self._clock()
        logger.info(
            "socket opened", extra={"action": "socket_opened", "kind": kind, "request_id": request_id}
        )
        try:
            yield
        finally:
            self.open_sockets.discard(socket)
            count.closed += 1
            logger.info(
                "socket closed",
                extra={
                    "action": "socket_closed",
                    "kind": kind,
                    "request_id": request_id,
                    "seconds": round(self._clock() - opened_at, 3),
                },
            )

    def as_json(self) -> dict[str, object]:
        """``{"uptime", "sockets": {kind: {open, opened, closed}}, "models": {part: {name, …}}}``."""
        return {
            "uptime": round(self._clock() - self._started_at, 1),
            "sockets": {
                kind: {"open": count.opened - count.closed, "opened": count.opened, "closed": count.closed}
                for kind, count in self._sockets.items()
            },
            "models": {
                queue.name: {
                    "name": self._names[queue.name],
                    "is_loaded": True,  # the server listens only when all are
                    "running": queue.n_running,
                    "queued": queue.n_queued,
                }
                for queue in self._models.queues
            },
        }

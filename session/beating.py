"""How a worker and its calls keep the registry told: from when, when something changes, and at the end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

from config import Settings
from heartbeat import Facts, OnOrder, Sender, secrets_in
from wire import Order


class Beating:
    """Beats for one process. Where there is no registry (`WEB_UI_URL` is empty), nothing of it does anything.

    Args:
        settings: Where the registry is, and how often it is told.
        describe: The facts of now; see `heartbeat.Sender`.
        on_orders: What to do when the registry orders something.
        goodbye_timeout: Seconds that the end waits for the registry, if it has been answering. It is given none
            if it has not: somebody else may wait for the end.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        describe: Callable[[], Facts],
        on_orders: Mapping[Order, OnOrder],
        goodbye_timeout: float,
    ) -> None:
        self._settings = settings
        self._describe = describe
        self._on_orders = on_orders
        self._goodbye_timeout = goodbye_timeout
        self._sender: Sender | None = None

    @property
    def is_heard(self) -> bool:
        """The last beat was taken by the registry."""
        return self._sender is not None and self._sender.is_heard

    def begin(self, incarnation: str | None = None) -> None:
        """Begin to beat, and watch the running event loop. May be called twice; the first time counts.

        Args:
            incarnation: UUID of this life of the process, where others know it by one; None = a new one.
        """
        if self._settings.web_ui_url is None or self._sender is not None:
            return
        self._sender = Sender(
            self._settings.web_ui_url,
            describe=self._describe,
            token=self._settings.registry_token,
            incarnation=incarnation,
            interval=self._settings.heartbeat_interval,
            on_orders=self._on_orders,
            loop=asyncio.get_running_loop(),
            secrets=secrets_in(self._settings),
        )
        self._sender.start()

    def tell(self) -> None:
        """Beat soon: something has changed. What has changed must be there before this is called."""
        if self._sender is not None:
            self._sender.beat_now()

    async def say_goodbye(self, reason: str) -> None:
        """The last beat. May be called twice."""
        if self._sender is not None:
            timeout = self._goodbye_timeout if self.is_heard else 0.0
            await self._sender.stop_async(reason, timeout=timeout)

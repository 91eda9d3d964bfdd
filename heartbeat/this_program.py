"""The one agent that a program is."""

from __future__ import annotations

import asyncio
import logging
import os
import re
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from config import SENDER_SETTINGS, Settings, SettingsError, load_settings
from heartbeat.errors import StatusError
from heartbeat.facts import Facts
from heartbeat.goodbye import Goodbye
from heartbeat.masking import secrets_in
from heartbeat.program import Program
from heartbeat.sender import Sender
from wire import Command, Deployment, Order, Outcome

logger = logging.getLogger(__name__)

OnStop = Callable[[str], object]
"""Called with the reason when the registry orders the program to stop, or to drain, in a thread of its own."""

_STOP_DELAY = 0.1
"""Seconds until a program that was ordered to stop gets its signal: the registry is told first."""


class _Agent:
    """What one life of the agent has said, and its sender.

    `program` is replaced as a whole and read without a lock: the sender's thread must never wait for a thread
    that waits for the sender.
    """

    def __init__(self, basis: Facts, settings: Settings, actions: Mapping[Order, OnStop | None]) -> None:
        self.program = Program(basis=basis)
        self.actions = {order: action for order, action in actions.items() if action is not None}
        self.sender: Sender | None = None
        if settings.web_ui_url is not None:
            self.sender = Sender(
                settings.web_ui_url,
                token=settings.registry_token,
                describe=lambda: self.program.facts(now=time.monotonic()),
                interval=settings.heartbeat_interval,
                on_orders={Order.STOP: self._stop, Order.DRAIN: self._drain},
                secrets=secrets_in(settings),
            )

    def _stop(self, command: Command) -> Outcome | None:
        action = self.actions.get(Order.STOP)
        if action is not None:
            action(command.reason)
            return None
        timer = threading.Timer(_STOP_DELAY, os.kill, (os.getpid(), signal.SIGTERM))
        timer.daemon = True
        timer.start()
        return Outcome(id=command.id, ok=True, detail="it sends itself SIGTERM")

    def _drain(self, command: Command) -> Outcome | None:
        action = self.actions.get(Order.DRAIN)
        if action is None:
            return Outcome(id=command.id, ok=False, detail="not supported by this process: drain")
        action(command.reason)
        return None


class ThisProgram:
    """Starts, changes and ends the agent of this process. From any thread; raises `StatusError` at most."""

    def __init__(self) -> None:
        self._lock = threading.RLock()  # a signal may come while its thread holds it
        self._agent: _Agent | None = None
        self._ending: list[Sender] = []
        """Senders whose goodbye goes on by itself; the end of the process waits for them."""

        self._has_started = False
        self._has_complained = False
        self._goodbye = Goodbye(self._end)

    def start(
        self, given: Mapping[str, Any], *, agent_id: str | None, actions: Mapping[Order, OnStop | None]
    ) -> bool:
        """Begin to beat, or change what is given; see `status.mark_agent_started`.

        Args:
            given: Fields of `Facts`, checked.

        Returns:
            Whether there was no agent before.
        """
        try:
            settings = load_settings(only=SENDER_SETTINGS)
        except SettingsError as error:
            raise StatusError(str(error)) from None  # the one line says it all
        with self._lock:
            old = self._agent
            if old is not None and agent_id in {None, old.program.basis.agent_id}:
                old.program = replace(old.program, basis=replace(old.program.basis, **given))
                old.actions |= {order: action for order, action in actions.items() if action is not None}
                agent = old
            else:
                basis = _basis(settings, given, agent_id)
                if old is not None:
                    self._leave(f"the program goes on as {basis.agent_id}")
                self._agent = agent = _Agent(basis, settings, actions)
                self._has_started = True
            if agent.sender is not None:
                agent.sender.start()
                self._goodbye.install()
        _tell(agent)
        return old is None

    def change(self, what: str, change: Callable[[Program, float], Program]) -> None:
        """Change what the program has said. Without an agent nothing happens; `what` is named once then."""
        with self._lock:
            agent = self._agent
            if agent is None:
                self._complain(what)
                return
            agent.program = change(agent.program, time.monotonic())
        _tell(agent)

    def stop(self, reason: str) -> None:
        """Say goodbye, and wait for it; on an event loop it goes on by itself. May be called twice."""
        with self._lock:
            sender = self._leave(reason)
        if sender is not None and _running_loop() is None:
            sender.stop(reason)

    async def stop_async(self, reason: str) -> None:
        """As `stop`, and waits without blocking the loop."""
        with self._lock:
            sender = self._leave(reason)
        if sender is not None:
            await sender.stop_async(reason)

    def forget(self) -> None:
        """In a forked child: it is another process, with no agent yet."""
        self._lock = threading.RLock()
        self._agent = None
        self._ending = []
        self._has_started = False

    def _leave(self, reason: str) -> Sender | None:
        """Begin the goodbye; the sender to wait for, if there is one."""
        agent, self._agent = self._agent, None
        self._goodbye.uninstall_signals()
        if agent is None or agent.sender is None:
            return None
        agent.sender.stop(reason, timeout=0)
        self._ending = [*(sender for sender in self._ending if not sender.is_over), agent.sender]
        return agent.sender

    def _end(self, reason: str) -> None:
        """The process ends. Waits also for a goodbye that was begun before."""
        with self._lock:
            self._leave(reason)
        for sender in self._ending:
            sender.stop(reason)

    def _complain(self, what: str) -> None:
        if self._has_started or self._has_complained:
            return
        self._has_complained = True
        logger.warning(
            "%s() before mark_agent_started(): the registry is told nothing until that is called",
            what,
            extra={"action": "heartbeat.not_started"},
        )


def _tell(agent: _Agent) -> None:
    sender, loop = agent.sender, _running_loop()
    if sender is None:
        return
    if loop is not None and not sender.is_watching:
        sender.watch(loop)
    sender.beat_now()


def _basis(settings: Settings, given: Mapping[str, Any], agent_id: str | None) -> Facts:
    """Who the program is: what is given, else what the settings say, else what can be seen."""
    host = given.get("host") or settings.agent_host or socket.gethostname()
    script = _script()
    name = given.get("name") or settings.agent_name
    defaults = {
        "name": name or script,
        "host": host,
        "port": settings.agent_port,
        "deployment": Deployment(settings.agent_deployment),
    }
    chosen = agent_id or settings.agent_id or (_slug(name) if name else "") or f"{script}@{host}"
    return Facts(**{**defaults, **given, "agent_id": chosen})


def _script() -> str:
    """The name of what runs: of the script, or of the module after ``-m``."""
    path = Path(sys.argv[0]) if sys.argv and sys.argv[0] not in {"", "-", "-c", "-m"} else Path("python")
    return path.parent.name if path.stem == "__main__" and path.parent.name else path.stem


def _slug(name: str) -> str:
    return re.sub(r"\W+", "-", name.lower()).strip("-")


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


this_program = ThisProgram()

if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=this_program.forget)

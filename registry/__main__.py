"""`python -m registry`: serve the registry until told to stop."""

from __future__ import annotations

import argparse
import asyncio
import gc
import logging
import os
import signal
import socket
import sys
from collections.abc import Callable
from pathlib import Path

from config import Settings, SettingsError, load_settings, process_environment, state_folder
from config.hosts import is_loopback
from registry import logs
from registry.app import create_app
from registry.keeping import RoomKeeping
from registry.running import ProcessControl, run_registry
from registry.server import Server
from registry.store import Store, StoreError, sqlite_url
from rooms.limits import Intervals

logger = logging.getLogger("registry")

WRONG_SETTINGS = 2
"""Exit code for what only a person can mend."""

_GC_THRESHOLDS = (50_000, 50, 100)
"""Objects until Python looks for cycles; its default of 700 costs a busy registry some percent of its time."""

_SWITCH_INTERVAL = 0.0005
"""Seconds that the thread of the database may hold up the event loop; Python's default is ten times as long."""

FAILED = 1
"""Exit code for what a supervisor may try again: a database that is not there may come."""


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m registry", description="Shows and guards a fleet of agents."
    )
    parser.add_argument("--host", help="address to listen on (default: REGISTRY_HOST)")
    parser.add_argument(
        "--port", type=int, help="port to listen on, 0 = any free one (default: REGISTRY_PORT)"
    )
    arguments = parser.parse_args()
    logs.set_up()
    given = {
        name: value
        for name, value in (("registry_host", arguments.host), ("registry_port", arguments.port))
        if value is not None
    }
    try:
        settings = load_settings().replace(**given)
        _check(settings)
        listening = _listen(settings)
    except SettingsError as error:
        print(error, file=sys.stderr)  # noqa: T201  # one line for a person, with no logging around it
        return WRONG_SETTINGS
    try:
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            runner.run(_serve(settings, listening))
    except StoreError as error:
        print(error, file=sys.stderr)  # noqa: T201
        return FAILED
    except KeyboardInterrupt:
        return 130
    return 0


async def _serve(settings: Settings, listening: socket.socket) -> None:
    url = (
        settings.database_url.get_secret_value()
        if settings.database_url
        else sqlite_url(state_folder() / "registry.db")
    )
    store = Store(url)
    try:
        async with run_registry(
            store,
            token=settings.registry_token.get_secret_value() if settings.registry_token else None,
            new_agents=settings.registry_new_agents,
            history_days=settings.history_days,
            journal_days=settings.journal_days,
            rooms=_room_keeping(settings),
            processes=ProcessControl(
                file=Path(settings.registry_agents_file),
                must_exist="registry_agents_file" in settings.model_fields_set,
                environment=process_environment(),
                hosts=tuple({socket.gethostname(), settings.agent_host or socket.gethostname()}),
            ),
            prices_file=state_folder() / "prices.json",
        ) as registry:
            # What was loaded lives as long as the process: looking through it again would stop everything for long.
            gc.collect()
            gc.freeze()
            gc.set_threshold(*_GC_THRESHOLDS)
            sys.setswitchinterval(_SWITCH_INTERVAL)
            server = Server(create_app(registry), registry)
            host, port = listening.getsockname()[:2]
            logger.info(
                "listening",
                extra={
                    "action": "registry.listening",
                    "url": f"http://{_shown(host)}:{port}",
                    "pid": os.getpid(),
                },
            )
            # When it is done, uvicorn raises the signal that ended it once more, for whoever had asked for it before.
            # Nobody had, and Python's own answer would be to die before the rest is written.
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            await server.serve(sockets=[listening])
    finally:
        store.close()


def _room_keeping(settings: Settings) -> RoomKeeping:
    try:
        login = settings.livekit_login()
    except SettingsError:
        login = None
    return RoomKeeping(
        login=login,
        agent_name=settings.livekit_agent_name or "",
        is_on=settings.room_keeping,
        intervals=Intervals(
            rooms=settings.room_interval,
            health=settings.room_health_interval,
            garbage=settings.room_garbage_interval,
        ),
    )


def _check(settings: Settings) -> None:
    if settings.registry_token is None and not is_loopback(settings.registry_host):
        raise SettingsError(
            f"REGISTRY_HOST={settings.registry_host!r} is not this machine's own address, so REGISTRY_TOKEN must be "
            "set: whoever reaches the registry can stop agents"
        )


def _listen(settings: Settings) -> socket.socket:
    """Raises `SettingsError` when the address cannot be had."""
    try:
        family = socket.AF_INET6 if ":" in settings.registry_host else socket.AF_INET
        listening = socket.create_server(
            (settings.registry_host, settings.registry_port), family=family, backlog=2_048
        )
    except OSError as error:
        raise SettingsError(
            f"REGISTRY_HOST={settings.registry_host}, REGISTRY_PORT={settings.registry_port}: "
            f"{error.strerror or error}; choose another port, or 0 for any free one"
        ) from error
    listening.setblocking(False)
    return listening


def _shown(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """uvloop, where there is one."""
    if sys.platform == "win32":
        return None
    import uvloop  # noqa: PLC0415  # not on every platform

    return uvloop.new_event_loop


if __name__ == "__main__":
    sys.exit(main())

"""`python -m service`: serve the agent service until told to stop."""

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

from config import Settings, SettingsError, load_settings, reload_settings, state_folder
from llm.models import Models
from service import logs
from service.app import create_app
from service.deadline import Deadline
from service.running import check_secret, run_service
from service.server import END_LIMIT, Server
from service.store import Store, StoreError, sqlite_url

logger = logging.getLogger("service")

USUAL_PORT = 8080

WRONG_SETTINGS = 2
"""Exit code for what only a person can mend."""

INTERRUPTED = 130
"""Exit code after Ctrl-C, as shells have it."""

_END_LIMIT = END_LIMIT - 0.2
"""Seconds after the signal in which the process ends. Many would kill it after ten."""

_REST_LIMIT = 1.0
"""Seconds for the rest when all is done and written: only threads can hang then."""

_GC_THRESHOLDS = (50_000, 50, 100)
"""Objects until Python looks for cycles; its default of 700 costs a busy service some percent of its time."""

_SWITCH_INTERVAL = 0.0005
"""Seconds that the thread of the database may hold up the event loop; Python's default is ten times as long."""


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m service", description="Chat over HTTP with whatever language model answers."
    )
    parser.add_argument("--host", help="address to listen on (default: AGENT_SERVICE_HOST)")
    parser.add_argument(
        "--port", type=int, help=f"port to listen on, 0 = any free one (default: AGENT_PORT, or {USUAL_PORT})"
    )
    arguments = parser.parse_args()
    logs.set_up()
    try:
        settings = load_settings()
        host = arguments.host or settings.agent_service_host
        port = next(each for each in (arguments.port, settings.agent_port, USUAL_PORT) if each is not None)
        check_secret(settings, host=host)
        store = _store(settings)
        listening = _listen(host, port)
    except (SettingsError, StoreError) as error:
        print(error, file=sys.stderr)  # noqa: T201  # one line for a person, with no logging around it
        return WRONG_SETTINGS
    try:
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            return runner.run(_serve(settings, store, listening, host=host))
    except KeyboardInterrupt:
        return INTERRUPTED
    finally:
        store.close()


async def _serve(settings: Settings, store: Store, listening: socket.socket, *, host: str) -> int:
    """Returns the exit code."""
    async with (
        Models(settings, board_folder=state_folder() / "llm") as models,
        run_service(settings, models=models, store=store, host=host, reload=reload_settings) as service,
    ):
        # What was loaded lives as long as the process: looking through it again would stop everything for long.
        gc.collect()
        gc.freeze()
        gc.set_threshold(*_GC_THRESHOLDS)
        sys.setswitchinterval(_SWITCH_INTERVAL)
        deadline = Deadline()
        server = Server(create_app(service), service, on_signal=lambda: deadline.within(_END_LIMIT))
        shown, port = listening.getsockname()[:2]
        logger.info(
            "listening",
            extra={
                "action": "service.listening",
                "url": f"http://{f'[{shown}]' if ':' in shown else shown}:{port}",
                "pid": os.getpid(),
            },
        )
        # When it is done, uvicorn raises the signal that ended it once more, for whoever had asked for it before.
        # Nobody had, and Python's own answer would be to die before the rest is written.
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, signal.SIG_IGN)
        await server.serve(sockets=[listening])
    deadline.exit_code = INTERRUPTED if server.ended_by == signal.SIGINT else 0
    deadline.within(_REST_LIMIT)
    return deadline.exit_code


def _store(settings: Settings) -> Store:
    """Raises `StoreError` for a URL that nobody can open. Whether the database is there is found out later."""
    if settings.database_url is not None:
        return Store(settings.database_url.get_secret_value())
    return Store(sqlite_url(state_folder() / "service.db"))


def _listen(host: str, port: int) -> socket.socket:
    """Raises `SettingsError` when the address cannot be had."""
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        listening = socket.create_server((host, port), family=family, backlog=2_048)
    except (OSError, OverflowError) as error:
        words = getattr(error, "strerror", None) or error
        raise SettingsError(
            f"AGENT_SERVICE_HOST={host}, AGENT_PORT={port}: {words}; choose another port, or 0 for any free one"
        ) from error
    listening.setblocking(False)
    return listening


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """uvloop, where there is one."""
    if sys.platform == "win32":
        return None
    import uvloop  # noqa: PLC0415  # not on every platform

    return uvloop.new_event_loop


if __name__ == "__main__":
    sys.exit(main())

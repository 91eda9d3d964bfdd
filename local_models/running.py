"""The process: take the port, load, serve, stop."""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import signal
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path

from aiohttp import web

from local_models.errors import StartError
from local_models.loading import load_models, names_of
from local_models.models import Models
from local_models.server import create_app
from local_models.status import Status

logger = logging.getLogger(__name__)

_STOP_TIMEOUT = 1.0
"""Seconds that handlers get to end once their sockets are closed."""


def serve(*, host: str, port: int, root: Path, say: Callable[[str], None]) -> None:
    """Run until SIGINT or SIGTERM. A second signal ends the process at once.

    Args:
        host: Address to listen on.
        port: 0 = any free one.
        root: The cache folder.
        say: Takes one line of progress.

    Raises:
        StartError: The port, the weights or a package.
    """
    listener = take_port(host, port)  # first: to load for seconds and then fail would be unkind
    try:
        models = load_models(root, say=say)
        is_quiet = asyncio.run(_serve(models, listener, host=host, say=say))
    finally:
        listener.close()
    if not is_quiet:
        # A model is in the middle of a long prompt, and nothing can stop it: Python would wait for its thread.
        logger.info("stopped with work left", extra={"action": "stopped_busy"})
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(0)


def take_port(host: str, port: int) -> socket.socket:
    """A bound socket that does not listen yet.

    Raises:
        StartError: The port is in use, or the address is not ours.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, kind, protocol)
    except OSError as error:
        raise StartError(f"cannot listen on {host!r} ({error}); set LOCAL_MODELS_HOST") from error
    try:
        if os.name == "posix":  # elsewhere it would let two servers share the port
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(0)  # two starting servers may both bind; only one may listen
    except OSError as error:
        listener.close()
        raise _port_error(host, port, error) from error
    return listener


async def _serve(models: Models, listener: socket.socket, *, host: str, say: Callable[[str], None]) -> bool:
    """Serve until a signal. True = nothing is left running."""
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()

    def on_signal() -> None:
        if stop.is_set():
            os._exit(1)
        stop.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, on_signal)
    status = Status(models, names=names_of(models), clock=time.monotonic)
    runner = web.AppRunner(
        create_app(models, status), handler_cancellation=True, access_log=None, shutdown_timeout=_STOP_TIMEOUT
    )
    try:
        await runner.setup()
        await web.SockSite(runner, listener).start()
        say(f"local models are ready on http://{_shown(host)}:{listener.getsockname()[1]}")
        await stop.wait()
        say("stopping")
    finally:
        await runner.cleanup()
        is_quiet = await models.aclose()
    return is_quiet


def _port_error(host: str, port: int, error: OSError) -> StartError:
    if error.errno == errno.EADDRINUSE:
        return StartError(
            f"port {port} on {host} is in use; stop what uses it, or set LOCAL_MODELS_PORT to another"
        )
    if error.errno == errno.EACCES:
        return StartError(
            f"port {port} needs more rights than this user has; set LOCAL_MODELS_PORT above 1023"
        )
    return StartError(
        f"cannot listen on {host}:{port} ({error.strerror}); set LOCAL_MODELS_HOST or LOCAL_MODELS_PORT"
    )


def _shown(host: str) -> str:
    return f"[{host}]" if ":" in host else host

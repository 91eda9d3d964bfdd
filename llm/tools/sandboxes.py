"""Run a program in one of E2B's sandboxes, which is made for it and ended after it."""

from __future__ import annotations

import asyncio
import importlib
import logging
import math
from collections.abc import Coroutine, Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import httpx
from pydantic import SecretStr

from llm.tools.errors import ToolError
from llm.tools.output import EnoughError, Output
from llm.tools.tool import Tool

logger = logging.getLogger(__name__)

PACKAGE = "e2b_code_interpreter"

MAX_CODE_BYTES = 20_000

END_TIMEOUT = 5.0
"""Seconds to end a sandbox, also one that is still being made. It goes on after the answer."""

_LIFETIME = 15.0
"""Seconds after the last moment of a call when E2B ends the sandbox itself, should nobody have done it."""

_HEADROOM = 0.1
"""Share of the time-out, at most half a second, kept for telling what a program printed until it was stopped."""


def run_code(key: SecretStr, *, base_url: str | None, timeout: float) -> Tool:
    """The tool. Its package is imported at the first call.

    Args:
        key: E2B's.
        base_url: Another server that speaks its protocol.
        timeout: Seconds for making the sandbox and running the program.
    """
    sandboxes = _Sandboxes(key.get_secret_value(), where=place(base_url), timeout=timeout)
    code = {
        "type": "string",
        "description": "The program, in Python",
        "minLength": 1,
        "maxLength": MAX_CODE_BYTES,
    }
    return Tool(
        name="run_code",
        description=(
            "Run a Python program and see what it prints. Use it to calculate, and to work with data and dates. "
            "It has no access to the internet, and nothing is kept from one program to the next."
        ),
        parameters={"type": "object", "properties": {"code": code}, "required": ["code"]},
        run=sandboxes.run,
        origin="the output of a program",
        timeout=timeout,
        aclose=sandboxes.aclose,
    )


def place(base_url: str | None) -> dict[str, str]:
    """Options of E2B's client for another server than E2B's own.

    An installation of E2B has its API at `api.` of a domain and its sandboxes under that domain. Any other server has
    both at the same URL, plain HTTP included.
    """
    if base_url is None:
        return {}
    host = urlsplit(base_url).hostname or ""
    if host.startswith("api."):
        return {"api_url": base_url, "domain": host.removeprefix("api.")}
    return {"api_url": base_url, "sandbox_url": base_url}


class _Sandboxes:
    """One for each call; remembers those that are being ended."""

    def __init__(self, key: str, *, where: Mapping[str, str], timeout: float) -> None:
        self._key = key
        self._where = where
        self._timeout = timeout
        self._running: set[asyncio.Task[Any]] = set()

    async def run(self, arguments: Mapping[str, Any]) -> str:
        code: str = arguments["code"]
        if len(code.encode()) > MAX_CODE_BYTES:
            raise ToolError(f"the program was not run: it is longer than {MAX_CODE_BYTES:,} bytes.")
        output = Output(key=self._key)
        patience = self._timeout - min(0.5, _HEADROOM * self._timeout)
        # Tasks of their own, which outlive the call. A request that is cancelled may have made a sandbox, and nobody
        # would know which; and the client may swallow a cancellation (`asyncio.wait_for` before Python 3.12 does).
        creating = self._keep(self._create(), name="making a sandbox")
        running: asyncio.Task[str] = self._keep(self._run(creating, code, output), name="running a program")
        try:
            await asyncio.wait({running}, timeout=patience)
            is_done = running.done()
        finally:
            self._keep(self._end(creating, running), name="ending a sandbox")
        if is_done:
            return running.result()
        if not _is_made(creating):
            raise _failed(f"no sandbox within {patience:g} s")
        return output.told(end=f"The program was stopped after {patience:g} s.")

    async def aclose(self) -> None:
        """Wait until the sandboxes of earlier calls are ended, within `END_TIMEOUT`."""
        if self._running:
            await asyncio.wait(set(self._running), timeout=END_TIMEOUT)

    async def _create(self) -> Any:
        try:
            package = await asyncio.to_thread(importlib.import_module, PACKAGE)
        except ImportError as error:
            raise _failed("its client cannot be loaded") from error
        with _in_words(package):
            return await package.AsyncSandbox.create(
                api_key=self._key,
                timeout=math.ceil(self._timeout + _LIFETIME),
                request_timeout=self._timeout,
                # What strangers wrote may have made the model write this program: it is not to carry anything away.
                allow_internet_access=False,
                debug=False,  # E2B_DEBUG would leave sandboxes behind
                retries=0,  # somebody waits for the answer
                **self._where,
            )

    async def _run(self, creating: asyncio.Task[Any], code: str, output: Output) -> str:
        sandbox = await asyncio.shield(creating)
        package = importlib.import_module(PACKAGE)  # is there by now
        try:
            with _in_words(package):
                await sandbox.run_code(
                    code,
                    timeout=self._timeout,
                    request_timeout=self._timeout,
                    on_stdout=output.take_stdout,
                    on_stderr=output.take_stderr,
                    on_result=output.take_result,
                    on_error=output.take_error,
                )
        except EnoughError:
            return output.told(end="The program was stopped, because it printed too much.")
        return output.told()

    async def _end(self, creating: asyncio.Task[Any], running: asyncio.Task[str]) -> None:
        running.cancel()
        try:
            async with asyncio.timeout(END_TIMEOUT):
                await asyncio.wait({creating})
                if _is_made(creating):
                    await creating.result().kill(request_timeout=END_TIMEOUT, retries=2)
        except Exception as error:  # noqa: BLE001  # a step of a shutdown; no traceback, it may hold the key
            reason = {"action": "sandbox_not_ended", "error": type(error).__name__}
            logger.warning("a sandbox was not ended, and ends by itself", extra=reason)
        finally:
            creating.cancel()
            running.cancel()  # again: the first may have been swallowed

    def _keep(self, work: Coroutine[Any, Any, Any], *, name: str) -> asyncio.Task[Any]:
        task = asyncio.create_task(work, name=name)
        self._running.add(task)
        task.add_done_callback(self._forget)
        return task

    def _forget(self, task: asyncio.Task[Any]) -> None:
        self._running.discard(task)
        if not task.cancelled():
            task.exception()  # seen, so that nothing says it never was


def _is_made(creating: asyncio.Task[Any]) -> bool:
    return creating.done() and not creating.cancelled() and creating.exception() is None


def _failed(reason: str) -> ToolError:
    return ToolError(f"running the program failed: {reason}; answer without it, and say so.")


@contextmanager
def _in_words(package: Any) -> Iterator[None]:
    """What E2B's client raises, as `ToolError`; its own words could hold anything."""
    try:
        yield
    except package.AuthenticationException as error:
        raise _failed("the key is refused (401)") from error
    except package.RateLimitException as error:
        raise _failed("too many sandboxes at present (429)") from error
    except package.ServiceBusyException as error:
        raise _failed("there is no sandbox free at present (503)") from error
    except package.TimeoutException as error:
        raise _failed("its sandbox does not answer") from error
    except package.NotFoundException as error:
        raise _failed("there is no such sandbox (404)") from error
    except package.SandboxException as error:
        # Of a sandbox's own answer the status is only in the message.
        status = error.status_code or str(error).partition(" ")[0]
        raise _failed(f"its server answered {status}" if str(status).isdigit() else "E2B refused") from error
    except httpx.HTTPError as error:
        raise _failed("its server is out of reach") from error
    # The client does not check what it is given.
    except (ValueError, AttributeError, KeyError, TypeError) as error:
        raise _failed("its server's answer cannot be read") from error

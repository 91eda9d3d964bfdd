"""HTTP to one registry. Every request has a time limit, and every failure is one of `cli.errors`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import TypeVar
from urllib.parse import quote

import httpx
import msgspec

from cli.errors import RefusedError, UnreachableError
from cli.sse import Event, EventReader
from config.hosts import leads_here
from wire import BeatError, decode_refused

_T = TypeVar("_T")

_LIMITS = httpx.Timeout(10.0, connect=5.0)

_STREAM_LIMITS = httpx.Timeout(40.0, connect=5.0)
"""The registry sends something every 15 seconds on a stream."""


class Connection:
    """A registry's address, and how to talk to it.

    Args:
        url: Where it is.
        token: REGISTRY_TOKEN; None = it asks for none.
        origin: Where `url` comes from, for error messages.
        transport: None = the network.
    """

    def __init__(
        self,
        url: str,
        *,
        token: str | None = None,
        origin: str = "WEB_UI_URL",
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self.url = url
        self._where = f"{url} ({origin})"
        self._http = httpx.AsyncClient(
            base_url=url,
            headers={"Authorization": f"Bearer {token}"} if token else {},
            timeout=_LIMITS,
            transport=transport,
            verify=url.startswith("https:"),  # loading certificates takes longer than most commands
            trust_env=not leads_here(url),  # a proxy from the environment cannot reach our loopback
        )

    async def aclose(self) -> None:
        """May be called twice."""
        await self._http.aclose()

    async def ask(
        self,
        method: str,
        path: str,
        body: Mapping[str, object] | None = None,
        *,
        parameters: Mapping[str, str | list[str]] | None = None,
    ) -> bytes:
        """Send a request with a JSON body.

        Returns:
            The body of the answer.

        Raises:
            RefusedError: The registry says no.
            UnreachableError: There is no registry.
        """
        answer = await self._sent(self._http.build_request(method, path, json=body, params=parameters))
        if not answer.is_success:
            raise self._refusal(answer)
        return answer.content

    async def send(
        self,
        path: str,
        data: bytes,
        *,
        method: str = "POST",
        parameters: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> bytes:
        """Send `data`, which is JSON already. Otherwise as `ask`."""
        all_headers = {"Content-Type": "application/json", **(headers or {})}
        request = self._http.build_request(method, path, content=data, headers=all_headers, params=parameters)
        answer = await self._sent(request)
        if not answer.is_success:
            raise self._refusal(answer)
        return answer.content

    @asynccontextmanager
    async def events(self, path: str) -> AsyncIterator[AsyncIterator[Event]]:
        """An open stream of events, which ends with `UnreachableError` and never by itself. Raises as `ask`."""
        headers = {"Accept": "text/event-stream"}
        request = self._http.build_request("GET", path, headers=headers, timeout=_STREAM_LIMITS)
        answer = await self._sent(request, stream=True)
        try:
            if not answer.is_success:
                await self._read(answer)
                raise self._refusal(answer)
            if not answer.headers.get("content-type", "").startswith("text/event-stream"):
                raise self._not_a_registry(answer)
            yield self._events(answer)
        finally:
            await answer.aclose()

    def decode(self, data: bytes, kind: type[_T]) -> _T:
        """An answer as a value. Raises `UnreachableError` when it is none."""
        try:
            return msgspec.json.decode(data, type=kind)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise UnreachableError(
                f"what answers at {self._where} is no registry that this command knows: {error}"
            ) from error

    async def _events(self, answer: httpx.Response) -> AsyncIterator[Event]:
        reader = EventReader()
        try:
            async for piece in answer.aiter_bytes():
                for event in reader.feed(piece):
                    yield event
        except httpx.HTTPError as error:
            raise self._unreachable(error) from error
        except ValueError as error:
            raise self._not_a_registry(answer) from error
        raise UnreachableError(f"the registry at {self._where} ended the connection")

    async def _sent(self, request: httpx.Request, *, stream: bool = False) -> httpx.Response:
        try:
            return await self._http.send(request, stream=stream)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise self._unreachable(error) from error

    async def _read(self, answer: httpx.Response) -> None:
        try:
            await answer.aread()
        except httpx.HTTPError as error:
            raise self._unreachable(error) from error

    def _refusal(self, answer: httpx.Response) -> RefusedError | UnreachableError:
        try:
            refused = decode_refused(answer.content)
        except BeatError:
            return self._not_a_registry(answer)
        return RefusedError(
            refused.message, code=refused.code, status=answer.status_code, retry_after=refused.retry_after
        )

    def _not_a_registry(self, answer: httpx.Response) -> UnreachableError:
        kind = answer.headers.get("content-type", "no type").partition(";")[0]
        return UnreachableError(
            f"what answers at {self._where} is no registry: HTTP {answer.status_code}, {kind}"
        )

    def _unreachable(self, error: httpx.HTTPError | httpx.InvalidURL) -> UnreachableError:
        if isinstance(error, httpx.ConnectError):
            return UnreachableError(
                f"no registry answers at {self._where}: start it with `python -m registry`"
            )
        if isinstance(error, httpx.TimeoutException):
            return UnreachableError(f"the registry at {self._where} does not answer in time")
        detail = str(error) or type(error).__name__
        return UnreachableError(f"the connection to the registry at {self._where} broke: {detail}")


def quoted(part: str) -> str:
    """A part of a path, whatever is in it."""
    text = quote(part, safe="")
    # Dots alone would mean a folder, or the one above.
    return text if text.strip(".") else text.replace(".", "%2E")

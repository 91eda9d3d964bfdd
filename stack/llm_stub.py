"""A language model's server that answers as it is told, well or badly: for tests and benchmarks."""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Any, Self

from aiohttp import web

from stack.llm_stub_plays import STILL_LOADING, WHOLE_SERVER, Behaviour, Play, answer, reset
from stack.llm_stub_texts import Said, ToolCall, model_list, n_words, words_of

__all__ = ["Behaviour", "LlmStub", "ToolCall"]

_CHAT = "/v1/chat/completions"
_MODELS = "/v1/models"
_N_KEPT = 100
_STOP_TIMEOUT = 0.05
"""Seconds that answers may still take when it is stopped; most of them would never end."""

Answer = str | Callable[[Mapping[str, Any]], str]
"""A text, or a function of the request's body that makes one."""


class LlmStub:
    """An OpenAI-compatible server at `url`, in this event loop, as a context manager.

    All attributes may be set at any time; they count from the next request on.

    Args:
        behaviour: How chats are answered.
        models: Names that `GET /v1/models` tells.
        answer: What is said.
        delay: Seconds between the role and the first word.
        gap: Seconds between two words.
        loading_for: Seconds of LOADING (from the start, or from when it was set) and of SLOW_LOAD (from its
            first request).
        port: 0 = any free one, which it keeps when it is started again.
        host: This machine's address to listen on; not 127.0.0.1 = a server that seems to be far away.
    """

    def __init__(
        self,
        behaviour: Behaviour = Behaviour.OK,
        *,
        models: Sequence[str] = ("stub",),
        answer: Answer = "It is a fine day today.",
        delay: float = 0.0,
        gap: float = 0.0,
        loading_for: float = 60.0,
        port: int = 0,
        host: str = "127.0.0.1",
    ) -> None:
        self.models = tuple(models)
        self.answer = answer
        self.delay = delay
        self.gap = gap
        self.loading_for = loading_for
        self.tail = 0.0
        """Seconds between the last event of a stream and the end of its body. Real servers send them apart."""
        self.retry_after = 2.0
        """Seconds that RATE_LIMITED tells."""
        self.tool_call = ToolCall()
        """What TOOL_CALL calls."""
        self.probe_behaviour: Behaviour | None = None
        """How all but chats is answered; None = as a server does that behaves like that (`WHOLE_SERVER`)."""

        self.counts: Counter[str] = Counter()
        """Requests by path, like /v1/models."""
        self.requests: deque[dict[str, Any]] = deque(maxlen=_N_KEPT)
        """Bodies of the last chats."""
        self.authorization: str | None = None
        """That header of the last request."""
        self.n_left = 0
        """Clients that went away before their answer had ended."""
        self.aborted = False
        """Whether one of them went away while the model was loading, which aborts the loading, as in Ollama."""

        self._behaviour = behaviour
        self._port = port
        self._host = host
        self._runner: web.AppRunner | None = None
        self._loaded_at: float | None = None
        self._n_loading = 0
        self._peers: set[object] = set()

    @property
    def behaviour(self) -> Behaviour:
        return self._behaviour

    @behaviour.setter
    def behaviour(self, behaviour: Behaviour) -> None:
        self._behaviour = behaviour
        self._loaded_at = None
        if self._runner is not None and behaviour is Behaviour.LOADING:
            self._loaded_at = asyncio.get_running_loop().time() + self.loading_for

    @property
    def port(self) -> int:
        """Known once it was started, and then the same for ever."""
        return self._port

    @property
    def url(self) -> str:
        """With its /v1."""
        return f"http://{self._host}:{self._port}/v1"

    @property
    def n_chats(self) -> int:
        return self.counts[_CHAT]

    @property
    def n_probes(self) -> int:
        """All other requests."""
        return self.counts.total() - self.n_chats

    @property
    def n_open(self) -> int:
        """Connections that are open now."""
        server = None if self._runner is None else self._runner.server
        return 0 if server is None else len(server.connections)

    @property
    def n_connections(self) -> int:
        """Connections that requests came on, ever. Fewer than requests, where they are used again."""
        return len(self._peers)

    async def start(self) -> None:
        """Listen, on the same port each time. May be called twice.

        Raises:
            OSError: Another program has that port.
        """
        if self._runner is not None:
            return
        app = web.Application(client_max_size=64 * 1_024 * 1_024)
        app.router.add_route("*", "/{path:.*}", self._take)
        runner = web.AppRunner(
            app, access_log=None, handler_cancellation=True, shutdown_timeout=_STOP_TIMEOUT
        )
        await runner.setup()
        try:
            await web.TCPSite(runner, self._host, self._port, backlog=1_024).start()
        except OSError:
            await runner.cleanup()
            raise
        self._runner = runner
        self._port = runner.addresses[0][1]
        self.behaviour = self._behaviour  # a server that is started again loads again

    async def stop(self) -> None:
        """End all connections and take no new ones. May be called twice."""
        runner, self._runner = self._runner, None
        if runner is not None:
            await runner.cleanup()

    async def kill(self) -> None:
        """Reset all connections and take no new ones, like a process that was killed. May be called twice."""
        runner, self._runner = self._runner, None
        if runner is None:
            return
        for site in list(runner.sites):
            await site.stop()
        if runner.server is not None:
            for connection in runner.server.connections:
                reset(connection.transport)
        await runner.cleanup()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def _take(self, request: web.Request) -> web.StreamResponse:
        self.counts[request.path] += 1
        if request.transport is not None:
            self._peers.add(request.transport.get_extra_info("peername"))
        self.authorization = request.headers.get("Authorization")
        is_chat = request.path == _CHAT
        behaviour = self._behaviour if is_chat else self._behaviour_of_probes()
        try:
            body = await _read(request) if is_chat else {}
            if is_chat:
                self.requests.append(body)
            if behaviour is Behaviour.LOADING and self._is_loading():
                return web.json_response(STILL_LOADING, status=503)
            if behaviour is Behaviour.SLOW_LOAD:
                await self._load()
            if not is_chat and behaviour in (Behaviour.OK, Behaviour.LOADING):
                return self._answer_probe(request)
            return await answer(self._play(request, body), behaviour)
        except asyncio.CancelledError:
            self._left()
            raise
        except ConnectionError:  # it is noticed by a write, or as above
            self._left()
            return web.Response()

    def _left(self) -> None:
        if self._runner is not None:  # else it is we who went away
            self.n_left += 1

    def _behaviour_of_probes(self) -> Behaviour:
        if self.probe_behaviour is not None:
            return self.probe_behaviour
        return self._behaviour if self._behaviour in WHOLE_SERVER else Behaviour.OK

    def _is_loading(self) -> bool:
        return self._loaded_at is not None and asyncio.get_running_loop().time() < self._loaded_at

    async def _load(self) -> None:
        """Wait until the model is read. It is read from the first request on, and given up with the last one."""
        loop = asyncio.get_running_loop()
        if self._loaded_at is None:
            self._loaded_at = loop.time() + self.loading_for
        self._n_loading += 1
        try:
            await asyncio.sleep(max(0.0, self._loaded_at - loop.time()))
        except asyncio.CancelledError:
            if self._runner is not None:
                self.aborted = True
                if self._n_loading == 1:
                    self._loaded_at = None
            raise
        finally:
            self._n_loading -= 1

    def _answer_probe(self, request: web.Request) -> web.Response:
        if request.path == _MODELS:
            return web.json_response(model_list(self.models))
        return web.json_response({"error": {"message": "File Not Found", "type": "not_found"}}, status=404)

    def _play(self, request: web.Request, body: Mapping[str, Any]) -> Play:
        text = self.answer if isinstance(self.answer, str) else self.answer(body)
        calls_tool = self._behaviour is Behaviour.TOOL_CALL
        said = Said(
            model=str(body.get("model") or self.models[0]),
            words=() if calls_tool else words_of(text),
            tool_call=self.tool_call if calls_tool else None,
            n_prompt_tokens=n_words(body.get("messages")),
            has_usage=bool((body.get("stream_options") or {}).get("include_usage")),
        )
        return Play(
            request=request,
            said=said,
            is_stream=bool(body.get("stream")),
            delay=self.delay,
            gap=self.gap,
            tail=self.tail,
            retry_after=self.retry_after,
        )


async def _read(request: web.Request) -> dict[str, Any]:
    try:
        body = await request.json()
    except json.JSONDecodeError:
        return {}
    return body if isinstance(body, dict) else {}


async def run(stub: LlmStub) -> None:
    """Serve until SIGTERM or SIGINT; say the URL once it listens."""
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)
    async with stub:
        print(stub.url, flush=True)
        await ended.wait()


def main() -> None:
    """Run one as a program."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--port", type=int, default=0)
    options.add_argument("--behaviour", type=Behaviour, default=Behaviour.OK, metavar="NAME")
    options.add_argument("--model", action="append", metavar="NAME", help="may be given again")
    options.add_argument("--answer", default="It is a fine day today.")
    options.add_argument("--delay", type=float, default=0.0)
    options.add_argument("--gap", type=float, default=0.0)
    options.add_argument("--loading-for", type=float, default=60.0)
    chosen = options.parse_args()
    stub = LlmStub(
        chosen.behaviour,
        models=chosen.model or ("stub",),
        answer=chosen.answer,
        delay=chosen.delay,
        gap=chosen.gap,
        loading_for=chosen.loading_for,
        port=chosen.port,
    )
    asyncio.run(run(stub))


if __name__ == "__main__":
    main()

"""The speech and language models of this machine: our own process of them, or one that runs already."""

from __future__ import annotations

import io
import sys
import wave
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import aiohttp

from stack.children import Child
from stack.lifetime import Lifetime
from stack.ports import free_port
from stack.probe import answers

USUAL_URL = "http://127.0.0.1:8090"

_READY_TIMEOUT = 120.0
"""Seconds until the weights are read and warm. Ten on a quiet machine; a cold disk takes longer."""
_REQUEST_TIMEOUT = aiohttp.ClientTimeout(total=30)


class LocalModels(Lifetime):
    """`python -m local_models` as a context manager.

    Args:
        folder: For its log; None = a temporary one that goes away with it.
        reuse: Take one that already answers on the usual port, and leave it running. Not for tests that
            count its connections.
    """

    def __init__(self, *, folder: Path | None = None, reuse: bool = False) -> None:
        self.url = ""
        self._reuse = reuse
        super().__init__("models", folder)
        self._child: Child | None = None

    @property
    def child(self) -> Child | None:
        """None when another's process is used."""
        return self._child

    async def start(self) -> None:
        """Start it and wait until it can hear, think and speak.

        Raises:
            StackError: It ends at once (weights missing?) or does not answer in time.
        """
        if self._reuse and await answers(f"{USUAL_URL}/healthz"):
            self.url = USUAL_URL
            return
        if self._child is None:
            port = free_port()
            self.url = f"http://127.0.0.1:{port}"
            self._child = Child(
                [sys.executable, "-m", "local_models"],
                name="local models",
                log=self.folder / "local_models.log",
                env={"LOCAL_MODELS_HOST": "127.0.0.1", "LOCAL_MODELS_PORT": str(port)},
            )
        child = self._child
        async with AsyncExitStack() as undo:
            child.start()
            undo.callback(child.kill)
            await child.ready(lambda: answers(f"{self.url}/healthz"), timeout=_READY_TIMEOUT)
            undo.pop_all()

    async def stop(self, *, timeout: float = 5) -> None:
        """May be called twice; does nothing to another's process."""
        if self._child is not None:
            await self._child.stop(timeout=timeout)

    async def status(self) -> dict[str, Any]:
        """`GET /status`: what it does now, open connections among others."""
        async with (
            aiohttp.ClientSession(timeout=_REQUEST_TIMEOUT) as http,
            http.get(f"{self.url}/status", raise_for_status=True) as answer,
        ):
            status: dict[str, Any] = await answer.json()
            return status


async def transcribe(models_url: str, pcm: bytes, *, sample_rate: int) -> str:
    """What is said in `pcm`, by the models at `models_url`.

    Args:
        pcm: Mono, 16 bit, little-endian.

    Raises:
        aiohttp.ClientError: They do not answer, or not with a transcript.
    """
    file = io.BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(sample_rate)
        sound.writeframes(pcm)
    async with (
        aiohttp.ClientSession(timeout=_REQUEST_TIMEOUT) as http,
        http.post(
            f"{models_url}/v1/listen",
            data=file.getvalue(),
            headers={"Content-Type": "audio/wav", "Authorization": "Token local"},
            raise_for_status=True,
        ) as answer,
    ):
        body = await answer.json()
    text: str = body["results"]["channels"][0]["alternatives"][0]["transcript"]
    return text.strip()

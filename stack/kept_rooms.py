"""LiveKit and a registry that keeps its rooms, each knowing the other."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from stack.livekit_server import LiveKitServer
from stack.ports import free_port
from stack.registry import Registry


@asynccontextmanager
async def kept_rooms() -> AsyncIterator[tuple[LiveKitServer, Registry]]:
    """Both up; LiveKit sends its webhooks to the registry."""
    port = free_port()
    webhook = f"http://127.0.0.1:{port}/api/livekit/webhook"
    async with (
        LiveKitServer(webhook_urls=[webhook]) as livekit,
        Registry(port=port, env=dict(livekit.environment)) as registry,
    ):
        yield livekit, registry

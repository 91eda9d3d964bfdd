"""The worker with a stand-in for an avatar's provider: ``{"provider": "stub"}``."""

from __future__ import annotations

from livekit.agents import cli
from pydantic import SecretStr

from config import load_settings
from session import Worker, avatar_list


async def room_key(key: SecretStr, place: avatar_list.Place) -> str:
    assert key.get_secret_value() == "stub-account-secret"
    return f"key-for-{place.room_name}"


avatar_list.AVATARS["stub"] = avatar_list.Plugin(
    module="stack.avatar_stub",
    package="stack",
    key="STUB_AVATAR_KEY",
    key_as="api_secret",
    model_as="face",
    room_key=room_key,
)

server = Worker(load_settings())

if __name__ == "__main__":
    cli.run_app(server)

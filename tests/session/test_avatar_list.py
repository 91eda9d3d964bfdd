"""Keys for avatars' rooms: the account's own key stays in the worker."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from aiohttp import web
from livekit.agents.utils import http_context
from pydantic import SecretStr

from session.avatar_list import AVATARS, FaceError, Place, Plugin, bithuman_room_key, preload

SECRET = "the-account-secret"

Answer = Callable[[dict[str, Any]], web.Response]


class Keys:
    """bitHuman's server for keys."""

    def __init__(self) -> None:
        self.answer: Answer = lambda _: web.json_response({"scoped_token": "one-hour"})
        self.asked: list[tuple[str | None, dict[str, Any]]] = []
        self.url = ""

    async def take(self, request: web.Request) -> web.Response:
        body = await request.json()
        self.asked.append((request.headers.get("api-secret"), body))
        return self.answer(body)


@pytest_asyncio.fixture
async def keys() -> AsyncIterator[Keys]:
    keys = Keys()
    app = web.Application()
    app.router.add_post("/mint", keys.take)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    keys.url = f"http://127.0.0.1:{runner.addresses[0][1]}/mint"
    async with http_context.open():
        yield keys
    await runner.cleanup()


PLACE = Place(model="A23", room_name="agent-1-room", livekit_url="ws://nowhere")


async def test_bithumans_plugin_gets_a_key_for_this_room_and_never_the_accounts(keys: Keys) -> None:
    assert await bithuman_room_key(SecretStr(SECRET), PLACE, url=keys.url) == "one-hour"
    body = {
        "agent_code": "A23",
        "scope": "livekit-cloud",
        "room_name": "agent-1-room",
        "livekit_url": "ws://nowhere",
    }
    assert keys.asked == [(SECRET, body)]
    assert AVATARS["bithuman"].room_key is bithuman_room_key


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (web.json_response({}, status=401), "key refused"),
        (web.json_response({}, status=500), "refused"),
        (web.json_response({}), "refused"),
        (web.json_response({"scoped_token": 7}), "refused"),
        (web.json_response({"scoped_token": SECRET}), "refused"),
    ],
    ids=["401", "500", "empty", "a number", "the secret itself"],
)
async def test_without_such_a_key_there_is_no_avatar(keys: Keys, answer: web.Response, reason: str) -> None:
    keys.answer = lambda _: answer
    with pytest.raises(FaceError, match=f"^{reason}$"):
        await bithuman_room_key(SecretStr(SECRET), PLACE, url=keys.url)


@pytest.mark.parametrize(
    ("key", "source", "is_imported"),
    [
        ("a-key", "", True),
        ("", "", False),
        ("a-key", None, False),
        ("a-key", "raise ValueError", False),
    ],
    ids=["with a key", "without a key", "not installed", "broken"],
)
def test_plugins_that_may_be_wanted_are_imported_before_a_call(
    key: str, source: str | None, is_imported: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    if source is not None:
        (tmp_path / "acme_face.py").write_text(source)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("ACME_KEY", key)
    row = Plugin(module="acme_face", package="acme", key="ACME_KEY", key_as="key", model_as="face")
    monkeypatch.setitem(AVATARS, "acme", row)
    monkeypatch.delitem(sys.modules, "acme_face", raising=False)
    try:
        preload()
        assert ("acme_face" in sys.modules) is is_imported
    finally:
        sys.modules.pop("acme_face", None)

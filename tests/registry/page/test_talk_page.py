"""The talk page as the registry serves it: what stands on it, what it may do, and what it weighs."""

from __future__ import annotations

import gzip
import re
from pathlib import Path

import aiohttp
import pytest

import registry.page
from registry.page import talk_page
from registry.page.talk_page import policies
from registry.store import StoreError
from tests.registry.page.conftest import Build, Kept, Site
from tests.registry.page.pretend import Senders
from tests.registry.page.pretend_keeping import a_room
from tests.registry.page.test_html import source_of, text_of

STATIC = Path(registry.page.__file__).parent / "static"
LIMIT = 350_000
"""Bytes, compressed, of all that a browser loads for the page."""


def test_it_is_built() -> None:
    assert talk_page.is_built(), "run scripts/build-web"


async def test_an_agent_that_nobody_has_heard_of_can_be_talked_to(
    kept: Kept, http: aiohttp.ClientSession
) -> None:
    source = await source_of(http, f"{kept.url}/talk/ada")
    assert 'data-agent="ada" data-livekit="ws://localhost:7880"' in source
    assert "Join the call" in source
    assert "<title>Talk to ada · Roomkeeper</title>" in source
    assert "<noscript>" in source
    assert "A call needs JavaScript" in source


async def test_an_agents_name_is_a_text(kept: Kept, agents: Senders, http: aiohttp.ClientSession) -> None:
    await agents.beat("ada", name="<img src=x onerror=alert(1)>")
    source = await source_of(http, f"{kept.url}/talk/ada")
    assert "<img" not in source
    assert "&lt;img src=x" in source


async def test_who_is_in_the_call_already_is_counted_and_not_named(
    kept: Kept, http: aiohttp.ClientSession
) -> None:
    assert "in this call now" not in await source_of(http, f"{kept.url}/talk/ada")
    for n_humans, told in ((1, "One person is in this call now."), (2, "2 people are in this call now.")):
        kept.keeper.put(a_room("agent-ada-room", humans=[f"secret-{number}" for number in range(n_humans)]))
        source = await source_of(http, f"{kept.url}/talk/ada")
        assert told in source
        assert "secret" not in source


async def test_without_a_database_the_page_is_there(
    kept: Kept, http: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_: object, __: object) -> None:
        raise StoreError("the disk is full")

    monkeypatch.setattr(type(kept.store.profiles), "get", broken)
    assert "Join the call" in await text_of(http, f"{kept.url}/talk/ada")


async def test_an_id_that_is_none_is_told(kept: Kept, http: aiohttp.ClientSession) -> None:
    text = await text_of(http, f"{kept.url}/talk/a%20b", status=404)
    assert "Nobody can be called that" in text
    assert "'a b' must be 1 to 128 letters" in text
    assert "System Status Panel" in await text_of(http, f"{kept.url}/talk/")


async def test_where_no_rooms_are_kept_the_page_says_so(site: Site, http: aiohttp.ClientSession) -> None:
    source = await source_of(http, f"{site.url}/talk/ada")
    assert "LIVEKIT_URL" in source
    assert "start.js" not in source


async def test_before_it_is_built_the_page_says_how(
    kept: Kept, http: aiohttp.ClientSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(talk_page, "BUNDLE", tmp_path)
    text = await text_of(http, f"{kept.url}/talk/ada")
    assert "not built here" in text
    assert "scripts/build-web" in text


async def test_who_has_no_token_is_asked_for_it(build: Build, http: aiohttp.ClientSession) -> None:
    guarded = await build(token="a long token")
    async with http.get(f"{guarded.url}/talk/ada", allow_redirects=False) as answer:
        assert answer.status in (303, 401)
        assert "talk-join" not in await answer.text()


async def test_the_page_may_use_a_microphone_and_reach_livekit(
    kept: Kept, http: aiohttp.ClientSession
) -> None:
    async with http.get(f"{kept.url}/talk/ada") as answer:
        policy = answer.headers["Content-Security-Policy"]
        assert "connect-src 'self' ws://localhost:7880 http://localhost:7880" in policy
        assert "default-src 'self'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "microphone=(self)" in answer.headers["Permissions-Policy"]


@pytest.mark.parametrize(
    ("url", "sources"),
    [
        ("", "'self'"),
        ("wss://lk.example", "'self' wss://lk.example https://lk.example"),
        ("wss://a.livekit.cloud", "'self' wss://a.livekit.cloud https://a.livekit.cloud "
         "wss://*.livekit.cloud https://*.livekit.cloud"),
        ("ws://x; script-src *", "'self'"),
        ("javascript:alert(1)", "'self'"),
    ],
)  # fmt: skip
def test_the_policy_lets_the_page_reach_livekit_and_nothing_else(url: str, sources: str) -> None:
    assert policies(url)["Content-Security-Policy"].endswith(f"; connect-src {sources}")


async def test_it_weighs_little(kept: Kept, http: aiohttp.ClientSession) -> None:
    async with http.get(f"{kept.url}/talk/ada") as answer:
        page = await answer.text()
    total = len(gzip.compress(page.encode()))
    named = set(re.findall(r'(?:href|src)="(/static/[\w./-]+)"', page))
    assert {"/static/talk.css", "/static/talk/talk.js", "/static/talk/start.js"} <= named
    for name in named:
        headers = {"Accept-Encoding": "gzip"}
        async with http.get(kept.url + name, headers=headers, auto_decompress=False) as answer:
            assert answer.status == 200, name
            body = await answer.read()
            is_compressed = answer.headers.get("Content-Encoding") == "gzip"
            assert is_compressed or not name.startswith("/static/talk/"), name
        total += len(body) if is_compressed else len(gzip.compress(body))
    assert total <= LIMIT, total


async def test_a_client_that_takes_nothing_compressed_gets_the_same(
    kept: Kept, http: aiohttp.ClientSession
) -> None:
    address = f"{kept.url}/static/talk/start.js"
    bodies = []
    for encoding in ("gzip", "identity"):
        async with http.get(address, headers={"Accept-Encoding": encoding}) as answer:
            assert answer.headers["Content-Type"].startswith("text/javascript")
            assert ("Content-Encoding" in answer.headers) == (encoding == "gzip")
            bodies.append(await answer.read())
    assert bodies[0] == bodies[1] == (STATIC / "talk/start.js").read_bytes()
    async with http.get(f"{kept.url}/static/../talk.css.gz") as answer:
        assert answer.status == 404


async def test_sessions_can_be_talked_to_and_workers_cannot(
    kept: Kept, agents: Senders, http: aiohttp.ClientSession
) -> None:
    await agents.beat("ada", kind="session")
    await agents.beat("max@side-room", kind="session")
    await agents.beat("north", kind="worker")
    assert 'href="/talk/ada">Talk</a>' in await source_of(http, f"{kept.url}/agents/ada")
    assert 'href="/talk/max">Talk</a>' in await source_of(http, f"{kept.url}/agents/max%40side-room")
    assert "/talk/" not in await source_of(http, f"{kept.url}/agents/north")
    listed = await source_of(http, kept.url)
    assert re.findall(r'href="(/talk/\w+)">Talk', listed) == ["/talk/ada", "/talk/max"]

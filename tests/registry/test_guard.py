"""Who is let in, on every kind of way into the registry."""

from __future__ import annotations

import aiohttp
import httpx
import pytest
from starlette.responses import PlainTextResponse

from registry.guard import COOKIE, Guard
from registry.running import Registry
from tests.registry.beats import a_beat
from tests.registry.conftest import Connect, Serve, Start
from wire import Up, decode_down, encode

TOKEN = "s3cret-token"


def bearer(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


def guarded(token: str | None = None) -> httpx.AsyncClient:
    """A client of something simple behind the guard."""
    transport = httpx.ASGITransport(Guard(PlainTextResponse("let in"), token=token))
    return httpx.AsyncClient(transport=transport, base_url="http://localhost:3026")


def told(response: httpx.Response) -> tuple[int, str]:
    return response.status_code, response.json()["error"]["code"]


@pytest.mark.parametrize(
    ("host", "is_ours"),
    [
        ("localhost", True),
        ("LOCALHOST:3026", True),
        ("127.0.0.1:3026", True),
        ("127.8.9.1", True),
        ("[::1]:3026", True),
        ("registry.localhost", True),
        ("evil.example", False),
        ("localhost.evil.example", False),
        ("127.0.0.1.evil.example", False),
        ("127.0.0.1@evil.example", False),
        ("192.168.1.7", False),
        ("0.0.0.0", False),
        ("[::1", False),
        ("", False),
    ],
)
async def test_without_a_token_only_this_machines_own_names_are_answered_to(host: str, is_ours: bool) -> None:
    response = await guarded().get("/", headers={"host": host})
    if is_ours:
        assert response.status_code == 200
    else:
        assert told(response) == (403, "foreign")


@pytest.mark.parametrize(
    ("origin", "is_ours"),
    [
        ("http://localhost:3026", True),
        ("HTTP://LOCALHOST:3026", True),
        ("https://localhost:3026", True),
        ("http://localhost", False),
        ("http://localhost:8080", False),
        ("http://127.0.0.1:3026", False),
        ("https://evil.example", False),
        ("null", False),
        ("file://", False),
        ("chrome-extension://localhost:3026", False),
        ("http://[", False),
        ("localhost:3026", False),
        ("\xff", False),
    ],
)
async def test_a_page_of_another_origin_is_refused(origin: str, is_ours: bool) -> None:
    client = guarded()
    for method in ("GET", "POST", "GET"):
        response = await client.request(method, "/", headers=[(b"origin", origin.encode("latin-1"))])
        assert response.status_code == (200 if is_ours else 403)


async def test_a_request_that_a_foreign_page_causes_without_naming_itself(client: httpx.AsyncClient) -> None:
    headers = {"sec-fetch-site": "cross-site"}
    assert (
        await client.get("/api/status", headers=headers)
    ).status_code == 200  # a link to the page may be followed
    refused = await client.post("/api/agents/a/stop", json={"reason": "x"}, headers=headers)
    assert told(refused) == (403, "foreign")
    ours = await client.post("/api/beats", content=b"", headers={"sec-fetch-site": "same-origin"})
    assert told(ours) == (400, "bad_beat")


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param({}, id="nothing"),
        pytest.param(bearer("wrong"), id="a wrong token"),
        pytest.param(bearer(TOKEN + "x"), id="a longer one"),
        pytest.param(bearer(""), id="an empty one"),
        pytest.param(bearer("t\u00f6ken"), id="one with other letters"),
        pytest.param({"authorization": f"Basic {TOKEN}"}, id="another scheme"),
        pytest.param({"cookie": f"{COOKIE}=wrong"}, id="a wrong cookie"),
        pytest.param({"cookie": f"other={TOKEN}"}, id="another cookie"),
        pytest.param({"cookie": 'a=b; "; ='}, id="a broken cookie"),
    ],
)
async def test_whoever_does_not_show_the_token_is_refused(headers: dict[str, str]) -> None:
    client = guarded(TOKEN)
    for method in ("GET", "POST", "GET"):
        sent = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
        response = await client.request(method, "/api/agents", headers=sent)
        assert told(response) == (401, "token")
        assert response.headers["www-authenticate"].startswith("Bearer")
        assert TOKEN not in response.text


async def test_nothing_but_what_tells_nothing_is_had_without_the_token(
    start: Start, connect: Connect
) -> None:
    client = connect(await start(token=TOKEN))
    for method, path in (
        ("POST", "/api/beats"),
        ("GET", "/api/agents"),
        ("GET", "/api/agents/a"),
        ("POST", "/api/agents/a/stop"),
        ("GET", "/api/livekit/rooms"),
        ("POST", "/api/livekit/token"),
        ("GET", "/api/livekit/webhook"),
        ("GET", "/api/sessions/one/turns"),
        ("PUT", "/api/sessions/one"),
        ("GET", "/api/events"),
        ("GET", "/api/nothing"),
        ("GET", "/metrics"),
        ("GET", "/docs"),
        ("GET", "/openapi.json"),
        ("GET", "/"),
        ("GET", "/healthz/../metrics"),
        ("GET", "/static/../metrics"),
        ("GET", "/static/%2e%2e/metrics"),
    ):
        response = await client.request(method, path)
        assert response.status_code in (401, 404), path
        assert "roomkeeper_agents" not in response.text
    assert (await client.get("/healthz")).text == "ok"
    assert (await client.get("/readyz")).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param(bearer(TOKEN), id="a bearer token"),
        pytest.param({"authorization": f"bearer  {TOKEN}"}, id="in other letters"),
        pytest.param({"cookie": f"a=b; {COOKIE}={TOKEN}"}, id="the page's cookie"),
        pytest.param(bearer(TOKEN) | {"host": "registry.example"}, id="under any name"),
        pytest.param(bearer(TOKEN) | {"origin": "http://localhost:3026"}, id="from its own page"),
    ],
)
async def test_whoever_shows_the_token_is_let_in(headers: dict[str, str]) -> None:
    client = guarded(TOKEN)
    for method in ("GET", "POST", "GET"):
        assert (await client.request(method, "/api/agents", headers=headers)).status_code == 200


async def test_the_token_does_not_let_pages_of_other_sites_in(start: Start, connect: Connect) -> None:
    client = connect(await start(token=TOKEN))
    headers = {"cookie": f"{COOKIE}={TOKEN}", "origin": "https://evil.example"}
    assert told(await client.post("/api/agents/a/stop", headers=headers)) == (403, "foreign")


async def test_a_webhook_needs_no_token_but_livekits_signature() -> None:
    path = "/api/livekit/webhook"
    client = guarded(TOKEN)
    unsigned = await client.post(path, headers={"host": "registry.example", "authorization": "a.b.c"})
    assert unsigned.status_code == 200, "whoever takes it looks at the signature"
    for method, other in (("GET", path), ("PUT", path), ("POST", path + "/"), ("POST", "/api/livekit/gc")):
        assert told(await client.request(method, other)) == (401, "token"), (method, other)
    for headers in ({"origin": "https://evil.example"}, {"sec-fetch-site": "cross-site"}):
        assert told(await client.post(path, headers=headers)) == (403, "foreign")
    assert told(await client.post("/api/agents", headers={"authorization": "a.b.c"})) == (401, "token")
    foreign = await guarded().post(path, headers={"host": "registry.example"})
    assert told(foreign) == (403, "foreign")
    assert (await guarded().post(path)).status_code == 200


async def test_a_person_without_the_token_is_asked_for_it(start: Start, connect: Connect) -> None:
    client = connect(await start(token=TOKEN))
    page = await client.get("/", headers={"accept": "text/html,*/*"})
    assert (page.status_code, page.headers["location"]) == (303, "/login")


async def test_a_line_needs_the_token_and_the_right_names(
    start: Start, serve: Serve, http: aiohttp.ClientSession
) -> None:
    guarded = await serve(await start(token=TOKEN))
    for headers in ({}, bearer("wrong")):
        assert await _refusal(http, guarded, headers) == 401
    foreign = bearer(TOKEN) | {"origin": "https://evil.example"}
    assert await _refusal(http, guarded, foreign) == 403
    async with http.ws_connect(f"{guarded}/api/line", headers=bearer(TOKEN)) as line:
        await line.send_str(encode(Up(beat=a_beat())).decode())
        assert decode_down((await line.receive_str()).encode()).reply is not None


async def test_a_line_on_loopback_needs_this_machines_names(
    registry: Registry, url: str, http: aiohttp.ClientSession
) -> None:
    assert await _refusal(http, url, {"host": "evil.example"}) == 403
    assert await _refusal(http, url, {"origin": "http://evil.example"}) == 403
    async with http.ws_connect(f"{url}/api/line"):
        pass


async def _refusal(http: aiohttp.ClientSession, url: str, headers: dict[str, str]) -> int:
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        await http.ws_connect(f"{url}/api/line", headers=headers)
    return refused.value.status

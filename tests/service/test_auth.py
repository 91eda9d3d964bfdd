"""Who is let in."""

from __future__ import annotations

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from config import Settings
from service.auth import OWNER, STEERING_PATHS, Access, Guard
from service.running import Service
from tests.service.conftest import Connect, Start
from tests.service.tokens import SECRET, bearer, token

NOW = 1_000_000.0


def guarded(secret: str | None = None) -> tuple[httpx.AsyncClient, Access]:
    """A client of something simple behind the guard, which answers whose token it was."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await PlainTextResponse(f"let in {Request(scope).scope[OWNER]}")(scope, receive, send)

    access = Access(secret, clock=lambda: NOW)
    guard: ASGIApp = Guard(app, access)
    return httpx.AsyncClient(transport=httpx.ASGITransport(guard), base_url="http://localhost:8080"), access


def told(response: httpx.Response) -> tuple[int, str]:
    return response.status_code, response.json()["error"]["code"]


@pytest.mark.parametrize(
    ("host", "is_ours"),
    [
        ("localhost", True),
        ("LOCALHOST:8080", True),
        ("127.0.0.1:8080", True),
        ("127.8.9.1", True),
        ("[::1]:8080", True),
        ("service.localhost", True),
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
@pytest.mark.parametrize("path", ["/", "/poll_requests"])
async def test_without_a_secret_only_this_machines_own_names_are_answered_to(
    host: str, path: str, is_ours: bool
) -> None:
    client, _ = guarded()
    for _ in range(2):
        response = await client.get(path, headers={"host": host})
        if is_ours:
            assert response.status_code == 200
        else:
            assert told(response) == (403, "foreign")


@pytest.mark.parametrize(
    ("origin", "is_ours"),
    [
        ("http://localhost:8080", True),
        ("HTTP://LOCALHOST:8080", True),
        ("http://localhost", False),
        ("http://localhost:3000", False),
        ("https://evil.example", False),
        ("null", False),
        ("file://", False),
        ("chrome-extension://localhost:8080", False),
    ],
)
async def test_pages_of_other_origins_are_refused(origin: str, is_ours: bool) -> None:
    client, _ = guarded()
    for _ in range(2):
        response = await client.post("/", headers={"origin": origin})
        assert response.status_code == (200 if is_ours else 403)


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
async def test_pages_of_other_sites_are_refused_though_they_send_no_origin(site: str) -> None:
    client, _ = guarded()
    foreign = {"sec-fetch-site": site}
    for _ in range(2):
        for path in ("/", "/health", "/ready"):
            assert (await client.get(path, headers=foreign)).status_code == 200
            assert (await client.head(path, headers=foreign)).status_code == 200
        for path in ("/test_llm", "/status", "/v1/models", "/nope"):
            assert told(await client.get(path, headers=foreign)) == (403, "foreign")
        assert told(await client.post("/", headers=foreign)) == (403, "foreign")


@pytest.mark.parametrize("site", ["same-origin", "none"])
async def test_its_own_pages_and_addresses_that_a_person_typed_are_let_in(site: str) -> None:
    client, _ = guarded()
    for path in ("/", "/docs", "/test_llm"):
        assert (await client.get(path, headers={"sec-fetch-site": site})).status_code == 200


async def test_with_a_secret_any_name_will_do_and_a_token_is_needed() -> None:
    client, _ = guarded(SECRET)
    headers = {"host": "service.example", "origin": "https://app.example"}
    response = await client.get("/status", headers=headers | bearer(token(sub="ann")))
    assert (response.status_code, response.text) == (200, "let in ann")
    response = await client.get("/status", headers=headers)
    assert told(response) == (401, "token")
    assert response.headers["www-authenticate"] == 'Bearer realm="roomkeeper"'
    assert "Authorization: Bearer" in response.json()["error"]["message"]


@pytest.mark.parametrize(
    "shown",
    ["", "Bearer", "Bearer ", "Basic YTpi", "bearerx", "Token x", "Bearer x", "bearer a.b.c", "Bearer \xff"],
)
async def test_other_headers_are_no_tokens(shown: str) -> None:
    client, _ = guarded(SECRET)
    response = await client.get("/status", headers=[(b"authorization", shown.encode("latin-1"))])
    assert told(response) == (401, "token")
    assert response.headers["www-authenticate"].startswith("Bearer ")


async def test_a_wrong_token_is_told_from_a_missing_one() -> None:
    client, _ = guarded(SECRET)
    response = await client.get(
        "/status", headers=bearer(token("another secret, of the same length at least"))
    )
    assert response.headers["www-authenticate"] == 'Bearer realm="roomkeeper", error="invalid_token"'


@pytest.mark.parametrize("path", ["/", "/health", "/ready"])
async def test_open_addresses_need_no_token_and_look_at_none(path: str) -> None:
    client, _ = guarded(SECRET)
    assert (await client.get(path)).text == "let in "
    assert (await client.get(path, headers=bearer("rubbish"))).status_code == 200


@pytest.mark.parametrize(
    "path", ["/%2F", "/health/", "/Health", "/health/../status", "/%2e", "/ready%00", "/docs"]
)
async def test_what_only_looks_like_an_open_address_is_closed(path: str) -> None:
    client, _ = guarded(SECRET)
    assert (await client.get(path)).status_code == 401


async def test_another_secret_takes_over_at_once() -> None:
    client, access = guarded(SECRET)
    shown = bearer(token())
    assert (await client.get("/status", headers=shown)).status_code == 200
    access.take_secret("b" * 40)
    assert (await client.get("/status", headers=shown)).status_code == 401
    access.take_secret(None)
    assert (await client.get("/status")).status_code == 200
    access.take_secret(SECRET)
    assert (await client.get("/status", headers=shown)).status_code == 200


CLOSED = [
    ("GET", "/status"),
    ("GET", "/metrics"),
    ("GET", "/test_llm"),
    ("POST", "/poll_requests"),
    ("POST", "/refresh"),
    ("POST", "/select_model"),
    ("POST", "/refresh_config"),
    ("POST", "/v1/chat/completions"),
    ("GET", "/v1/models"),
    ("GET", "/v1/models/fake-1"),
    ("GET", "/docs"),
    ("GET", "/openapi.json"),
    ("GET", "/no/such/address"),
    ("PUT", "/status"),
]


async def test_all_but_three_addresses_of_the_service_want_a_token(start: Start, connect: Connect) -> None:
    service: Service = await start(jwt_secret=SECRET)
    client = connect(service)
    for method, path in CLOSED:
        assert told(await client.request(method, path)) == (401, "token"), path
    for path in ("/", "/health", "/ready"):
        assert (await client.get(path)).status_code == 200, path
    shown = bearer(token(sub="ann", exp=4_102_444_800))
    for method, path in CLOSED:
        assert (await client.request(method, path, headers=shown)).status_code != 401, path


async def test_a_token_with_scopes_steers_only_as_admin(start: Start, connect: Connect) -> None:
    service = await start(jwt_secret=SECRET, reload=lambda: Settings.model_validate({"jwt_secret": SECRET}))
    client = connect(service)
    for shown, may in ((token(), True), (token(scope="chat admin"), True), (token(scope="chat"), False)):
        for path in STEERING_PATHS:
            response = await client.post(path, json={"deploy_id": None}, headers=bearer(shown))
            assert response.status_code == (200 if may else 403), path
            assert may or told(response) == (403, "scope")
        sent = {"message": "hi"}
        assert (await client.post("/poll_requests", json=sent, headers=bearer(shown))).status_code == 200
        assert (await client.get("/status", headers=bearer(shown))).status_code == 200


async def test_all_that_is_posted_but_questions_steers(client: httpx.AsyncClient) -> None:
    paths = (await client.get("/openapi.json")).json()["paths"]
    posted = {path for path, methods in paths.items() if "post" in methods}
    assert posted - {"/poll_requests", "/v1/chat/completions"} == STEERING_PATHS

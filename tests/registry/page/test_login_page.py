"""The token: asked for once, never shown."""

from __future__ import annotations

import time

import aiohttp
import pytest
from playwright.async_api import expect

from registry.page.login import own_address
from tests.registry.page.conftest import Build, Open

TOKEN = 'a "token"; with=odd,\\characters'.replace(" ", "-")


async def test_the_token_is_asked_for_once(open_page: Open, build: Build) -> None:
    site = await build(token=TOKEN)
    page = await open_page(url=site.url)
    assert page.url.startswith(f"{site.url}/login")
    await page.get_by_label("Token").fill("wrong")
    began = time.monotonic()
    await page.get_by_role("button", name="Log in").click()
    await expect(page.get_by_role("alert").first).to_have_text("The token is wrong.")
    assert time.monotonic() - began >= 0.5
    assert await page.context.cookies() == []
    await page.get_by_label("Token").fill(TOKEN)
    await page.get_by_role("button", name="Log in").click()
    await expect(page.get_by_role("heading", name="System Status Panel")).to_be_visible()
    [cookie] = [one for one in await page.context.cookies() if one["name"] == "roomkeeper_token"]
    assert (cookie["httpOnly"], cookie["sameSite"], cookie["secure"]) == (True, "Strict", False)
    assert TOKEN not in await page.content()
    # Cookies do not know ports: other programs on this host leave theirs too, of any kind.
    await page.context.add_cookies([{"name": "other", "value": '{"a":1}', "url": site.url}])
    await page.reload()
    await expect(page.locator("#pulse .word")).to_have_text("live")
    again = await page.context.new_page()
    await again.goto(f"{site.url}/login?next=/%3Fstatus%3Derror")
    await again.wait_for_url(f"{site.url}/?status=error")  # known already: not asked again
    await page.get_by_role("button", name="Log out").click()
    assert page.url == f"{site.url}/login"
    await expect(again.locator("#not-live")).to_contain_text("does not know this browser")


async def test_the_login_is_a_form_without_scripts_too(open_page: Open, build: Build) -> None:
    site = await build(token=TOKEN)
    page = await open_page("/login?next=//evil.example/", url=site.url, javascript=False)
    await page.get_by_label("Token").fill(TOKEN)
    await page.get_by_role("button", name="Log in").click()
    assert page.url == f"{site.url}/"


async def test_the_cookie_stays_on_https(build: Build) -> None:
    site = await build(token=TOKEN)
    async with (
        aiohttp.ClientSession(headers={"X-Forwarded-Proto": "https"}) as session,
        session.post(f"{site.url}/login", data={"token": TOKEN}, allow_redirects=False) as answer,
    ):
        assert answer.status == 303
        assert "secure" in answer.headers["Set-Cookie"].lower()


async def test_a_form_that_is_too_large_is_refused(build: Build) -> None:
    site = await build(token=TOKEN)
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{site.url}/login", data={"token": "x" * 100_000}) as answer,
    ):
        assert answer.status == 413


async def test_every_page_keeps_foreign_scripts_and_frames_out(build: Build) -> None:
    site = await build(token=TOKEN)
    async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {TOKEN}"}) as session:
        for path in (
            "/",
            "/?fragment=live",
            "/agents/x",
            "/act?id=x&act=stop",
            "/login",
            "/rooms",
            "/rooms/x",
            "/room-act?id=x",
            "/sessions",
            "/sessions/x",
            "/processes",
            "/processes/x",
            "/process-act?id=x&act=stop",
        ):
            async with session.get(site.url + path, allow_redirects=False) as answer:
                policy = answer.headers["Content-Security-Policy"]
                assert "default-src 'self'" in policy, path
                assert "frame-ancestors 'none'" in policy, path
                assert "unsafe" not in policy, path
                assert answer.headers["X-Content-Type-Options"] == "nosniff"
                assert answer.headers["Referrer-Policy"] == "same-origin"
        async with session.get(f"{site.url}/static/page.js") as answer:
            assert answer.status == 200
            assert answer.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize("text", ["/", "/?status=error", "/agents/a%2Fb?x=1"])
def test_own_addresses_are_taken(text: str) -> None:
    assert own_address(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "", "x", "//evil.example", "/\\evil.example", "https://evil.example/", "javascript:alert(1)",
        "/\t/evil.example", "/ü", "http:/evil", "//[", "/x\r\nSet-Cookie: a=b",
    ],
)  # fmt: skip
def test_other_addresses_become_the_list(text: str) -> None:
    assert own_address(text) == "/"

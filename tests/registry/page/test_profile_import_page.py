"""Import of profiles: looked at first, stored then."""

from __future__ import annotations

import io
import json
from typing import Any

import aiohttp
import pytest
from playwright.async_api import FilePayload, expect

from tests.registry.page.conftest import Open, Site
from tests.registry.page.test_profile_page import stored
from tests.registry.page.test_profiles_page import put


def entry(agent_id: str, **profile: object) -> dict[str, object]:
    return {"agentId": agent_id, "profile": {"prompt": "You are nice."} | profile}


def a_file(data: object) -> FilePayload:
    text = data if isinstance(data, bytes) else json.dumps({"version": 1, "profiles": data}).encode()
    return {"name": "team.json", "mimeType": "application/json", "buffer": text}


async def send(http: aiohttp.ClientSession, site: Site, data: bytes, **fields: str) -> tuple[int, str]:
    form = aiohttp.FormData()
    form.add_field("file", io.BytesIO(data), filename="team.json", content_type="application/json")
    for name, value in fields.items():
        form.add_field(name, value)
    async with http.post(f"{site.url}/profiles/import", data=form) as answer:
        return answer.status, await answer.text()


@pytest.mark.parametrize("javascript", [True, False], ids=["scripts", "no-scripts"])
async def test_a_file_is_looked_at_and_then_stored(open_page: Open, site: Site, javascript: bool) -> None:
    put(site, "ada", name="Ada")
    page = await open_page("/profiles/import", javascript=javascript)
    await page.locator("[name=file]").set_input_files(
        a_file([entry("ada", name="New Ada"), entry("bob", name="Bob")])
    )
    await page.get_by_role("button", name="Look at it").click()
    await expect(page.locator(".entries li")).to_have_text(["REPLACES ada New Ada", "NEW bob Bob"])
    assert site.store.profiles.get("bob") is None
    await page.get_by_label("Your name").fill("Ann")
    await page.get_by_role("button", name="Store 2 profiles").click()
    assert page.url == f"{site.url}/profiles"
    await expect(page.locator("#said")).to_contain_text("2 profiles were imported.")
    assert (stored(site, "ada").name, stored(site, "bob").name) == ("New Ada", "Bob")


async def test_with_a_broken_entry_nothing_is_stored_unless_it_is_left_out(
    open_page: Open, site: Site
) -> None:
    page = await open_page("/profiles/import")
    file = a_file([entry("bob"), entry("a/b"), entry("eve", prompt="x" * 100_000, name="<b>Eve")])
    await page.locator("[name=file]").set_input_files(file)
    await page.get_by_role("button", name="Look at it").click()
    await expect(page.locator(".entries li").nth(1)).to_contain_text("Entry 2: agent id 'a/b'")
    await expect(page.locator(".entries li").nth(2)).to_contain_text(
        "it is 100,000 characters long; at most 32,000"
    )
    await page.get_by_role("button", name="Store 1 profile").click()
    await expect(page.get_by_role("alert").first).to_contain_text("some entries are broken")
    assert site.store.profiles.all() == []
    await page.get_by_label("Leave out the 2").check()
    await page.get_by_role("button", name="Store 1 profile").click()
    await expect(page.locator("#said")).to_contain_text("1 profile was imported.")
    assert [row.agent_id for row in site.store.profiles.all()] == ["bob"]


async def test_what_changes_meanwhile_is_looked_at_again(open_page: Open, site: Site) -> None:
    page = await open_page("/profiles/import")
    await page.locator("[name=file]").set_input_files(a_file([entry("bob", name="Mine")]))
    await page.get_by_role("button", name="Look at it").click()
    put(site, "bob", name="Theirs")
    await page.get_by_role("button", name="Store 1 profile").click()
    await expect(page.get_by_role("alert").first).to_contain_text("have changed in the meantime")
    await expect(page.locator(".entries li")).to_have_text(["REPLACES bob Mine"])
    await page.get_by_role("button", name="Store 1 profile").click()
    await expect(page.locator("#said")).to_contain_text("1 profile was imported.")
    assert stored(site, "bob").name == "Mine"


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "The file is empty"),
        (b'{"version": 1,\n  "profiles": [}', "line 2, column 16"),
        (b'{"prompt": "\xff"}', "no UTF-8 (byte 13 is 0xff)"),
        (b"[" * 100_000, "nested too deeply"),
        (b"[]", "the list is empty"),
        (b'"x"', "holds no profiles"),
        (b'{"version": 2, "profiles": []}', "version: &#39;2&#39; is not known here"),
    ],
    ids=["empty", "broken", "utf-8", "deep", "none", "text", "version"],
)
async def test_what_is_wrong_with_a_file_is_told(
    site: Site, http: aiohttp.ClientSession, data: bytes, words: str
) -> None:
    status, source = await send(http, site, data)
    assert (status, words.lower() in source.lower()) == (400, True), source


async def test_other_forms_store_nothing(site: Site, http: aiohttp.ClientSession) -> None:
    address = f"{site.url}/profiles/import"
    posts: list[tuple[int, dict[str, Any]]] = [
        (400, {"data": {}}),
        (400, {"data": {"data": "?"}}),
        (400, {"data": b"--x", "headers": {"Content-Type": "multipart/form-data"}}),
        (400, {"data": b"--x\r\n\r\n", "headers": {"Content-Type": "multipart/form-data; boundary=x"}}),
        (403, {"data": {}, "headers": {"Origin": "http://evil.example"}}),
    ]
    for status, options in posts:
        async with http.post(address, **options) as answer:
            assert answer.status == status, options
    status, _ = await send(http, site, b" " * 12_000_000)
    assert status == 413
    assert site.store.profiles.all() == []


async def test_a_database_that_fails_is_told(site: Site, http: aiohttp.ClientSession) -> None:
    site.store.close()
    status, source = await send(http, site, json.dumps([entry("bob")]).encode())
    assert (status, "cannot be read now" in source) == (503, True)

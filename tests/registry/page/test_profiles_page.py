"""All stored profiles: the list, its filters and its file; and groups on the other pages."""

from __future__ import annotations

import json

import aiohttp
import pytest
from playwright.async_api import expect

from registry.session_records import ProfileRow
from tests.registry.page.conftest import Kept, Open, Site
from tests.registry.page.pretend import Senders
from tests.registry.page.pretend_keeping import a_room, a_session, ago
from tests.registry.page.test_html import source_of, text_of
from wire import Profile


def put(site: Site | Kept, agent_id: str, **fields: object) -> None:
    profile = Profile.model_validate({"name": agent_id.capitalize(), "prompt": "You are nice."} | fields)
    site.store.profiles.put(
        ProfileRow(agent_id=agent_id, profile=profile, updated_at=ago(60), updated_by="Ann")
    )


async def test_there_is_a_way_to_begin(site: Site, http: aiohttp.ClientSession) -> None:
    source = await source_of(http, f"{site.url}/profiles")
    assert "No profile yet" in source
    assert 'href="/profiles/new"' in source
    assert 'href="/profiles/new?like=default"' in source


@pytest.mark.parametrize("javascript", [True, False], ids=["scripts", "no-scripts"])
async def test_profiles_are_found_by_group_and_text(open_page: Open, site: Site, javascript: bool) -> None:
    put(site, "ada", group="Hotel", description="At the front desk")
    put(site, "bob", group="Bank", voice="nova")
    put(site, "eve")
    page = await open_page("/profiles", javascript=javascript)
    names = page.locator(".profile-card .name")
    await expect(names).to_have_text(["Ada", "Bob", "Eve"])
    await page.get_by_label("Group").select_option("Hotel")
    await page.get_by_role("button", name="Show").click()
    await expect(names).to_have_text(["Ada"])
    await page.goto(f"{site.url}/profiles?search=NOVA")
    await expect(names).to_have_text(["Bob"])
    await page.goto(f"{site.url}/profiles?search=nobody")
    await expect(page.get_by_role("heading", name="No profile matches")).to_be_visible()


async def test_what_is_shown_can_be_had_as_a_file(site: Site, http: aiohttp.ClientSession) -> None:
    put(site, "ada", group="Hotel")
    put(site, "bob", group="Bank")
    async with http.get(f"{site.url}/profiles/export", params={"group": "Bank"}) as answer:
        assert answer.headers["content-disposition"] == 'attachment; filename="profiles.json"'
        whole = json.loads(await answer.text())
    assert whole["version"] == 1
    assert [(one["agentId"], one["profile"]["group"]) for one in whole["profiles"]] == [("bob", "Bank")]


async def test_texts_of_people_are_texts(site: Site, http: aiohttp.ClientSession) -> None:
    put(site, "ada", name="<script>x</script>", group="<b>{{7*7}}", description="\u202e<i>")
    source = await source_of(http, f"{site.url}/profiles")
    assert "<script>x" not in source
    assert "<b>{{" not in source
    assert "&lt;script&gt;x" in source
    assert "{{7*7}}" in source, "nobody calculates it"


async def test_many_profiles_come_in_pages(site: Site, http: aiohttp.ClientSession) -> None:
    for number in range(101):
        put(site, f"agent-{number:03}")
    first = await source_of(http, f"{site.url}/profiles")
    assert first.count('class="card profile-card"') == 100
    assert 'href="/profiles?page=2"' in first
    assert (await source_of(http, f"{site.url}/profiles?page=99")).count('class="card profile-card"') == 1


async def test_the_list_of_agents_can_be_one_groups(
    open_page: Open, site: Site, agents: Senders, http: aiohttp.ClientSession
) -> None:
    await agents.beat("ada", kind="session", name="Ada")
    await agents.beat("ada@lobby", kind="session", name="Ada")
    await agents.beat("bob", kind="session", name="Bob")
    await agents.beat("worker-north", kind="worker", name="North")
    assert 'name="group"' not in await source_of(http, site.url), "nobody has a group"
    put(site, "ada", group="Hotel")
    page = await open_page("/")
    await page.get_by_label("Group").select_option("Hotel")
    await expect(page.locator("#listing .found")).to_contain_text("2 agents of 4")
    assert "group=Hotel" in page.url
    put(site, "ada", group="Bank")
    assert "No agent matches" in await text_of(http, f"{site.url}/?group=Hotel")


async def test_rooms_and_sessions_can_be_one_groups(kept: Kept, http: aiohttp.ClientSession) -> None:
    put(kept, "ada", group="Hotel & Co")
    kept.keeper.put(
        a_room("agent-ada-room", agent_id="ada"),
        a_room("agent-bob-room", agent_id="bob"),
        a_room("x", agent_id=None),
    )
    kept.store.sessions.report(a_session("one", agent_id="ada", room="agent-ada-room"), [])
    kept.store.sessions.report(a_session("two", agent_id="bob", room="agent-bob-room"), [])
    for path in ("/rooms", "/sessions"):
        assert "agent-bob-room" in await text_of(http, f"{kept.url}{path}")
        text = await text_of(http, f"{kept.url}{path}?group=Hotel+%26+Co")
        assert "agent-ada-room" in text, path
        assert "agent-bob-room" not in text, path
        assert "agent-ada-room" not in await text_of(http, f"{kept.url}{path}?group=Bank"), path


async def test_a_database_that_fails_is_told(site: Site, http: aiohttp.ClientSession) -> None:
    site.store.close()
    assert "The profiles cannot be read" in await text_of(http, f"{site.url}/profiles")

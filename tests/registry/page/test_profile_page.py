"""Pages of one stored profile: a new one, and one that is there."""

from __future__ import annotations

import json

import aiohttp
import pytest
from playwright.async_api import expect

from registry.session_records import ProfileRow
from tests.registry.page.conftest import Open, Site
from tests.registry.page.pretend_keeping import ago
from tests.registry.page.test_html import source_of, text_of
from tests.registry.page.test_profiles_page import put
from wire import Profile

GOOD = {"name": "Ada", "prompt": "mine"}


def stored(site: Site, agent_id: str) -> Profile:
    row = site.store.profiles.get(agent_id)
    assert row is not None
    return row.profile


@pytest.mark.parametrize("javascript", [True, False], ids=["scripts", "no-scripts"])
async def test_an_agent_is_made_changed_duplicated_and_deleted(
    open_page: Open, site: Site, javascript: bool
) -> None:
    page = await open_page("/profiles", javascript=javascript)
    await page.get_by_role("link", name="New profile").click()
    await page.get_by_label("Name", exact=True).fill("Zoë, front desk")
    await page.get_by_label("Prompt").fill("You are Zoë.\nBe brief.")
    await page.get_by_label("Group").fill("Hotel")
    await page.get_by_text("Answers").click()
    await page.get_by_label("Temperature").fill("0,5")
    await page.get_by_label("Your name").fill("Ann")
    await page.get_by_role("button", name="Create").click()
    assert page.url == f"{site.url}/profiles/zoe-front-desk"
    await expect(page.locator("#said")).to_contain_text("The profile of zoe-front-desk is stored.")
    assert stored(site, "zoe-front-desk") == Profile(
        name="Zoë, front desk", prompt="You are Zoë.\nBe brief.", group="Hotel", temperature=0.5
    )
    await expect(page.get_by_label("Temperature")).to_be_visible()  # not as usual, so its group is open
    await page.get_by_label("Greeting").fill("Hello")
    await page.get_by_role("button", name="Save").click()
    await expect(page.locator("#said")).to_contain_text("is saved")
    await page.get_by_role("link", name="Duplicate").click()
    await expect(page.get_by_label("Greeting")).to_have_value("Hello")
    await expect(page.get_by_label("Your name")).to_have_value("Ann")
    await page.get_by_role("button", name="Create").click()
    assert page.url == f"{site.url}/profiles/zoe-front-desk-2"
    assert stored(site, "zoe-front-desk-2") == stored(site, "zoe-front-desk")
    await page.get_by_text("Delete the profile").first.click()
    await page.get_by_role("button", name="Delete the profile").click()
    assert page.url == f"{site.url}/profiles"
    await expect(page.locator(".profile-card .id")).to_have_text(["zoe-front-desk"])


async def test_what_is_not_touched_stays_as_it_came_by_the_api(open_page: Open, site: Site) -> None:
    put(
        site, "ada", prompt="You are Ada.", description="At the desk.\nAt night, too.", greeting="Hi.\nHello."
    )
    page = await open_page("/profiles/ada")
    await page.get_by_label("Group").fill("Hotel")
    await page.get_by_role("button", name="Save").click()
    await expect(page.locator("#said")).to_contain_text("is saved")
    profile = stored(site, "ada")
    assert profile.group == "Hotel"
    assert profile.description == "At the desk.\nAt night, too."
    assert profile.greeting == "Hi.\nHello."


async def test_errors_stand_beside_their_fields_with_what_was_typed(open_page: Open, site: Site) -> None:
    page = await open_page("/profiles/new")
    await page.get_by_label("Agent id").fill("a/b")
    await page.get_by_label("Name", exact=True).fill("Ada")
    await page.get_by_label("Prompt").fill("{{ 7*7 }} <b>")
    await page.locator("[name=voice]").fill("zzz")
    await page.get_by_text("Providers").click()
    await page.locator("[name=tts]").select_option("openai")
    await page.locator("summary", has_text="Who speaks when").click()
    await page.get_by_label("Longest silence").fill("soon")
    await page.get_by_text("Transcript, translation").click()
    await page.get_by_label("Keep what is said").uncheck()
    await page.get_by_role("button", name="Create").click()
    assert page.url == f"{site.url}/profiles/new"
    await expect(page.get_by_role("alert").first).to_contain_text("not saved")
    await expect(page.locator("#agent_id-problem")).to_contain_text("'a/b'")
    await expect(page.locator("#voice-problem")).to_contain_text("openai has no voice 'zzz'")
    field = page.get_by_label("Longest silence")
    await expect(field).to_be_visible()
    await expect(field).to_have_value("soon")
    await expect(field).to_have_attribute("aria-describedby", "max_delay-problem")
    await expect(page.get_by_label("Prompt")).to_have_value("{{ 7*7 }} <b>")
    await expect(page.get_by_label("Keep what is said")).not_to_be_checked()
    await expect(page.locator("[name=tts]")).to_have_value("openai")
    assert site.store.profiles.all() == []


async def test_a_new_profile_never_takes_the_place_of_another(
    site: Site, http: aiohttp.ClientSession
) -> None:
    put(site, "ada", prompt="theirs")
    address = f"{site.url}/profiles/new"
    async with http.post(address, data=GOOD | {"agent_id": "ada"}) as answer:
        assert answer.status == 400
        source = await answer.text()
    assert "ada has a profile already" in source
    assert ">\nmine</textarea>" in source
    for expected in ("ada-2", "ada-3"):
        async with http.post(address, data=GOOD) as answer:
            assert str(answer.url) == f"{site.url}/profiles/{expected}"
    assert stored(site, "ada").prompt == "theirs"


async def test_somebody_elses_change_is_not_written_over_unseen(
    site: Site, http: aiohttp.ClientSession
) -> None:
    other = ProfileRow(agent_id="7", profile=Profile(prompt="theirs"), updated_at=ago(1), updated_by="Max")
    site.store.profiles.put(other)
    form = GOOD | {"act": "save", "seen": "2026-01-01T00:00:00+00:00"}
    async with http.post(f"{site.url}/profiles/7", data=form) as answer:
        assert answer.status == 400
        source = await answer.text()
    assert "Somebody else has changed this profile" in source
    assert ">\nmine</textarea>" in source
    seen = source.partition('name="seen" value="')[2].partition('"')[0].replace("&#43;", "+")
    async with http.post(f"{site.url}/profiles/7", data=form | {"seen": seen}) as answer:
        assert answer.status == 200
    assert stored(site, "7").prompt == "mine"
    site.store.profiles.delete("7")
    async with http.post(f"{site.url}/profiles/7", data=form) as answer:
        assert answer.status == 400, "it was deleted while it was changed"
        assert ">\nmine</textarea>" in await answer.text()


async def test_a_change_is_told_also_when_something_is_wrong_in_the_form(
    site: Site, http: aiohttp.ClientSession
) -> None:
    """Or the form that comes back would be made of theirs, and the next one write over it."""
    put(site, "7", prompt="theirs")
    form = GOOD | {"act": "save", "seen": "2026-01-01T00:00:00+00:00", "temperature": "9"}
    async with http.post(f"{site.url}/profiles/7", data=form) as answer:
        assert answer.status == 400
        assert "Somebody else has changed this profile" in await answer.text()


async def test_only_the_profile_that_was_seen_is_deleted(site: Site, http: aiohttp.ClientSession) -> None:
    put(site, "7", prompt="theirs")
    form = {"act": "delete", "seen": "2026-01-01T00:00:00+00:00"}
    async with http.post(f"{site.url}/profiles/7", data=form) as answer:
        assert answer.status == 400
        source = await answer.text()
    assert "so it is not deleted" in source
    assert ">\ntheirs</textarea>" in source
    seen = source.partition('name="seen" value="')[2].partition('"')[0].replace("&#43;", "+")
    for _ in range(2):
        async with http.post(f"{site.url}/profiles/7", data=form | {"seen": seen}) as answer:
            assert answer.status == 200
    assert site.store.profiles.get("7") is None


async def test_the_default_profile_can_be_begun_with(site: Site, http: aiohttp.ClientSession) -> None:
    text = await text_of(http, f"{site.url}/profiles/7", status=404)
    assert "Give it one of its own" in text
    source = await source_of(http, f"{site.url}/profiles/new?like=default&id=7")
    assert 'value="7"' in source
    assert "You are Ada, the receptionist" in source
    assert "There is no profile of nobody" in await source_of(http, f"{site.url}/profiles/new?like=nobody")


async def test_it_can_be_had_as_a_file_and_as_a_script(site: Site, http: aiohttp.ClientSession) -> None:
    put(site, "json", prompt='"""\\')
    async with http.get(f"{site.url}/profiles/json?as=json") as answer:
        assert answer.headers["content-disposition"] == 'attachment; filename="json.json"'
        assert json.loads(await answer.text())["profiles"][0]["agentId"] == "json"
    async with http.get(f"{site.url}/profiles/json?as=script") as answer:
        assert answer.headers["content-disposition"] == 'attachment; filename="agent_json.py"'
        text = await answer.text()
    compile(text, "agent_json.py", "exec")
    assert 'agent_id="json"' in text


async def test_the_script_is_copied_or_selected(open_page: Open, site: Site) -> None:
    put(site, "ada")
    page = await open_page("/profiles/ada")
    await page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    await page.get_by_role("button", name="Copy script").click()
    await expect(page.locator("#copied")).to_have_text("Copied.")
    assert (await page.evaluate("navigator.clipboard.readText()")).startswith('"""Agent ada')
    await page.evaluate("() => { navigator.clipboard.writeText = () => Promise.reject(); }")
    await page.get_by_role("button", name="Copy script").click()
    await expect(page.locator("#copied")).to_contain_text("It is selected")
    assert (await page.evaluate("getSelection().toString()")).startswith('"""Agent ada')
    still = await open_page("/profiles/ada", javascript=False)
    await expect(still.get_by_role("button", name="Copy script")).to_be_hidden()
    await expect(still.get_by_role("link", name="Download ada.py")).to_be_visible()


async def test_it_leads_on(site: Site, http: aiohttp.ClientSession) -> None:
    put(site, "ada")
    source = await source_of(http, f"{site.url}/profiles/ada")
    for address in (
        "/talk/ada",
        "/sessions?agent=ada",
        "/rooms/agent-ada-room",
        "/agents/ada",
        "/profiles/new?like=ada",
    ):
        assert f'href="{address}"' in source


@pytest.mark.parametrize("agent_id", ["new", "import", "export"])
async def test_agents_may_be_called_as_pages_are(
    site: Site, http: aiohttp.ClientSession, agent_id: str
) -> None:
    async with http.post(f"{site.url}/profiles/new", data=GOOD | {"agent_id": agent_id}) as answer:
        assert str(answer.url) == f"{site.url}/profiles/?id={agent_id}"
        source = await answer.text()
    assert f'action="/profiles/?id={agent_id}"' in source
    seen = source.partition('name="seen" value="')[2].partition('"')[0].replace("&#43;", "+")
    form = {"act": "save", "prompt": "changed", "seen": seen}
    async with http.post(f"{site.url}/profiles/?id={agent_id}", data=form) as answer:
        assert answer.status == 200
    assert stored(site, agent_id).prompt == "changed"


async def test_bad_input_changes_nothing(site: Site, http: aiohttp.ClientSession) -> None:
    for path in ("/profiles/new", "/profiles/7"):
        address = f"{site.url}{path}"
        async with http.post(address, data=GOOD, headers={"Origin": "http://evil.example"}) as answer:
            assert answer.status == 403
        async with http.post(address, data={"prompt": "x" * 500_000}) as answer:
            assert answer.status == 413
        async with http.post(address, data={}) as answer:
            assert answer.status == 400
        async with http.post(address, data=GOOD | {"prompt": "x" * 100_000}) as answer:
            assert answer.status == 400
            assert "It is 100,000 characters long; at most 32,000 are taken." in await answer.text()
    for path in ("/profiles/a%2Fb", "/profiles/..%2F", "/profiles/%00", "/profiles/" + "x" * 129):
        async with http.get(f"{site.url}{path}") as answer:
            assert answer.status == 404, path
        async with http.post(f"{site.url}{path}", data=GOOD) as answer:
            assert answer.status == 404, path
    assert site.store.profiles.all() == []
    async with http.post(f"{site.url}/profiles/new", data=GOOD | {"prompt": "ü€𝄞" * 8_000}) as answer:
        assert answer.status == 200
    assert len(stored(site, "ada").prompt) == 24_000


async def test_a_database_that_fails_is_told_and_keeps_what_was_typed(
    site: Site, http: aiohttp.ClientSession
) -> None:
    site.store.close()
    for path in ("/profiles/7", "/profiles/new"):
        async with http.post(f"{site.url}{path}", data=GOOD | {"act": "save", "seen": ""}) as answer:
            source = await answer.text()
        assert "now: " in source
        assert ">\nmine</textarea>" in source
    assert "cannot be read now" in await text_of(http, f"{site.url}/profiles/7", status=503)

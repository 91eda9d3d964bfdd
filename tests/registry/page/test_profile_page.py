"""The stored profile on an agent's page."""

from __future__ import annotations

import aiohttp
import pytest
from playwright.async_api import expect

from registry.page.profile_page import profile_id
from registry.session_records import ProfileRow
from tests.registry.page.conftest import Open, Site
from tests.registry.page.pretend import Senders
from tests.registry.page.pretend_keeping import ago
from tests.registry.page.test_html import source_of, text_of
from wire import DEFAULT_PROFILE, Profile


@pytest.mark.parametrize("javascript", [True, False], ids=["scripts", "no-scripts"])
async def test_a_profile_is_saved_and_deleted(
    open_page: Open, site: Site, agents: Senders, javascript: bool
) -> None:
    await agents.beat("7", name="Ada", kind="session")
    page = await open_page("/agents/7", javascript=javascript)
    form = page.locator("#profile")
    await form.get_by_text("Give it one of its own").click()
    await expect(form.get_by_label("Prompt")).to_have_value(DEFAULT_PROFILE.prompt)
    await form.get_by_label("Name", exact=True).fill("Max")
    await form.get_by_label("Temperature").fill("0.5")
    await form.get_by_label("Prompt").fill("You are Max.\nBe brief.")
    await form.get_by_label("Your name").fill("Ann")
    await form.get_by_role("button", name="Save").click()
    await expect(page.locator("#said")).to_have_text(
        "The profile of 7 is saved. It counts from its next call on."
    )
    row = site.store.profiles.get("7")
    assert row is not None
    assert (row.profile.name, row.profile.temperature, row.updated_by) == ("Max", 0.5, "Ann")
    assert row.profile.prompt == "You are Max.\nBe brief."
    await expect(form).to_contain_text("Saved by Ann")
    await form.get_by_text("Back to the default").click()
    await form.get_by_role("button", name="Delete the profile").click()
    await expect(form).to_contain_text("It has none of its own")
    assert site.store.profiles.get("7") is None


async def test_errors_stand_beside_their_fields_with_what_was_typed(
    open_page: Open, site: Site, agents: Senders
) -> None:
    await agents.beat("7", kind="session")
    page = await open_page("/agents/7")
    form = page.locator("#profile")
    await form.get_by_text("Give it one of its own").click()
    await form.get_by_label("Greeting").fill("<b>Hi</b>")
    await form.get_by_label("Temperature").fill("hot")
    await form.get_by_role("button", name="Save").click()
    assert page.url == f"{site.url}/agents/7"
    field = form.get_by_label("Temperature")
    await expect(field).to_have_value("hot")
    await expect(field).to_have_attribute("aria-invalid", "true")
    await expect(page.locator("#temperature-problem")).to_contain_text("from 0 to 2")
    await expect(form.get_by_label("Greeting")).to_have_value("<b>Hi</b>")
    await expect(form.get_by_role("alert")).to_contain_text("not saved")
    assert site.store.profiles.get("7") is None
    # The form is the reader's: what changes on the page leaves it alone.
    await field.fill("0.7")
    await agents.beat("7", kind="session", status="error")
    await expect(page.locator("#agent-now .badge")).to_have_text("ERROR")
    await expect(field).to_have_value("0.7")


async def test_somebody_elses_change_is_not_written_over_unseen(
    site: Site, http: aiohttp.ClientSession
) -> None:
    other = ProfileRow(agent_id="7", profile=Profile(prompt="theirs"), updated_at=ago(1), updated_by="Max")
    site.store.profiles.put(other)
    form = {"act": "save", "name": "Ada", "prompt": "mine", "seen": ""}
    async with http.post(f"{site.url}/agents/7", data=form) as answer:
        assert answer.status == 400
        source = await answer.text()
    assert "Somebody else has changed this profile" in source
    assert ">\nmine</textarea>" in source
    seen = source.partition('name="seen" value="')[2].partition('"')[0].replace("&#43;", "+")
    async with http.post(f"{site.url}/agents/7", data=form | {"seen": seen}) as answer:
        assert answer.status == 200
    row = site.store.profiles.get("7")
    assert row is not None
    assert row.profile.prompt == "mine"


async def test_a_stored_profile_has_a_page_although_nobody_beats(
    site: Site, http: aiohttp.ClientSession
) -> None:
    assert "Give it one of its own" in await text_of(http, f"{site.url}/agents/7", status=404)
    site.store.profiles.put(
        ProfileRow(agent_id="7", profile=DEFAULT_PROFILE, updated_at=ago(60), updated_by="Ann")
    )
    text = await text_of(http, f"{site.url}/agents/7")
    assert "Saved by Ann 1 min ago" in text
    assert "Kept: 7 example turns, answers of at most 60 tokens." in text


async def test_workers_and_programs_have_none(
    site: Site, agents: Senders, http: aiohttp.ClientSession
) -> None:
    await agents.beat("worker-north", kind="worker")
    assert 'id="profile"' not in await source_of(http, f"{site.url}/agents/worker-north")
    async with http.post(
        f"{site.url}/agents/worker-north", data={"act": "save", "name": "x", "prompt": "x"}
    ) as answer:
        assert answer.status == 200
    assert site.store.profiles.get("worker-north") is None


@pytest.mark.parametrize(
    ("row_id", "agent_id"),
    [
        ("7", "7"), ("7@my room", "7"), ("front-desk~a1b2", "front-desk"), ("a/b", None), ("", None),
        ("@x", None), ("ü", None), ("..", None),
    ],
)  # fmt: skip
def test_whose_profile_a_row_has(row_id: str, agent_id: str | None) -> None:
    assert profile_id(row_id, None) == agent_id


async def test_bad_input_changes_nothing(site: Site, http: aiohttp.ClientSession) -> None:
    address = f"{site.url}/agents/7"
    good = {"act": "save", "name": "x", "prompt": "x", "seen": ""}
    async with http.post(address, data=good, headers={"Origin": "http://evil.example"}) as answer:
        assert answer.status == 403
    async with http.post(address, data={"prompt": "x" * 500_000}) as answer:
        assert answer.status == 413
    async with http.post(address, data={}) as answer:
        assert answer.status == 404, "nobody of this id was heard; the form has errors"
    assert site.store.profiles.get("7") is None
    async with http.post(address, data=good | {"prompt": "ü€𝄞" * 8_000}) as answer:
        assert answer.status == 200
    row = site.store.profiles.get("7")
    assert row is not None
    assert len(row.profile.prompt) == 24_000


async def test_a_database_that_fails_is_told_and_keeps_what_was_typed(
    site: Site, http: aiohttp.ClientSession
) -> None:
    site.store.close()
    form = {"act": "save", "name": "Ada", "prompt": "mine", "seen": ""}
    async with http.post(f"{site.url}/agents/7", data=form) as answer:
        source = await answer.text()
    assert "cannot be" in source
    assert ">\nmine</textarea>" in source

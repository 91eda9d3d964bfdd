"""What an agent's page shows of its stored profile."""

from __future__ import annotations

import aiohttp
import pytest

from registry.page.profile_part import profile_id
from tests.registry.page.conftest import Site
from tests.registry.page.pretend import Senders
from tests.registry.page.test_html import source_of, text_of
from tests.registry.page.test_profiles_page import put


async def test_it_leads_to_the_profile(site: Site, agents: Senders, http: aiohttp.ClientSession) -> None:
    await agents.beat("7", kind="session")
    source = await source_of(http, f"{site.url}/agents/7")
    assert "It has none of its own" in source
    assert 'href="/profiles/new?like=default&amp;id=7"' in source
    put(site, "7", name="<b>Max", group="Hotel & Co")
    source = await source_of(http, f"{site.url}/agents/7")
    assert 'href="/profiles/7"' in source
    assert 'href="/talk/7"' in source
    assert 'href="/profiles?group=Hotel+%26+Co"' in source
    assert "&lt;b&gt;Max" in source


async def test_a_stored_profile_has_a_page_although_nobody_beats(
    site: Site, http: aiohttp.ClientSession
) -> None:
    await text_of(http, f"{site.url}/agents/7", status=404)
    put(site, "7")
    assert "Saved by Ann 1 min ago" in await text_of(http, f"{site.url}/agents/7")


async def test_workers_and_programs_have_none(
    site: Site, agents: Senders, http: aiohttp.ClientSession
) -> None:
    await agents.beat("worker-north", kind="worker")
    assert 'id="profile"' not in await source_of(http, f"{site.url}/agents/worker-north")


@pytest.mark.parametrize(
    ("row_id", "agent_id"),
    [
        ("7", "7"), ("7@my room", "7"), ("front-desk~a1b2", "front-desk"), ("a/b", None), ("", None),
        ("@x", None), ("ü", None), ("..", None),
    ],
)  # fmt: skip
def test_whose_profile_a_row_has(row_id: str, agent_id: str | None) -> None:
    assert profile_id(row_id, None) == agent_id

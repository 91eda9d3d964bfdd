"""What the registry answers, read without a browser."""

from __future__ import annotations

import asyncio
import html
import re

import aiohttp

from tests.registry.page.conftest import Site
from tests.registry.page.pretend import Senders


async def text_of(http: aiohttp.ClientSession, address: str, *, status: int = 200) -> str:
    """What stands on a page, with one blank for each gap; tags are left out."""
    return html.unescape(
        " ".join(re.sub(r"<[^>]*>", " ", await source_of(http, address, status=status)).split())
    )


async def source_of(http: aiohttp.ClientSession, address: str, *, status: int = 200) -> str:
    async with http.get(address) as answer:
        assert answer.status == status
        return await answer.text()


async def keys(http: aiohttp.ClientSession, address: str) -> list[str]:
    """Ids of the agents on a page, in order."""
    return re.findall(r'<tr [^>]*data-key="(.*?)" data-status', await source_of(http, address))


async def test_a_row_tells_all_that_matters(site: Site, agents: Senders, http: aiohttp.ClientSession) -> None:
    await agents.beat(
        "bikes/91",
        name="Max",
        kind="session",
        status="warning",
        reason="the model is slow",
        model="gpt-4.1",
        voice="arcas",
        host="shop",
        processId=991,
        lastError="boom",
        errorAge=130,
        idle=400,
        hints=[{"points": 5, "text": "a hint"}],
        call={
            "room": "agent-bikes-room",
            "phase": "grace_period",
            "graceLeft": 90,
            "humans": [{"identity": "maria", "role": "coach"}],
        },
    )
    text = await text_of(http, site.url)
    for part in (
        "Max bikes/91 Local Session Health: 55 /100 −25 the model is slow −5 a hint",
        "−15 a recent error: boom", "agent-bikes-room grace period 1 min left coach maria", "Model gpt-4.1 Voice arcas",
        "shop PID 991", "Active 6 min ago", "Error 2 min ago boom", "WARNING for ",
    ):  # fmt: skip
        assert part in text


async def test_counts_are_filters(site: Site, agents: Senders, http: aiohttp.ClientSession) -> None:
    await agents.beat("one")
    await agents.beat("two", status="error")
    await agents.beat("three", status="stopped")
    assert await keys(http, site.url) == ["two", "one", "three"], "trouble comes first"
    source = await source_of(http, site.url)
    assert '<a class="is-error" href="/?status=error">' in source
    assert await keys(http, f"{site.url}/?status=error") == ["two"]
    assert await keys(http, f"{site.url}/?over=hide") == ["two", "one"]
    assert "<title>1 error · System Status Panel</title>" in source


async def test_fifty_agents_fit_on_a_page(site: Site, agents: Senders, http: aiohttp.ClientSession) -> None:
    await asyncio.gather(*(agents.beat(f"agent-{n:03}") for n in range(52)))
    assert len(await keys(http, site.url)) == 50
    assert '<a rel="next" href="/?page=2">' in await source_of(http, site.url)
    assert await keys(http, f"{site.url}/?page=2") == ["agent-050", "agent-051"]
    assert await keys(http, f"{site.url}/?page=9") == ["agent-050", "agent-051"], "the last one there is"


async def test_without_scripts_the_list_loads_itself_anew(site: Site, http: aiohttp.ClientSession) -> None:
    assert '<noscript><meta http-equiv="refresh" content="10"></noscript>' in await source_of(http, site.url)
    assert "http-equiv" not in await source_of(http, f"{site.url}/act", status=400), (
        "what is typed there stays"
    )


async def test_an_agents_page_tells_all_that_is_known(
    site: Site, agents: Senders, http: aiohttp.ClientSession
) -> None:
    await agents.beat(
        "ada",
        name="Ada",
        description="At the desk",
        prompt="You are Ada.",
        temperature=0.3,
        cpu=12.5,
        rss=61_000_000,
    )
    text = await text_of(http, f"{site.url}/agents/ada")
    for part in (
        "At the desk", "Show its 12 characters You are Ada.", "Temperature 0.3", "Processor 12 % of a core",
        "Memory 61 MB", "Line none", "Incarnation of ada", "first seen agent",
    ):  # fmt: skip
        assert part in text


async def test_older_history_is_on_further_pages(
    site: Site, agents: Senders, http: aiohttp.ClientSession
) -> None:
    await agents.beat("ada")
    ada = site.registry.fleet.get("ada")
    for number in range(60):
        site.registry.fleet.note(ada, f"note {number}", by="test")
    await agents.beat("ada", model="new")  # is written down after them
    source = await source_of(http, f"{site.url}/agents/ada")
    assert source.count("note ") == 50
    older = re.search(r'<a rel="next" href="(.*?)"', source)
    assert older is not None
    text = await text_of(http, site.url + html.unescape(older[1]).partition("#")[0])
    assert text.count("note ") == 10
    assert "first seen" in text
    assert "Newest" in text


async def test_of_an_agent_that_is_gone_the_history_is_left(
    site: Site, agents: Senders, http: aiohttp.ClientSession
) -> None:
    await agents.beat("ada", status="stopped", reason="all is done")
    fleet = site.registry.fleet
    await fleet.remove(fleet.get("ada"), by="Ann", reason="tidying up", even_alive=False)
    text = await text_of(http, f"{site.url}/agents/ada")
    assert "not on the page any more" in text
    assert "removed by Ann: tidying up" in text
    assert "Log" not in text


async def test_an_unknown_agent_is_an_error(site: Site, http: aiohttp.ClientSession) -> None:
    text = await text_of(http, f"{site.url}/agents/nobody%2Fat%20all", status=404)
    assert "Unknown agent Nothing is known of nobody/at all" in text


async def test_without_an_id_there_is_the_list(site: Site, http: aiohttp.ClientSession) -> None:
    assert "System Status Panel" in await text_of(http, f"{site.url}/agents/")


async def test_without_a_token_there_is_no_login(site: Site, http: aiohttp.ClientSession) -> None:
    text = await text_of(http, f"{site.url}/login")
    assert "System Status Panel" in text
    assert "Log out" not in text


async def test_looking_at_a_form_does_nothing(
    site: Site, agents: Senders, http: aiohttp.ClientSession
) -> None:
    await agents.beat("ada")
    for act in ("stop", "drain", "leave", "force", "unlock", "remove"):
        address = f"{site.url}/act?id=ada&act={act}&reason=x&alive=yes&status=error"
        assert "Reason" in await text_of(http, address)
    ada = site.registry.fleet.get("ada")
    assert not ada.orders
    assert ada.facts.forced is None


async def test_an_act_that_is_none_or_on_nobody_is_an_error(site: Site, http: aiohttp.ClientSession) -> None:
    assert "no agent 'x' is known" in await text_of(http, f"{site.url}/act?id=x&act=stop", status=404)
    assert "there is no such act" in await text_of(http, f"{site.url}/act?id=x&act=fly", status=400)
    async with http.post(f"{site.url}/act", data={"id": "x", "act": "stop", "reason": "x"}) as answer:
        assert answer.status == 404
    async with http.post(f"{site.url}/act", data={"reason": "x" * 20_000}) as answer:
        assert answer.status == 413

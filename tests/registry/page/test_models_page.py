"""Language models: the page of all of them, and what the pages of agents tell of theirs."""

from __future__ import annotations

import re

import aiohttp
import pytest
from playwright.async_api import expect

from tests.registry.page.conftest import Open, Site
from tests.registry.page.pretend import Senders
from tests.registry.page.rich_models import CLOUD, GPT, OLLAMA, SLOW, a_switch, an_endpoint, tell
from tests.registry.page.test_html import source_of, text_of
from tests.registry.page.test_list_page import HOSTILE, live

MOMENT = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d"


async def test_a_host_tells_how_its_models_are(
    site: Site, agents: Senders, http: aiohttp.ClientSession
) -> None:
    await tell(agents)
    source, text = await source_of(http, f"{site.url}/models"), await text_of(http, f"{site.url}/models")
    for part in (
        "south NO MODEL none of these would answer now",
        "MISCONFIGURED for 5 min 127.0.0.1:11434 ollama discovered llama3.2:3b no model 'llama9' there; it has "
        "llama3.2:3b first word 0.31 s worker-south",
        "HEALTHY for 5 min api.openai.com/gpt-4.1-mini current openai cloud gpt-4.1-mini – first word 0.48 s "
        "worker-north service-north 1 call on it",
        "10.0.0.8:30000 sglang discovered not known yet – first word – worker-north",
        "401 from a proxy first word 0.48 s call-hurt 1 call on it",
        "2 Failing 1 Misconfigured 1 Rate limited 1 Busy 1 Warming 1 Healthy 1 Unknown",
    ):
        assert part in text
    assert "<title>1 host without a model · Models · Roomkeeper</title>" in source
    assert source.index("worker-south") < source.index("worker-north"), "trouble comes first"
    assert 'href="/?host=north"' in source


async def test_the_last_switches_of_all_agents(
    site: Site, agents: Senders, http: aiohttp.ClientSession
) -> None:
    await tell(agents)
    text = (await text_of(http, f"{site.url}/models")).partition("Last switches")[2]
    assert re.search(
        rf"{MOMENT} {OLLAMA} → to {GPT} : {SLOW} [a-z, -]+ on north {MOMENT} {OLLAMA} → to no model : ", text
    )
    assert "no model → to 127.0.0.1:11434 : it was found worker-north on north" in text


async def test_an_agents_page_tells_of_its_models(
    site: Site, agents: Senders, http: aiohttp.ClientSession
) -> None:
    await tell(agents)
    text = await text_of(http, f"{site.url}/agents/worker-north")
    for part in (
        "Language models HEALTHY gpt-4.1-mini at api.openai.com/gpt-4.1-mini State",
        "FAILING for 42 s 127.0.0.1:11434 ollama discovered llama3.2:3b no first word in 3 s first word 2.89 s",
        f"{OLLAMA} → to {GPT} : {SLOW}",
    ):
        assert part in re.sub(r"for (4[1-9]|5\d) s", "for 42 s", text)  # moments are shown to the second
    assert "Told by" not in text
    hurt = await text_of(http, f"{site.url}/agents/call-hurt")
    assert "Model in use gpt-4.1-mini FAILING" in hurt
    assert "FAILING gpt-4.1-mini at api.openai.com/gpt-4.1-mini – 401 from a proxy" in hurt
    waits = await text_of(http, f"{site.url}/agents/call-waits")
    assert "Model in use NO MODEL" in waits
    assert "Language models NO MODEL – it has no such model" in waits


async def test_an_agent_without_models_says_nothing_of_them(
    site: Site, agents: Senders, http: aiohttp.ClientSession
) -> None:
    await agents.beat("ada", model="gpt")
    assert "Language models" not in await text_of(http, f"{site.url}/agents/ada")


async def test_of_an_agent_that_is_over_it_is_said_that_this_was_then(
    site: Site, agents: Senders, http: aiohttp.ClientSession
) -> None:
    await agents.beat(
        "ada", model="gpt", status="stopped", models=[an_endpoint(state="failing", isCurrent=True)]
    )
    assert "Language models As it last told." in await text_of(http, f"{site.url}/agents/ada")
    row = (await text_of(http, site.url)).partition("Deployed Agents")[2]
    assert "Model gpt" in row
    assert "failing" not in row
    assert "No agent tells of its language models" in await text_of(http, f"{site.url}/models")


@pytest.mark.parametrize(
    ("state", "mark"),
    [("healthy", None), ("warming", "warming"), ("rate_limited", "rate limited"), ("failing", "failing")],
)
async def test_the_list_marks_a_model_that_is_not_well(
    site: Site, agents: Senders, http: aiohttp.ClientSession, state: str, mark: str | None
) -> None:
    await agents.beat("ada", model="gpt", models=[an_endpoint(state=state, reason=SLOW, isCurrent=True)])
    source = await source_of(http, site.url)
    text = await text_of(http, site.url)
    assert "Model llama3.2:3b" in text, "the one in use, not the one of its profile"
    assert ("is-llm" in source) is (mark is not None)
    if mark is not None:
        assert f"Model llama3.2:3b {mark}" in text
        assert f'title="{SLOW}"' in source


async def test_a_call_that_waits_for_a_model_is_marked(
    site: Site, agents: Senders, http: aiohttp.ClientSession
) -> None:
    await agents.beat("ada", model="gpt", call={"room": "r", "phase": "active", "llmState": "none"})
    assert "Model gpt no model" in await text_of(http, site.url)


async def test_nothing_is_told_yet(site: Site, http: aiohttp.ClientSession) -> None:
    text = await text_of(http, f"{site.url}/models")
    assert "No agent tells of its language models" in text
    assert "Last switches" not in text


async def test_many_hosts_are_on_several_pages(
    site: Site, agents: Senders, http: aiohttp.ClientSession
) -> None:
    for number in range(51):
        await agents.beat(
            f"w{number}", kind="worker", host=f"h{number:02}", models=[CLOUD | {"isCurrent": True}]
        )
    source = await source_of(http, f"{site.url}/models")
    assert source.count('class="host"') == 50
    assert '<a rel="next" href="/models?page=2">' in source
    assert "51 Healthy" in await text_of(http, f"{site.url}/models"), "of all pages"
    for page in (2, 9):
        assert re.findall("host=(h..)", await source_of(http, f"{site.url}/models?page={page}")) == ["h50"]


async def test_the_page_follows_what_agents_tell(open_page: Open, agents: Senders) -> None:
    await agents.beat("w", kind="worker", host="north", models=[an_endpoint(isCurrent=True)])
    page = await open_page("/models")
    await live(page)
    badge = page.locator(".models .badge")
    await expect(badge).to_have_text("HEALTHY")
    await agents.beat(
        "w",
        kind="worker",
        host="north",
        models=[an_endpoint(state="failing", reason=SLOW)],
        switches=[a_switch(OLLAMA, None, 0, SLOW)],
    )
    await expect(badge).to_have_text("FAILING", timeout=1_500)
    await expect(page.locator("td.c-why")).to_have_text(SLOW)
    await expect(page.locator(".switches li")).to_contain_text(f"no model: {SLOW}")
    await expect(page).to_have_title("1 host without a model · Models · Roomkeeper")
    await expect(page.get_by_role("status").filter(has_text=f"{OLLAMA}: failing")).to_have_count(1)


async def test_an_agents_page_follows_too(open_page: Open, agents: Senders) -> None:
    await agents.beat("w", models=[an_endpoint(isCurrent=True)])
    page = await open_page("/agents/w")
    await live(page)
    await agents.beat("w", models=[an_endpoint(state="busy", reason="it answers 429", isCurrent=True)])
    await expect(page.locator(".in-use .badge")).to_have_text("BUSY", timeout=1_500)
    await expect(page.locator(".in-use")).to_contain_text("it answers 429")


async def test_without_scripts_it_is_a_page_that_loads_itself_anew(
    open_page: Open, site: Site, agents: Senders
) -> None:
    await tell(agents)
    page = await open_page(javascript=False)
    await page.get_by_role("navigation", name="Places").get_by_text("Models").click()
    assert page.url == f"{site.url}/models"
    await expect(page.get_by_role("heading", name="south")).to_be_visible()
    await expect(page.locator('meta[http-equiv="refresh"]')).to_have_count(1)
    await page.get_by_role("link", name="worker-south").first.click()
    await expect(page.get_by_role("heading", name="Language models")).to_be_visible()


async def test_hostile_words_neither_run_nor_break_the_pages(
    open_page: Open, site: Site, agents: Senders
) -> None:
    for number, text in enumerate((HOSTILE, "W" * 200, "\u202e" * 60 + "מימין", "'\"><b>")):
        word = text[:20]
        model = {
            "id": text,
            "model": text,
            "host": text,
            "source": word,
            "kind": word,
            "state": word,
            "reason": text,
        }
        await agents.beat(
            f"w{number}",
            host=text,
            models=[model, model | {"isCurrent": True}],
            switches=[{"source": text, "target": text, "reason": text}],
            call={"room": "r", "phase": "active", "llm": text, "llmState": word},
        )
    page = await open_page("/models", width=360)
    for path in ("/models", "/", *(f"/agents/w{number}" for number in range(4))):
        await page.goto(site.url + path)
        assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path
        assert await page.evaluate("window.hacked") is None

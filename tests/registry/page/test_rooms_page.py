"""The list of rooms: who is in them, and what the keeper makes of them."""

from __future__ import annotations

import re

import aiohttp
import pytest
from playwright.async_api import expect

from registry.page.keeper_words import keeper_notices
from rooms.views import ClosureView, DecisionView, GraceStats, KeeperView, RecoveryStats
from tests.registry.page.conftest import Kept, Open, Site
from tests.registry.page.pretend_keeping import a_room, ago, an_agent, stats
from tests.registry.page.test_html import source_of, text_of
from tests.registry.page.test_list_page import HOSTILE

WELL = KeeperView(
    is_on=True,
    is_leading=True,
    is_led=True,
    is_reachable=True,
    livekit_url="ws://here",
    trouble=None,
    webhook_seen_at=None,
    forged_webhooks=0,
)


def rooms_in(source: str) -> list[str]:
    """Names of the rooms on a page, in order."""
    return re.findall(r'data-key="(.*?)"', source)


async def test_without_keys_the_page_says_what_to_set(site: Site, http: aiohttp.ClientSession) -> None:
    text = await text_of(http, f"{site.url}/rooms")
    for part in ("Rooms are not kept yet", "LIVEKIT_URL", "LIVEKIT_API_KEY", "LIVEKIT_API_SECRET"):
        assert part in text


async def test_where_keeping_is_turned_off_no_keys_are_asked_for(
    kept: Kept, http: aiohttp.ClientSession
) -> None:
    kept.keeper.is_now(is_on=False, trouble="ROOM_KEEPING is off")
    text = await text_of(http, f"{kept.url}/rooms")
    assert "ROOM_KEEPING is off" in text
    assert "LIVEKIT_API_KEY" not in text


@pytest.mark.parametrize(
    ("fields", "levels", "part"),
    [
        ({}, [], ""),
        ({"is_on": False, "livekit_url": None}, ["info"], "set LIVEKIT_URL"),
        ({"is_on": False}, ["info"], "ROOM_KEEPING is off"),
        ({"is_leading": False, "trouble": "another one leads"}, ["info"], "takes over by itself"),
        (
            {"is_reachable": False, "trouble": "it refused"},
            ["error"],
            "ws://here is out of reach. It refused.",
        ),
        ({"trouble": "silence proves nothing for 20 s"}, ["warning"], "Silence proves nothing for 20 s."),
        ({"forged_webhooks": 1}, ["warning"], "1 webhook with a wrong signature"),
        ({"is_reachable": False, "is_leading": False}, ["error", "info"], "Another registry"),
    ],
    ids=["well", "no-keys", "turned-off", "follows", "unreachable", "protected", "forged", "two"],
)
def test_the_keepers_own_state_is_told_in_words(
    fields: dict[str, object], levels: list[str], part: str
) -> None:
    view = KeeperView(**{name: getattr(WELL, name) for name in WELL.__struct_fields__} | fields)
    notices = keeper_notices(view)
    assert [notice.level for notice in notices] == levels
    assert part in " ".join(notice.text for notice in notices)


async def test_a_row_tells_all_that_matters(kept: Kept, http: aiohttp.ClientSession) -> None:
    kept.keeper.put(
        a_room(
            "agent-1-room",
            humans=["guest", "coach-maria"],
            phase="active",
            agents=(an_agent("ai-1-AJ_1"), an_agent("ai-1-AJ_2", health="suspect", leaving="duplicate")),
            last_decision=DecisionView(at=ago(3), action="ask_to_leave", why="two agents are here"),
            trouble="two agents talk at once",
            closed=ClosureView(by="Ann", reason="it is night", at=ago(300)),
            attempts=2,
        )
    )
    text = await text_of(http, f"{kept.url}/rooms")
    for part in (
        "ACTIVE closed for 1 min by Ann 5 min ago : it is night", "agent-1-room two agents talk at once",
        "there for 2 min , 2 agents asked for in vain", "client guest coach coach-maria",
        "alive ai-1-AJ_1 here for 1 min", "suspect ai-1-AJ_2 leaving: duplicate",
        "ask to leave 3 s ago two agents are here",
    ):  # fmt: skip
        assert part in text
    assert "<title>1 in trouble · Rooms · Roomkeeper</title>" in await source_of(http, f"{kept.url}/rooms")


async def test_sums_are_filters_and_trouble_comes_first(kept: Kept, http: aiohttp.ClientSession) -> None:
    kept.keeper.put(a_room("a", humans=["x"]), a_room("b"), a_room("c", trouble="nobody came"))
    assert rooms_in(await source_of(http, f"{kept.url}/rooms")) == ["c", "a", "b"]
    assert rooms_in(await source_of(http, f"{kept.url}/rooms?phase=empty")) == ["c", "b"]
    assert rooms_in(await source_of(http, f"{kept.url}/rooms?phase=trouble")) == ["c"]
    assert rooms_in(await source_of(http, f"{kept.url}/rooms?phase=nonsense&page=x")) == ["c", "a", "b"]
    assert "No room is in grace" in await text_of(http, f"{kept.url}/rooms?phase=grace_period")
    assert "3 All 0 Starting 1 Active 0 Grace 0 Closing 2 Empty 1 Trouble" in await text_of(
        http, f"{kept.url}/rooms"
    )


async def test_a_hundred_rooms_fit_on_a_page(kept: Kept, http: aiohttp.ClientSession) -> None:
    kept.keeper.put(*(a_room(f"room-{n:03}") for n in range(102)))
    assert len(rooms_in(await source_of(http, f"{kept.url}/rooms?phase=empty"))) == 100
    assert rooms_in(await source_of(http, f"{kept.url}/rooms?page=2")) == ["room-100", "room-101"]
    assert rooms_in(await source_of(http, f"{kept.url}/rooms?page=99")) == ["room-100", "room-101"]


async def test_statistics_are_numbers_with_their_meaning(kept: Kept, http: aiohttp.ClientSession) -> None:
    text = await text_of(http, f"{kept.url}/rooms")
    for part in (
        "Recoveries 3 in 0.42 s on average", "Dispatch 0.31 s p95 1.21 s, 12 of 13 answered",
        "Grace 9 6 cancelled, 2 expired, 41.3 s on average", "Crashes 2.4 %", "Saved 312 min",
    ):  # fmt: skip
        assert part in text


async def test_statistics_of_a_keeper_that_has_done_nothing(kept: Kept, http: aiohttp.ClientSession) -> None:
    kept.keeper.counts = stats(
        crash_rate=None,
        recoveries=RecoveryStats(count=0, failed=2, average_seconds=None),
        grace=GraceStats(started=0, cancelled=0, expired=0, average_seconds=None),
    )
    text = await text_of(http, f"{kept.url}/rooms")
    assert "Recoveries 0 2 failed" in text
    assert "Crashes –" in text


async def test_a_database_that_fails_takes_the_statistics_only(
    kept: Kept, http: aiohttp.ClientSession
) -> None:
    kept.keeper.put(a_room("a"))
    kept.sessions.is_broken = True
    text = await text_of(http, f"{kept.url}/rooms")
    assert "Recoveries" not in text
    assert "EMPTY" in text


async def test_the_page_is_live_and_grace_counts_down(open_page: Open, kept: Kept) -> None:
    kept.keeper.put(a_room("agent-1-room", phase="grace_period", grace_ends_at=ago(-50)))
    page = await open_page("/rooms")
    row = page.locator('tr[data-key="agent-1-room"]')
    left = row.locator("time[data-time=left]")
    before = await left.text_content()
    await expect(left).to_have_text(re.compile(r"4\d s left"))
    await expect(left).not_to_have_text(before or "")
    kept.keeper.put(a_room("agent-1-room", humans=["guest"]), a_room("agent-2-room", trouble="nobody came"))
    await expect(row.locator(".badge")).to_have_text("ACTIVE")
    await expect(page.locator('tr[data-key="agent-2-room"]')).to_contain_text("nobody came")
    await expect(page).to_have_title("1 in trouble · Rooms · Roomkeeper")
    await expect(page.get_by_role("status").filter(has_text="agent-1-room: active")).to_have_count(1)


async def test_a_change_of_a_room_is_seen_at_once(open_page: Open, kept: Kept) -> None:
    page = await open_page("/rooms", asks=False)
    await expect(page.locator("#pulse .word")).to_have_text("live")
    await page.wait_for_timeout(150)
    kept.keeper.put(a_room("agent-1-room"))
    kept.site.registry.events.changed("room:agent-1-room")
    await expect(page.locator('tr[data-key="agent-1-room"]')).to_be_visible()


async def test_without_scripts_there_is_a_link_to_reload(open_page: Open, kept: Kept) -> None:
    page = await open_page("/rooms", javascript=False)
    kept.keeper.put(a_room("agent-1-room"))
    await page.get_by_role("link", name="Reload").click()
    await expect(page.get_by_role("link", name="agent-1-room", exact=True)).to_be_visible()


async def test_hostile_names_neither_run_nor_break_the_page(open_page: Open, kept: Kept) -> None:
    for text in (HOSTILE, "W" * 200, "\u202e" * 60 + "מימין", "\u200b" * 200, "'\"><b>"):
        kept.keeper.put(
            a_room(
                text,
                humans=[text],
                agents=(an_agent(text, health=text, leaving=text),),
                trouble=text,
                closed=ClosureView(by=text, reason=text, at=ago(1)),
                last_decision=DecisionView(at=ago(1), action=text, why=text),
            )
        )
    page = await open_page("/rooms", width=360)
    links = await page.locator("a.name").evaluate_all("all => all.map(one => one.getAttribute('href'))")
    assert len(links) == 5
    for path in ("/rooms", *links):
        await page.goto(kept.url + path)
        assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path
        assert await page.evaluate("window.hacked") is None

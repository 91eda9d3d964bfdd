"""A room's page: the chain of why, what happened, its sessions, and closing it."""

from __future__ import annotations

import aiohttp
import pytest
from playwright.async_api import expect

from registry.session_records import RoomEvent
from rooms.errors import LiveKitError, NoRoomError, NotKeepingError, RoomsError
from rooms.views import FactView, RoomEventView, WhyView
from tests.registry.page.conftest import Kept, Open, Site
from tests.registry.page.pretend_keeping import a_room, a_session, ago, an_agent
from tests.registry.page.test_html import source_of, text_of

ODD = ["a/b", "ü 日本?#%&=+", "<b>", "a//..//b", ".", "..", "close"]


def an_event(number: int, *, room: str = "agent-1-room", **fields: object) -> RoomEvent:
    whole = {"sid": "RM_1", "kind": "phase", "text": f"event {number}", "by": "keeper", "evidence": {}}
    return RoomEvent(at=ago(1_000 - number), room=room, **(whole | fields))  # type: ignore[arg-type]


async def test_any_name_has_a_page(open_page: Open, kept: Kept) -> None:
    kept.keeper.put(*(a_room(name) for name in ODD))
    page = await open_page("/rooms")
    found = await page.locator("a.name").evaluate_all(
        """links => Promise.all(links.map(async link => {
          const text = await (await fetch(link.href)).text();
          const there = new DOMParser().parseFromString(text, "text/html");
          return [link.textContent, there.querySelector("#room-now h1")?.textContent];
        }))"""
    )
    assert len(found) == len(ODD)
    assert all(one == other for one, other in found), found


async def test_the_chain_of_why_ends_with_the_next_step(kept: Kept, http: aiohttp.ClientSession) -> None:
    kept.keeper.put(a_room(humans=["guest"], attempts=1))
    kept.keeper.whys["agent-1-room"] = WhyView(
        room="agent-1-room",
        answer="An agent was asked for.",
        facts=(
            FactView(at=ago(65), source="livekit", text="guest joined"),
            FactView(at=None, source="beats", text="no worker beats here", is_bad=True),
        ),
        next_step="ask again",
        next_at=ago(-12.5),
        events=(),
    )
    text = await text_of(http, f"{kept.url}/rooms/agent-1-room")
    assert (
        "Why An agent was asked for. livekit guest joined 1 min ago beats no worker beats here (bad) "
        "next ask again in 1" in text
    ), text
    assert "Asked in vain 1 agent" in text


async def test_the_history_is_on_pages_with_its_evidence_folded(
    kept: Kept, http: aiohttp.ClientSession
) -> None:
    kept.keeper.put(a_room())
    kept.store.rooms.add_events([an_event(number) for number in range(55)])
    kept.store.rooms.add_events([an_event(99, kind="dispatch", evidence={"tries": 3, "ü": "<b>"})])
    kept.store.rooms.add_events([an_event(1, room="another", text="of another room")])
    source = await source_of(http, f"{kept.url}/rooms/agent-1-room")
    assert source.count("event ") == 50
    assert "of another room" not in source
    assert "<details><summary>Evidence</summary>" in source
    assert "&#34;ü&#34;: &#34;&lt;b&gt;&#34;" in source
    before = source.rpartition("before=")[2].partition("#")[0]
    text = await text_of(http, f"{kept.url}/rooms/agent-1-room?before={before}")
    assert "event 5 " not in text or "event 0 " in text
    assert "event 0 by keeper" in text
    assert "Newest" in text
    assert "event 99" in await text_of(http, f"{kept.url}/rooms/agent-1-room?before=nonsense")


async def test_what_the_database_cannot_tell_the_keeper_does(kept: Kept, http: aiohttp.ClientSession) -> None:
    kept.keeper.put(a_room())
    remembered = RoomEventView(
        id=None, at=ago(1), room="agent-1-room", sid="", kind="phase", text="fresh", by="keeper", evidence={}
    )
    kept.keeper.whys["agent-1-room"] = WhyView(
        room="agent-1-room", answer="So.", facts=(), next_step="none", next_at=None, events=(remembered,)
    )
    kept.store.close()
    text = await text_of(http, f"{kept.url}/rooms/agent-1-room")
    assert "The history cannot be read" in text
    assert "fresh by keeper" in text
    assert "The sessions cannot be read" in text


async def test_sessions_of_the_room_stand_on_its_page(kept: Kept, http: aiohttp.ClientSession) -> None:
    kept.keeper.put(a_room())
    done = a_session("done", started_at=ago(500), ended_at=ago(380), close_reason="humans_left", exit_code=0)
    kept.store.sessions.report(done, [])
    kept.store.sessions.report(a_session("elsewhere", room="another"), [])
    text = await text_of(http, f"{kept.url}/rooms/agent-1-room")
    assert "HUMANS LEFT 1 done 8 min ago lasted 2 min humans 1 turns 0 exit code 0" in text
    assert "elsewhere" not in text


async def test_a_room_that_is_gone_leaves_its_history(kept: Kept, http: aiohttp.ClientSession) -> None:
    text = await text_of(http, f"{kept.url}/rooms/agent-1-room", status=404)
    assert "LiveKit has no such room at the moment." in text
    assert "There is no such room." in text
    kept.store.rooms.add_events([an_event(1)])
    text = await text_of(http, f"{kept.url}/rooms/agent-1-room")
    assert "This is what is left of it." in text
    assert "Close…" not in text


async def test_where_rooms_are_not_kept_a_room_has_a_page_all_the_same(
    site: Site, http: aiohttp.ClientSession
) -> None:
    assert "Rooms are not kept yet" in await text_of(http, f"{site.url}/rooms/x", status=404)
    assert "there is no room 'x'" in await text_of(http, f"{site.url}/room-act?id=x", status=404)
    assert "Rooms" in await text_of(http, f"{site.url}/rooms/")


async def test_closing_asks_for_a_reason_and_tells_the_keeper(open_page: Open, kept: Kept) -> None:
    kept.keeper.put(a_room("a/b", humans=["guest"], agents=(an_agent(),)))
    page = await open_page("/rooms/a%2Fb")
    await page.get_by_role("link", name="Close…").click()
    dialog = page.get_by_role("dialog", name="Close")
    await expect(dialog).to_contain_text("No human is kicked: 1 human in it now")
    await dialog.get_by_label("Reason").fill("the hotel is closed")
    await dialog.get_by_label("Your name").fill("Ann")
    await dialog.get_by_role("button", name="Close the room").click()
    await expect(page.locator("#said")).to_have_text(
        "1 agent was asked to leave a/b; 1 human stays without one."
    )
    assert kept.keeper.closed == [("a/b", "Ann", "the hotel is closed", False)]


async def test_force_is_a_second_choice_and_works_without_scripts(open_page: Open, kept: Kept) -> None:
    kept.keeper.put(a_room(phase="active", agents=(an_agent(), an_agent("ai-1-AJ_2"))))
    page = await open_page("/rooms?phase=active", javascript=False)
    await page.get_by_role("link", name="Close…").click()
    await page.get_by_role("button", name="Close the room").click()
    assert kept.keeper.closed == [], "the browser wants a reason"
    await page.get_by_label("Reason").fill("stuck")
    await page.get_by_label("Remove its agents at once").check()
    await page.get_by_role("button", name="Close the room").click()
    assert page.url == f"{kept.url}/rooms?phase=active"
    await expect(page.locator("#said")).to_have_text("2 agents were removed from agent-1-room.")
    assert kept.keeper.closed == [("agent-1-room", "page", "stuck", True)]


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (NoRoomError("there is no such room"), 404),
        (NotKeepingError("another registry leads"), 409),
        (LiveKitError("LiveKit did not answer within 3 s"), 502),
    ],
    ids=["gone", "not-keeping", "livekit"],
)
async def test_what_the_keeper_cannot_do_stands_in_the_form(
    kept: Kept, http: aiohttp.ClientSession, error: RoomsError, status: int
) -> None:
    kept.keeper.put(a_room())
    kept.keeper.error = error
    form = {"id": "agent-1-room", "reason": "tidying <b>up", "force": "yes"}
    async with http.post(f"{kept.url}/room-act", data=form) as answer:
        assert answer.status == status
        source = await answer.text()
    assert str(error) in source
    assert 'value="tidying &lt;b&gt;up"' in source
    assert 'value="yes" checked' in source


async def test_bad_forms_close_nothing(kept: Kept, http: aiohttp.ClientSession) -> None:
    kept.keeper.put(a_room())
    for form, status in (
        ({"id": "agent-1-room", "reason": " \x00 "}, 400),
        ({"id": "agent-1-room", "reason": "x" * 501}, 400),
        ({"id": "another", "reason": "x"}, 404),
        ({"reason": "x"}, 404),
        ({"id": "x" * 20_000, "reason": "x"}, 413),
    ):
        async with http.post(f"{kept.url}/room-act", data=form) as answer:
            assert answer.status == status, form
    headers = {"Origin": "http://evil.example"}
    form = {"id": "agent-1-room", "reason": "x"}
    async with http.post(f"{kept.url}/room-act", data=form, headers=headers) as answer:
        assert answer.status == 403
    async with http.get(f"{kept.url}/room-act?id=agent-1-room&reason=x&force=yes") as answer:
        assert answer.status == 200
    assert kept.keeper.closed == []


async def test_the_address_after_closing_cannot_lead_elsewhere(
    kept: Kept, http: aiohttp.ClientSession
) -> None:
    kept.keeper.put(a_room())
    form = {"id": "agent-1-room", "reason": "x", "back": "//evil.example"}
    async with http.post(f"{kept.url}/room-act", data=form, allow_redirects=False) as answer:
        assert (answer.status, answer.headers["Location"]) == (303, "/rooms")

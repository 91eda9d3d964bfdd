"""Sessions over HTTP: begun by people, told by agents."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from registry.metrics import METRICS
from registry.sessions import Sessions
from registry.store import Store, StoreError
from tests.registry.beats import a_beat
from tests.registry.conftest import Connect, Start
from tests.registry.room_parts import FakeClock, FakeKeeper, claims_of, code, message, room_api
from tests.registry.session_reports import TAKEN, a_report, tell
from wire import CallFacts, Kind, Said


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def sessions(store: Store, clock: FakeClock) -> Sessions:
    return Sessions(store.sessions, clock=clock.clock, history_days=30, journal_days=30)


@pytest.fixture
async def client(
    store: Store, keeper: FakeKeeper, clock: FakeClock, sessions: Sessions
) -> AsyncIterator[httpx.AsyncClient]:
    await asyncio.to_thread(store.migrate)
    async with room_api(store, keeper=keeper, clock=clock, sessions=sessions) as client:
        yield client


async def texts(client: httpx.AsyncClient, session_id: str = "one") -> list[str]:
    turns = (await client.get(f"/api/sessions/{session_id}/turns")).json()["turns"]
    return [turn["text"] for turn in turns]


# -- beginning


async def test_a_session_is_begun_where_an_agent_comes_by_itself(
    client: httpx.AsyncClient, keeper: FakeKeeper
) -> None:
    begun = await client.post("/api/sessions", json={"agentId": "7", "identity": "ann"})
    assert begun.status_code == 201
    answer = begun.json()
    assert (answer["room"], answer["agentId"], answer["identity"], answer["dispatchId"]) == (
        "agent-7-room", "7", "ann", None,
    )  # fmt: skip
    assert answer["url"].startswith("ws://")
    assert keeper.created == [("agent-7-room", "7", False)]
    assert claims_of(answer["token"]).identity == "ann"


async def test_an_agent_is_sent_to_a_room_that_does_not_name_it(
    client: httpx.AsyncClient, keeper: FakeKeeper
) -> None:
    begun = await client.post("/api/sessions", json={"agentId": "7", "room": "a/ü"})
    assert (begun.status_code, begun.json()["dispatchId"]) == (201, "AD_1")
    assert keeper.created == [("a/ü", "7", True)]
    config = claims_of(begun.json()["token"]).room_config
    assert config is not None
    assert [agent.metadata for agent in config.agents] == ['{"agent_id":"7"}']
    assert begun.headers["set-cookie"].startswith("roomkeeper_identity=")


async def test_an_agent_may_be_sent_to_its_own_room_too(
    client: httpx.AsyncClient, keeper: FakeKeeper
) -> None:
    begun = await client.post("/api/sessions", json={"room": "agent-7-room", "dispatch": True})
    assert begun.json()["agentId"] == "7"
    assert keeper.created == [("agent-7-room", "7", True)]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        pytest.param({}, "neither room nor agentId", id="nothing"),
        pytest.param({"room": "meeting"}, "names no agent; send agentId", id="nobody's room"),
        pytest.param({"room": "meeting", "dispatch": True}, "send agentId", id="nobody to be sent"),
        pytest.param(
            {"room": "meeting", "agentId": "7", "dispatch": False}, "no agent comes by itself", id="not sent"
        ),
        pytest.param({"room": "agent-1-room", "agentId": "2"}, "'1'", id="a contradiction"),
        pytest.param({"agentId": "7", "dispatch": "yes"}, "dispatch", id="no boolean"),
        pytest.param({"agentId": "7", "identity": "ai-x"}, "'ai-x'", id="an agent's identity"),
    ],
)
async def test_a_session_that_no_agent_would_come_to_is_not_begun(
    client: httpx.AsyncClient, keeper: FakeKeeper, body: dict[str, Any], words: str
) -> None:
    refused = await client.post("/api/sessions", json=body)
    assert code(refused) == (400, "bad_request")
    assert words in message(refused)
    assert keeper.created == []


# -- reports


async def test_a_session_tells_what_is_said_and_how_it_ends(
    client: httpx.AsyncClient, clock: FakeClock
) -> None:
    sent = a_report("hello", "hi", age=10, roomSid="RM_1", jobId="AJ_1", host="h1", mostHumans=2)
    assert (await client.put("/api/sessions/one", json=sent)).json() == TAKEN | {"nTurns": 2}
    clock.move(seconds=5)
    ended = a_report("bye", first=2, age=15, usage=[{"model": "m", "tokens": 7}]) | {
        "ended": {"reason": "humans_left", "exitCode": 0}
    }
    assert (await client.put("/api/sessions/one", json=ended)).json() == TAKEN | {"nTurns": 3}
    shown = (await client.get("/api/sessions", params={"limit": 1})).json()["sessions"][0]
    detail = (await client.get("/api/sessions/one")).json()
    assert {name: detail[name] for name in shown} == shown
    assert shown == {
        "id": "one", "rowId": "7", "agentId": "7", "room": "agent-7-room", "roomSid": "RM_1", "jobId": "AJ_1",
        "host": "h1", "resumes": None, "startedAt": "2026-03-01T11:59:50Z", "heardAt": "2026-03-01T12:00:05Z",
        "endedAt": "2026-03-01T12:00:05Z", "mostHumans": 2, "turns": 3, "usage": [{"model": "m", "tokens": 7}],
        "closeReason": "humans_left", "exitCode": 0, "isOpen": False, "isTranscribed": True, "firstAudio": None,
    }  # fmt: skip
    assert await texts(client) == ["hello", "hi", "bye"]


async def test_a_report_may_be_sent_again(client: httpx.AsyncClient) -> None:
    for _ in range(3):
        taken = await client.put("/api/sessions/one", json=a_report("hello", "hi"))
        assert taken.json() == TAKEN | {"nTurns": 2}
    assert await texts(client) == ["hello", "hi"]


async def test_reports_of_one_session_at_once_lose_nothing(client: httpx.AsyncClient) -> None:
    reports = [a_report(f"turn {number}", first=number) for number in range(20)]
    taken = await asyncio.gather(*(client.put("/api/sessions/one", json=report) for report in reports))
    assert {response.status_code for response in taken} == {200}
    assert await texts(client) == [f"turn {number}" for number in range(20)]
    assert (await tell(client)) == 20


async def test_a_successor_knows_what_was_said_before(client: httpx.AsyncClient, clock: FakeClock) -> None:
    await client.put("/api/sessions/one", json=a_report("hello", "hi"))
    clock.move(seconds=30)
    await client.put("/api/sessions/two", json=a_report("again", resumes="one"))
    turns = (await client.get("/api/sessions/two/turns")).json()["turns"]
    assert [(turn["text"], turn.get("age", 0)) for turn in turns] == [("hello", 30), ("hi", 30), ("again", 0)]
    last = (await client.get("/api/sessions/two/turns", params={"limit": 2})).json()["turns"]
    assert [turn["text"] for turn in last] == ["hi", "again"]
    assert code(await client.get("/api/sessions/two/turns", params={"limit": 501})) == (400, "bad_request")


def with_events(*events: Any) -> dict[str, Any]:
    return a_report() | {"events": list(events)}


def with_turns(*turns: Any) -> dict[str, Any]:
    return a_report() | {"turns": list(turns)}


A_TURN = {"number": 0, "role": "user", "text": "x"}
BAD_REPORTS: list[tuple[str, Any, str]] = [
    ("an empty object", {}, "agentId"),
    ("a list", [], "object"),
    ("a number for a room", a_report(room=7), "room"),
    ("a long room", a_report(room="x" * 257), "room"),
    ("a room with NUL", a_report(room="a\0b"), "room: 'a\\x00b' holds a control character"),
    ("an agent with a line end", a_report(agentId="a\nb"), "agentId"),
    ("a host with an escape", a_report(host="\x1b[31m"), "host"),
    ("a negative age", a_report(age=-1), "age"),
    ("an empty turn", with_turns(A_TURN | {"text": ""}), "has no text; send isKept: false"),
    (
        "a text that is not kept",
        with_turns(A_TURN | {"isKept": False}),
        "has a text, and its isKept is false",
    ),
    ("a turn before its session", with_turns(A_TURN | {"started": -1}), "started"),
    ("an endless turn", with_turns(A_TURN | {"duration": 1e10}), "duration"),
    ("a negative delay", with_turns(A_TURN | {"delays": {"llm": -0.1}}), "delays"),
    ("a delay in words", with_turns(A_TURN | {"delays": {"llm": "soon"}}), "delays"),
    ("an event of no kind", with_events({"number": 0, "kind": ""}), "kind"),
    ("an event that shouts", with_events({"number": 0, "kind": "Note!"}), "kind"),
    ("a long event", with_events({"number": 0, "kind": "note", "text": "x" * 201}), "text"),
    ("an event of two lines", with_events({"number": 0, "kind": "note", "text": "a\nb"}), "events[0].text"),
    (
        "an event twice",
        with_events(*[{"number": 0, "kind": "note"}] * 2),
        "events: their numbers do not grow",
    ),
    ("101 events", with_events(*({"number": n, "kind": "note"} for n in range(101))), "events"),
    ("a negative first sound", a_report(firstAudio=-1), "firstAudio"),
    ("a turn of 10 kB", with_turns(A_TURN | {"text": "x" * 10_000}), "text"),
    ("a strange role", with_turns(A_TURN | {"role": "system"}), "system"),
    ("a turn twice", with_turns(A_TURN, A_TURN), "do not grow"),
    ("turns in no order", with_turns(A_TURN | {"number": 1}, A_TURN), "do not grow"),
    ("101 turns", with_turns(*(A_TURN | {"number": number} for number in range(101))), "turns"),
    ("a reason with a line end", a_report(ended={"reason": "a\nb"}), "ended.reason"),
    ("a huge exit code", a_report(ended={"reason": "failed", "exitCode": 2**40}), "exitCode"),
    ("usage that is none", a_report(usage=[7]), "usage"),
]


@pytest.mark.parametrize(("body", "words"), [pytest.param(*bad[1:], id=bad[0]) for bad in BAD_REPORTS])
async def test_what_is_no_report_is_refused_and_changes_nothing(
    client: httpx.AsyncClient, body: Any, words: str
) -> None:
    refused = await client.put("/api/sessions/one", json=body)
    assert code(refused) == (400, "bad_request")
    assert words in message(refused)
    assert code(await client.get("/api/sessions/one")) == (404, "unknown_session")


async def test_a_large_report_is_not_read(client: httpx.AsyncClient) -> None:
    assert code(await client.put("/api/sessions/one", content=b" " * 1_000_001)) == (413, "too_large")


HOSTILE = [
    "<script>",
    "'; DROP TABLE agent_sessions; --",
    "👩🏽‍🚀 \u202e",
    "a\u2028b\ttab\nline",
    "NUL \0 in it",
]


async def test_whatever_people_say_is_kept(client: httpx.AsyncClient) -> None:
    assert (await client.put("/api/sessions/one", json=a_report(*HOSTILE))).json() == TAKEN | {"nTurns": 5}
    kept = await texts(client)
    assert kept[:4] == HOSTILE[:4]
    assert kept[4] in (HOSTILE[4], "NUL \ufffd in it")


# -- reading


async def test_sessions_are_listed_page_by_page(client: httpx.AsyncClient, clock: FakeClock) -> None:
    for number, room in enumerate(["a", "b", "a/b", "ü"]):
        await tell(client, f"s{number}", room=room, agentId=f"{number % 2}")
        clock.move(seconds=1)
    await tell(client, "s0", room="a", agentId="0", age=4, ended={"reason": "failed", "exitCode": 1})

    async def listed(**wanted: Any) -> list[str]:
        answer = await client.get("/api/sessions", params=wanted)
        assert answer.status_code == 200, answer.text
        return [session["id"] for session in answer.json()["sessions"]]

    assert await listed() == ["s3", "s2", "s1", "s0"]
    assert await listed(room="a/b") == ["s2"]
    assert await listed(room="nowhere") == []
    assert await listed(agentId="1") == ["s3", "s1"]
    assert await listed(open="true") == ["s3", "s2", "s1"]
    assert await listed(open="false") == ["s0"]
    assert await listed(limit=1) == ["s3"]
    assert await listed(before="2026-03-01T12:00:02Z") == ["s1", "s0"]
    assert await listed(before="2026-03-01T12:00:02") == ["s1", "s0"], "UTC is meant"
    assert await listed(before="2026-03-01T13:00:02+01:00") == ["s1", "s0"]
    assert await listed(room="a\0") == []


@pytest.mark.parametrize(
    "wanted",
    [
        {"limit": 0},
        {"limit": 501},
        {"open": "perhaps"},
        {"before": "yesterday"},
        {"before": "0001-01-01T00:00:00+14:00"},
        {"room": "x" * 301},
    ],
)
async def test_a_strange_list_is_refused(client: httpx.AsyncClient, wanted: dict[str, Any]) -> None:
    assert code(await client.get("/api/sessions", params=wanted)) == (400, "bad_request")


@pytest.mark.parametrize("session_id", ["x" * 65, "a\0b", "a\nb"])
async def test_what_is_no_sessions_id_is_refused(client: httpx.AsyncClient, session_id: str) -> None:
    path = f"/api/sessions/{quote(session_id, safe='')}"
    assert code(await client.get(path)) == (400, "bad_request")
    assert code(await client.get(f"{path}/turns")) == (400, "bad_request")
    assert code(await client.put(path, json=a_report())) == (400, "bad_request")


@pytest.mark.parametrize("session_id", ["a/b", "turns", "a/turns", "100%", "ü"])
async def test_a_session_of_any_other_id_is_found(client: httpx.AsyncClient, session_id: str) -> None:
    path = f"/api/sessions/{quote(session_id, safe='')}"
    assert (await client.put(path, json=a_report("hello"))).status_code == 200
    assert (await client.get(path)).json()["id"] == session_id
    assert (await client.get(f"{path}/turns")).json()["turns"][0]["text"] == "hello"


async def test_a_session_that_nobody_told_of(client: httpx.AsyncClient) -> None:
    assert code(await client.get("/api/sessions/one")) == (404, "unknown_session")
    assert code(await client.get("/api/sessions/one/turns")) == (404, "unknown_session")
    assert code(await client.get("/api/sessions/one/transcript")) == (404, "unknown_session")


async def test_an_agent_of_an_older_version_is_understood(client: httpx.AsyncClient) -> None:
    old = {
        "agentId": "7",
        "rowId": "7",
        "room": "r",
        "turns": [{"number": 0, "role": "user", "text": "hello"}],
    }
    assert (await client.put("/api/sessions/one", json=old)).json() == TAKEN | {"nTurns": 1}
    shown = (await client.get("/api/sessions/one")).json()
    assert (shown["isTranscribed"], shown["firstAudio"], shown["events"]) == (True, None, [])
    assert "<v Human>hello" in (await client.get("/api/sessions/one/transcript?format=vtt")).text


async def test_a_lost_session_that_tells_something_is_open_again(
    client: httpx.AsyncClient, sessions: Sessions
) -> None:
    await tell(client)
    assert await sessions.lost(["one", "other"]) == ["one"]
    shown = (await client.get("/api/sessions/one")).json()
    assert (shown["isOpen"], shown["closeReason"]) == (False, "lost")
    await tell(client)
    shown = (await client.get("/api/sessions/one")).json()
    assert (shown["isOpen"], shown["closeReason"], shown["endedAt"]) == (True, None, None)


# -- ends of which no report came


def ended_of_their_own() -> float:
    wanted = {"exit_code": "unknown"}
    return METRICS.get_sample_value("roomkeeper_sessions_ended_total", wanted) or 0.0


async def test_a_goodbye_ends_a_session_whose_last_report_was_not_taken(
    start: Start, connect: Connect
) -> None:
    registry = await start()
    client = connect(registry)
    call = CallFacts(room="agent-7-room", phase="active")
    session: dict[str, Any] = {"incarnation": "one", "kind": Kind.SESSION, "call": call}
    for session_id in ("one", "two"):
        await tell(client, session_id)
    await registry.beats.take(a_beat("7", **session), source="here")
    before = ended_of_their_own()
    for _ in range(2):
        stopped = a_beat("7", status=Said.STOPPED, reason="humans_left", **session)
        await registry.beats.take(stopped, source="here")
    async with asyncio.timeout(3):
        while (shown := (await client.get("/api/sessions/one")).json())["isOpen"]:  # noqa: ASYNC110  # no event
            await asyncio.sleep(0.01)
    assert (shown["closeReason"], shown["exitCode"]) == ("humans_left", None)
    assert (await client.get("/api/sessions/two")).json()["isOpen"]
    await tell(client, ended={"reason": "humans_left", "exitCode": 0})
    shown = (await client.get("/api/sessions/one")).json()
    assert (shown["closeReason"], shown["exitCode"]) == ("humans_left", 0)
    assert ended_of_their_own() == before + 1


async def test_a_goodbye_while_the_database_is_away_ends_the_session_when_it_is_back(
    client: httpx.AsyncClient, sessions: Sessions, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("registry.sessions.RETRY_INTERVAL", 0.01)
    for session_id in ("one", "two", "three"):
        await tell(client, session_id)
    is_away = True

    def failing(write: Callable[..., Sequence[str]]) -> Callable[..., Sequence[str]]:
        def one(*args: Any, **kwargs: Any) -> Sequence[str]:
            if is_away:
                raise StoreError("the database is away")
            return write(*args, **kwargs)

        return one

    for name in ("close", "close_lost"):
        monkeypatch.setattr(store.sessions, name, failing(getattr(store.sessions, name)))
    assert await sessions.lost(["one"], reason="humans_left") == []
    assert await sessions.lost(["two"]) == []
    assert await sessions.lost(["three"], reason="operator") == []
    running = asyncio.create_task(sessions.run())
    await asyncio.sleep(0.05)
    assert len(await sessions.find(is_open=True, limit=9)) == 3
    is_away = False
    async with asyncio.timeout(3):
        while await sessions.find(is_open=True, limit=9):  # noqa: ASYNC110  # it has no event for it
            await asyncio.sleep(0.01)
    running.cancel()
    await asyncio.wait({running})
    reasons = {row.id: row.close_reason for row in await sessions.find(limit=9)}
    assert reasons == {"one": "humans_left", "two": "lost", "three": "operator"}

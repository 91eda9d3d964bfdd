"""What was measured in sessions and said in them, over HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from registry.sessions import Sessions
from registry.store import Store
from tests.registry.room_parts import FakeClock, FakeKeeper, code, room_api
from tests.registry.session_reports import TAKEN, a_report, tell


@pytest.fixture
async def client(store: Store, keeper: FakeKeeper) -> AsyncIterator[httpx.AsyncClient]:
    await asyncio.to_thread(store.migrate)
    clock = FakeClock()
    sessions = Sessions(store.sessions, clock=clock.clock, history_days=30, journal_days=30)
    async with room_api(store, keeper=keeper, clock=clock, sessions=sessions) as client:
        yield client


async def test_a_session_is_told_with_all_that_was_measured(client: httpx.AsyncClient) -> None:
    usage = [{"type": "llm_usage", "provider": "api.openai.com", "model": "gpt-4.1", "input_tokens": 500_000}]
    report = a_report("hello", "hi", age=60, firstAudio=0.64, usage=usage, moreEvents=2) | {
        "events": [
            {"number": 0, "kind": "human_came", "text": "client", "age": 58},
            {"number": 1, "kind": "closed"},
        ]
    }
    report["turns"][0] |= {"started": 10, "duration": 1.5, "delays": {"stt": 0.3, "endOfTurn": 0.5}}
    report["turns"][1] |= {"started": 12, "duration": 2, "delays": {"llm": 0.2, "tts": 0.1, "total": 0.8}}
    taken = (await client.put("/api/sessions/one", json=report)).json()
    assert taken == TAKEN | {"nTurns": 2, "nEvents": 2}
    shown = (await client.get("/api/sessions/one")).json()
    assert shown["events"] == [
        {"number": 0, "kind": "human_came", "text": "client", "at": "2026-03-01T11:59:02Z", "since": 2.0},
        {"number": 1, "kind": "closed", "text": "", "at": "2026-03-01T12:00:00Z", "since": 60.0},
    ]
    assert shown["moreEvents"] == 2
    spread = {"count": 1, "p50": 0.8, "p95": 0.8, "worst": 0.8}
    assert shown["latencies"]["total"] == spread
    assert shown["latencies"]["firstAudio"]["p50"] == 0.64
    assert (shown["cost"]["dollars"], shown["cost"]["isWhole"]) == (1.0, True)
    turns = (await client.get("/api/sessions/one/turns")).json()["turns"]
    assert turns[1]["delays"] == {"llm": 0.2, "tts": 0.1, "total": 0.8}
    over_time = (await client.get("/api/agents/7/latencies")).json()
    assert (over_time["bucket"], over_time["since"], over_time["isCut"]) == (
        "hour",
        "2026-02-27T13:00:00Z",
        False,
    )
    assert over_time["overall"]["total"] == spread
    by_start = {point["at"]: point["latencies"] for point in over_time["points"]}
    assert by_start["2026-03-01T11:00:00Z"]["firstAudio"]["p50"] == 0.64
    assert by_start["2026-03-01T12:00:00Z"]["total"] == spread
    assert (await client.get("/api/agents/8/latencies")).json()["points"] == []


@pytest.mark.parametrize("wanted", [{"bucket": "week"}, {"buckets": 0}, {"buckets": 401}])
async def test_strange_latencies_are_refused(client: httpx.AsyncClient, wanted: dict[str, Any]) -> None:
    assert code(await client.get("/api/agents/7/latencies", params=wanted)) == (400, "bad_request")


@pytest.mark.parametrize(
    ("format", "kind", "file", "start"),
    [
        ("json", "application/json", "transcript-a_b.json", '{"session":"a/b"'),
        ("vtt", "text/vtt; charset=utf-8", "transcript-a_b.vtt", "WEBVTT\n\n"),
        (
            "text",
            "text/plain; charset=utf-8",
            "transcript-a_b.txt",
            "Session a/b: agent 7 in room agent-7-room\n",
        ),
    ],
)
async def test_what_was_said_is_exported(
    client: httpx.AsyncClient, format: str, kind: str, file: str, start: str
) -> None:
    await client.put("/api/sessions/a%2Fb", json=a_report("grüß Gott <b>", resumes="one"))
    await client.put("/api/sessions/one", json=a_report("before"))
    answer = await client.get("/api/sessions/a%2Fb/transcript", params={"format": format})
    assert answer.status_code == 200
    assert answer.headers["content-type"] == kind
    assert answer.headers["content-disposition"] == f'attachment; filename="{file}"'
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.text.startswith(start)
    assert "grüß Gott" in answer.text
    assert "before" not in answer.text, "that stands in its own session"


async def test_an_export_of_no_known_kind_is_refused(client: httpx.AsyncClient) -> None:
    await tell(client)
    refused = await client.get("/api/sessions/one/transcript", params={"format": "pdf"})
    assert code(refused) == (400, "bad_request")

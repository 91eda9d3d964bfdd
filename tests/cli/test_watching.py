"""The picture that `agents --watch` shows."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Mapping
from typing import Any

import pytest
from rich.console import Console

from cli.answers import Notice, Pulse, RegistryFacts
from cli.client import Query
from cli.following import Lost, Snapshot, Update
from cli.watching import Picture, frame, watch
from tests.cli.fakes import FakeRegistry, agent_json, an_agent


def snapshot(*agents: Mapping[str, Any]) -> Snapshot:
    return Snapshot(
        agents=tuple(an_agent(**agent) for agent in agents), total=len(agents), registry=RegistryFacts()
    )


def update(*agents: Mapping[str, Any], removed: tuple[str, ...] = ()) -> Update:
    changed = tuple(an_agent(**agent) for agent in agents)
    return Update(agents=changed, removed=removed, registry=RegistryFacts())


def text_of(picture: Picture, *, now: float = 0.0, height: int = 24, width: int = 200) -> str:
    console = Console(file=io.StringIO(), width=width)
    with console.capture() as capture:
        console.print(frame(picture, now=now, height=height))
    return capture.get()


def test_changes_are_added() -> None:
    picture = Picture(query=Query())
    picture.take(snapshot({"agent_id": "ada"}, {"agent_id": "bob"}), now=0)
    picture.take(
        update({"agent_id": "ada", "status": "error"}, {"agent_id": "cy"}, removed=("bob", "dan")), now=1
    )
    assert [(agent.agent_id, agent.status) for agent in picture.rows(now=1)] == [
        ("ada", "error"),
        ("cy", "running"),
    ]
    assert picture.total == 2


def test_what_does_not_match_any_more_goes() -> None:
    picture = Picture(query=Query(status="running"))
    picture.take(snapshot({"agent_id": "ada"}), now=0)
    picture.take(
        update({"agent_id": "ada", "status": "stopped"}, {"agent_id": "bob", "status": "error"}), now=1
    )
    assert (picture.rows(now=1), picture.total) == ([], 0)


def test_the_age_of_the_last_beat_grows_until_the_next_one_is_known() -> None:
    picture = Picture(query=Query())
    picture.take(snapshot({"agent_id": "ada", "beatAge": 3.0}), now=10)
    assert picture.rows(now=15)[0].beat_age == 8
    at = picture.rows(now=15)[0].last_heartbeat
    picture.take_pulses(
        {"ada": Pulse(beat_age=1.0, last_heartbeat=at), "bob": Pulse(beat_age=1.0, last_heartbeat=at)}, now=20
    )
    assert [agent.beat_age for agent in picture.rows(now=22)] == [3]


def test_those_that_need_somebody_come_first() -> None:
    picture = Picture(query=Query())
    statuses = ["stopped", "running", "starting", "unknown", "warning", "offline", "error", "from later"]
    picture.take(snapshot(*({"agent_id": status, "status": status} for status in statuses)), now=0)
    assert [agent.status for agent in picture.rows(now=0)] == [
        "error", "from later", "offline", "warning", "unknown", "starting", "running", "stopped",
    ]  # fmt: skip


def test_it_says_when_it_is_not_live_and_since_when() -> None:
    picture = Picture(query=Query())
    picture.take(snapshot({"agent_id": "ada"}), now=0)
    assert "live; Ctrl-C ends" in text_of(picture)
    picture.take(Lost(reason="no registry answers", retry_after=1), now=10)
    picture.take(Lost(reason="it still does not", retry_after=1), now=12)
    shown = text_of(picture, now=17)
    assert "not live for 7 s: it still does not" in shown
    assert "ada" in shown
    picture.take(snapshot(), now=20)
    assert "live; Ctrl-C ends" in text_of(picture, now=21)


def test_a_small_screen_shows_the_first_and_says_how_many_more() -> None:
    picture = Picture(query=Query())
    picture.take(snapshot(*({"agent_id": f"agent-{n:03}"} for n in range(40))), now=0)
    shown = text_of(picture, height=14)
    assert len(shown.splitlines()) <= 14
    assert "40 agents, 30 more below" in shown
    assert len(picture.visible) == 10


@pytest.mark.parametrize("width", [40, 80, 200])
def test_how_to_stop_it_stays_on_the_screen(width: int) -> None:
    picture = Picture(query=Query())
    agents = [{"agent_id": f"a-long-id-{n}", "name": "a name " * 20, "cause": "why " * 40} for n in range(40)]
    notice = Notice(level="warning", text="the registry may be cut off " * 10)
    picture.take(snapshot(*agents), now=0)
    picture.registry = RegistryFacts(notices=(notice,))
    lines = text_of(picture, height=14, width=width).splitlines()
    assert len(lines) <= 14
    assert lines[-1].startswith("live; Ctrl-C ends")
    picture.take(Lost(reason="no registry answers " * 20, retry_after=1), now=0)
    lines = text_of(picture, height=14, width=width).splitlines()
    assert len(lines) <= 14
    assert lines[-1].startswith("Ctrl-C ends; not live for 0 s")


def test_what_the_registry_says_of_itself_is_shown() -> None:
    picture = Picture(query=Query())
    notice = Notice(level="warning", text="the registry may be cut off")
    facts = RegistryFacts(notices=(notice,), counts={"running": 2})
    picture.take(Snapshot(agents=(), total=0, registry=facts), now=0)
    shown = text_of(picture)
    assert "warning: the registry may be cut off" in shown
    assert "no agents match (there are 2 running)" in shown


@pytest.mark.looptime
async def test_a_pipe_gets_a_line_for_each_change_of_status(
    registry: FakeRegistry, capsys: pytest.CaptureFixture[str]
) -> None:
    registry.add(agent_json("ada"))
    task = asyncio.create_task(watch(registry.client(), Query(), limit=None))
    await asyncio.sleep(0.1)
    registry.change(agent_json("ada", health=90))
    registry.change(agent_json("ada", status="error", health=5, cause="it\nfell"))
    await asyncio.sleep(0.1)
    registry.hang_up()
    await asyncio.sleep(0.1)
    task.cancel()
    assert capsys.readouterr().out.splitlines() == [
        "ada  running  100",
        "ada  error  5  it fell",
        "not live: the registry at http://registry.test (WEB_UI_URL) ended the connection",
    ]

"""The picture that `rooms --watch` shows."""

from __future__ import annotations

import asyncio
import io
from datetime import UTC, datetime

import httpx
import msgspec
import pytest
from rich.console import Console

from cli.answers import Notice, RegistryFacts
from cli.errors import RefusedError, UnreachableError
from cli.room_answers import Rooms
from cli.rooms_watching import RoomsPicture, rooms_frame, watch_rooms
from tests.cli.fakes import AT
from tests.cli.room_fakes import FakeHouse, a_keeper, a_room, room_json

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def picture(
    n: int = 1, *, lost: str = "", notices: tuple[Notice, ...] = (), **changes: object
) -> RoomsPicture:
    rooms = tuple(a_room(f"agent-{number}-room", **changes) for number in range(n))
    return RoomsPicture(
        rooms=Rooms(rooms=rooms, keeper=a_keeper()),
        registry=RegistryFacts(notices=notices),
        told_at=NOW,
        heard_at=100.0,
        lost=lost,
    )


def text_of(shown: RoomsPicture, *, now: float = 100.0, height: int = 24, width: int = 200) -> str:
    console = Console(file=io.StringIO(), width=width)
    with console.capture() as capture:
        console.print(rooms_frame(shown, now=now, height=height))
    return capture.get()


def test_the_grace_counts_down_between_two_answers() -> None:
    shown = picture(phase="grace_period", graceEndsAt="2026-01-02T03:04:35Z")
    assert "grace_period 30 s left" in text_of(shown)
    assert "grace_period 12 s left" in text_of(shown, now=118.0)
    assert "grace_period 0 s left" in text_of(shown, now=200.0)


def test_it_says_how_to_stop_whatever_happens() -> None:
    assert text_of(picture()).endswith("live; Ctrl-C ends\n")
    lost = text_of(picture(lost="nobody\nthere"), now=107.0)
    assert lost.endswith("Ctrl-C ends; not live for 7 s: nobody there\n")


@pytest.mark.parametrize("width", [40, 80, 200])
def test_the_last_line_stays_on_the_screen(width: int) -> None:
    shown = picture(
        50, trouble="a long story " * 30, notices=(Notice(level="warning", text="something " * 50),)
    )
    lines = text_of(shown, height=10, width=width).splitlines()
    assert len(lines) <= 10
    assert lines[-1].startswith("live; Ctrl-C ends")


async def watching(house: FakeHouse) -> None:
    async with house.client() as client:
        await watch_rooms(client, with_identities=False, clock=lambda: NOW)


@pytest.mark.looptime
async def test_a_pipe_gets_a_line_for_each_change(capsys: pytest.CaptureFixture[str]) -> None:
    house = FakeHouse()
    house.add_rooms(room_json())
    task = asyncio.create_task(watching(house), name="watch")
    await asyncio.sleep(3.5)
    house.rooms["agent-1-room"] |= {"agents": [], "trouble": "no worker"}
    await asyncio.sleep(1)
    house.failure = httpx.ConnectError("refused")
    await asyncio.sleep(3)
    house.failure = None
    house.rooms.clear()
    await asyncio.sleep(2)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    lines = capsys.readouterr().out.splitlines()
    assert lines[:2] == [
        "agent-1-room  active  humans: 1 client  agents: 1",
        "agent-1-room  active  humans: 1 client  agents: 0  no worker",
    ]
    assert lines[2].startswith("not live: no registry answers")
    assert lines[3:] == ["agent-1-room  gone"]


@pytest.mark.parametrize("error", [UnreachableError, RefusedError])
async def test_it_ends_when_it_is_not_let_in(error: type[Exception]) -> None:
    house = FakeHouse(token="a-token-for-tests")
    if error is UnreachableError:
        house.failure = httpx.ConnectError("refused")
    with pytest.raises(error):
        await watching(house)


def test_the_registrys_clock_is_started_at_and_uptime() -> None:
    facts = msgspec.json.decode(f'{{"startedAt": "{AT}", "uptime": 60.5}}'.encode(), type=RegistryFacts)
    assert facts.now == datetime(2026, 1, 2, 3, 5, 5, 500_000, tzinfo=UTC)
    assert RegistryFacts().now is None

"""All checks together: that each tells, that none hurts another, and that no secret comes out."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import httpx
import pytest

from cli.doctor import Checks, Level, Verdict, World
from config import Settings
from tests.cli.doctor.fakes import KEY, LIVEKIT, SECRET, FakeNetwork, a_world
from tests.cli.fakes import agent_json
from tests.cli.room_fakes import room_json

pytestmark = [pytest.mark.looptime, pytest.mark.usefixtures("environment")]


def healthy() -> FakeNetwork:
    network = FakeNetwork(others={"127.0.0.1:8090": httpx.Response(200, json={"status": "ok"})})
    network.house.add(agent_json("worker-1", kind="worker", note="0 calls of 10"))
    network.house.add_rooms(room_json())
    network.house.keeper["livekitUrl"] = LIVEKIT
    return network


async def look(
    network: FakeNetwork,
    *,
    world: World | None = None,
    taken: set[int] | None = None,
    trouble: str = "",
    has_registry: bool = True,
    **given: Any,
) -> list[Verdict]:
    login = {"livekit_url": LIVEKIT, "livekit_api_key": KEY, "livekit_api_secret": SECRET}
    settings = Settings(**{**login, "web_ui_url": "http://registry.test", **given})
    checks = Checks(
        settings=settings,
        trouble=trouble,
        client=network.house.client() if has_registry else None,
        no_client="WEB_UI_URL is empty",
        world=world or a_world(network, taken=taken),
    )
    verdicts = await checks.run()
    shown = repr(verdicts)
    assert SECRET not in shown
    assert "secret-of-mine" not in shown
    assert "Bearer" not in shown
    return verdicts


def bad(verdicts: list[Verdict]) -> list[tuple[Level, str]]:
    return [(verdict.level, verdict.subject) for verdict in verdicts if verdict.level is not Level.OK]


async def test_all_is_well() -> None:
    verdicts = await look(healthy())
    assert bad(verdicts) == []
    subjects = {verdict.subject for verdict in verdicts}
    assert subjects >= {
        "settings", "LiveKit", "version", "agent calls", "departure timeout", "registry", "database", "worker",
        "room keeping", "webhooks", "local models",
    }  # fmt: skip


async def test_nothing_is_there(looptime: float) -> None:
    network = FakeNetwork()
    network.livekit.failure = httpx.ConnectError("refused")
    network.house.failure = httpx.ConnectError("refused")
    assert bad(await look(network)) == [
        (Level.FAIL, "LiveKit"),
        (Level.FAIL, "registry"),
        (Level.FAIL, "local models"),
    ]
    assert looptime == 0


async def test_nothing_is_set() -> None:
    network = FakeNetwork()
    verdicts = await look(network, has_registry=False, livekit_url=None, livekit_api_secret=None)
    assert bad(verdicts) == [
        (Level.FAIL, "LiveKit"),
        (Level.WARN, "registry"),
        (Level.FAIL, "local models"),
    ]
    assert "LIVEKIT_URL and LIVEKIT_API_SECRET are not set" in verdicts[1].text


@pytest.mark.parametrize(
    ("key", "secret", "words"),
    [
        ("APIother", SECRET, "knows no such LIVEKIT_API_KEY"),
        (KEY, "secret-of-mine-which-is-wrong", "is not the secret of that"),
        (SECRET, KEY, "are swapped"),
    ],
    ids=["another key", "another secret", "swapped"],
)
async def test_wrong_keys(key: str, secret: str, words: str) -> None:
    network = healthy()
    verdicts = await look(network, livekit_api_key=key, livekit_api_secret=secret)
    assert bad(verdicts) == [(Level.FAIL, "LiveKit")]
    assert any(words in verdict.text for verdict in verdicts)
    assert network.livekit.rooms == {}


async def test_a_secret_is_never_tried_as_a_key() -> None:
    network = healthy()
    await look(network, livekit_api_key=KEY, livekit_api_secret="secret-of-mine-which-is-wrong")
    assert set(network.livekit.issuers) == {KEY}


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"departure_timeout": 20}, [(Level.WARN, "departure timeout")]),
        ({"knows_rpc": False}, [(Level.FAIL, "agent calls")]),
        ({"ahead": 40.0}, [(Level.WARN, "clock")]),
        ({"ahead": 400.0}, [(Level.FAIL, "LiveKit"), (Level.WARN, "clock")]),
        ({"failure": httpx.Response(404)}, [(Level.FAIL, "LiveKit")]),
    ],
    ids=str,
)
async def test_what_is_wrong_with_livekit(change: dict[str, Any], expected: list[tuple[Level, str]]) -> None:
    network = healthy()
    network.livekit = replace(network.livekit, **change)
    assert bad(await look(network)) == expected


async def test_the_registry_wants_another_token() -> None:
    network = healthy()
    network.house.token = "a-token-for-tests"
    verdicts = await look(network)
    assert bad(verdicts) == [(Level.FAIL, "registry")]
    assert any("REGISTRY_TOKEN" in verdict.way_out for verdict in verdicts)


async def test_the_database_fails() -> None:
    network = healthy()
    network.house.ready = httpx.Response(503, text="the database cannot be written: disk full")
    assert bad(await look(network)) == [(Level.FAIL, "database")]


async def test_the_registrys_clock_is_wrong_and_it_says_what_it_sees() -> None:
    network = healthy()
    network.house.started_at = "2026-01-02T03:03:00Z"
    network.house.notices = [
        {"level": "warning", "text": "cut off"},
        {"level": "info", "text": "just started"},
    ]
    assert bad(await look(network)) == [(Level.WARN, "registry"), (Level.WARN, "clock")]


async def test_no_worker_and_a_human_who_waits() -> None:
    network = healthy()
    network.house.agents.clear()
    network.house.add_rooms(room_json(agents=[]))
    assert bad(await look(network)) == [(Level.FAIL, "worker"), (Level.WARN, "rooms")]


async def test_the_webhook_about_doctors_own_room_is_waited_for(looptime: float) -> None:
    network = healthy()
    network.house.keeper["webhookSeenAt"] = None
    loop = asyncio.get_running_loop()

    def tell() -> None:
        loop.call_later(0.5, network.house.keeper.update, {"webhookSeenAt": "2026-01-02T03:04:05Z"})

    network.livekit.on_room = tell
    assert bad(await look(network)) == []
    assert looptime == pytest.approx(0.6, abs=0.2)


async def test_no_webhook_comes(looptime: float) -> None:
    network = healthy()
    network.house.keeper["webhookSeenAt"] = None
    assert bad(await look(network)) == [(Level.WARN, "webhooks")]
    assert looptime == pytest.approx(2.0, abs=0.3)


async def test_a_registry_that_keeps_no_rooms_yet_is_told() -> None:
    network = healthy()
    network.house.keeps_rooms = False
    assert bad(await look(network)) == [(Level.WARN, "room keeping")]


@pytest.mark.parametrize(
    ("taken", "others", "expected"),
    [
        (set(), {}, []),
        ({8090}, {}, []),
        ({3026}, {"127.0.0.1:3026": httpx.Response(200, text="ok")}, []),
        ({3026}, {"127.0.0.1:3026": httpx.Response(200, text="<html>")}, [(Level.FAIL, "port")]),
        ({3026}, {"127.0.0.1:3026": httpx.Response(404, text="ok")}, [(Level.FAIL, "port")]),
        ({3026}, {}, [(Level.FAIL, "port")]),
    ],
    ids=["free", "models", "ours", "another program", "an error", "no HTTP"],
)
async def test_ports(
    taken: set[int], others: dict[str, httpx.Response], expected: list[tuple[Level, str]]
) -> None:
    network = healthy()
    network.others |= others
    verdicts = await look(network, taken=taken, web_ui_url="http://localhost:3026")
    assert bad(verdicts) == expected


@pytest.mark.parametrize(
    ("method", "subject"),
    [("ListRooms", "LiveKit"), ("PerformRpc", "agent calls"), ("CreateRoom", "departure timeout")],
)
async def test_what_hangs_is_told_after_three_seconds(method: str, subject: str, looptime: float) -> None:
    network = healthy()
    network.livekit.hangs_at = method
    assert bad(await look(network)) == [(Level.FAIL, subject)]
    assert looptime == pytest.approx(3, abs=0.3)


async def test_all_that_hangs_takes_two_limits_at_most(looptime: float) -> None:
    network = healthy()
    network.house.hangs = True
    network.livekit.hangs_at = "CreateRoom"
    verdicts = await look(network)
    assert (Level.FAIL, "registry") in bad(verdicts)
    assert looptime <= 6.1


async def test_no_check_can_end_the_others() -> None:
    network = healthy()

    async def crash(*_: object) -> str:
        raise ZeroDivisionError("secret-of-mine")

    async def crash_port(*_: object) -> bool:
        raise OSError("secret-of-mine")

    world = replace(a_world(network), server_version=crash, listens=crash_port)
    verdicts = await look(network, world=world, registry_port=3026, web_ui_url="http://localhost:3026")
    assert bad(verdicts) == [
        (Level.WARN, "version"),
        (Level.WARN, "REGISTRY_PORT"),
        (Level.WARN, "LOCAL_MODELS_PORT"),
    ]


async def test_wrong_settings_and_a_stray_agent_name_come_first() -> None:
    verdicts = await look(healthy(), trouble="GRACE_PERIOD='x': no number", livekit_agent_name="ada")
    assert bad(verdicts) == [(Level.FAIL, "settings"), (Level.WARN, "agent name")]
    assert verdicts[0].text == "GRACE_PERIOD='x': no number"


async def test_it_may_be_cancelled() -> None:
    network = healthy()
    network.livekit.hangs_at = "ListRooms"
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(1):
            await look(network)

"""Judgements about the registry, its workers and its rooms."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from cli.doctor.judging_registry import (
    judge_foreign,
    judge_keeper,
    judge_readiness,
    judge_waiting,
    judge_webhooks,
    judge_workers,
)
from cli.doctor.verdicts import Level
from tests.cli.fakes import an_agent
from tests.cli.room_fakes import a_keeper, a_room, agent_seen

NOW = datetime(2026, 1, 2, 3, 4, 15, tzinfo=UTC)
URL = "ws://livekit.test"


@pytest.mark.parametrize(
    ("status", "text", "level"),
    [
        (200, "ready", Level.OK),
        (503, "the database cannot be written: disk full", Level.FAIL),
        (404, "", Level.FAIL),
    ],
)
def test_the_database(status: int, text: str, level: Level) -> None:
    assert judge_readiness(status, text).level is level


@pytest.mark.parametrize(
    ("workers", "levels"),
    [
        ([], [Level.FAIL]),
        (["offline"], [Level.FAIL]),
        (["running"], [Level.OK]),
        (["running", "running"], [Level.OK]),
        (["starting"], [Level.FAIL]),
        (["warning"], [Level.FAIL]),
        (["running", "warning", "stopped"], [Level.OK, Level.WARN]),
    ],
    ids=str,
)
def test_workers(workers: list[str], levels: list[Level]) -> None:
    agents = [an_agent(f"w-{n}", kind="worker", status=status) for n, status in enumerate(workers)]
    assert [verdict.level for verdict in judge_workers(agents)] == levels


def test_rooms_with_agents_of_another_program_are_named() -> None:
    foreign = agent_seen(health="foreign", incarnation=None, agentId=None)
    rooms = [a_room(f"agent-{n}-room", agents=[foreign]) for n in range(5)]
    (verdict,) = judge_foreign(rooms)
    assert verdict.level is Level.WARN
    assert "agent-0-room, agent-1-room, agent-2-room and 2 more" in verdict.text
    assert judge_foreign([a_room(), a_room("lobby", agentId=None, agents=[foreign])]) == []


def test_a_human_who_waits_is_told() -> None:
    (verdict,) = judge_waiting([a_room(), a_room("agent-2-room", agents=[])])
    assert verdict.way_out == "`roomkeeper why agent-2-room`"
    assert judge_waiting([a_room()]) == []


@pytest.mark.parametrize(
    ("keeper", "url", "levels"),
    [
        ({}, URL, [Level.OK]),
        ({}, None, [Level.OK]),
        ({"isLeading": False}, URL, [Level.OK]),
        ({"isOn": False}, URL, [Level.WARN]),
        ({"isReachable": False}, URL, [Level.FAIL]),
        ({"trouble": "it stumbles"}, URL, [Level.FAIL]),
        ({}, "wss://other.test", [Level.OK, Level.WARN]),
        ({"livekitUrl": "http://localhost:7880"}, "ws://127.0.0.1:7880", [Level.OK]),
    ],
    ids=str,
)
def test_the_keeper(keeper: dict[str, Any], url: str | None, levels: list[Level]) -> None:
    assert [verdict.level for verdict in judge_keeper(a_keeper(**keeper), livekit_url=url)] == levels


@pytest.mark.parametrize(
    ("keeper", "levels"),
    [
        ({}, [Level.OK]),
        ({"isOn": False, "webhookSeenAt": None}, []),
        ({"webhookSeenAt": None}, [Level.WARN]),
        ({"forgedWebhooks": 2}, [Level.OK, Level.WARN]),
        ({"webhookSeenAt": None, "forgedWebhooks": 1}, [Level.WARN, Level.WARN]),
    ],
    ids=str,
)
def test_webhooks(keeper: dict[str, Any], levels: list[Level]) -> None:
    assert [verdict.level for verdict in judge_webhooks(a_keeper(**keeper), now=NOW)] == levels


def test_it_says_when_the_last_webhook_came() -> None:
    assert judge_webhooks(a_keeper(), now=NOW)[0].text == "the last one came 10 s ago"

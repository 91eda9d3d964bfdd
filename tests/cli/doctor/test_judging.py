"""Judgements about LiveKit and the settings."""

from __future__ import annotations

import pytest

from cli.doctor.judging import (
    judge_agent_name,
    judge_clock,
    judge_departure,
    judge_entry,
    judge_rpc,
    judge_settings,
    judge_version,
    looks_swapped,
)
from cli.doctor.livekit import Entry, Refusal, refusal_in
from cli.doctor.verdicts import Level

URL = "ws://livekit.test"


def entry(*, status: int = 200, is_livekit: bool = True, refusal: Refusal | None = None) -> Entry:
    return Entry(status=status, is_livekit=is_livekit, refusal=refusal, skew=0.0)


@pytest.mark.parametrize(
    ("seen", "is_swapped", "level", "words"),
    [
        (entry(), False, Level.OK, "answers and takes the keys"),
        (entry(status=404, is_livekit=False), False, Level.FAIL, "not as LiveKit does (HTTP 404)"),
        (entry(status=401, refusal=Refusal.UNKNOWN_KEY), True, Level.FAIL, "are swapped"),
        (entry(status=401, refusal=Refusal.UNKNOWN_KEY), False, Level.FAIL, "knows no such LIVEKIT_API_KEY"),
        (entry(status=401, refusal=Refusal.WRONG_SECRET), False, Level.FAIL, "is not the secret of that"),
        (entry(status=401, refusal=Refusal.CLOCK), False, Level.FAIL, "for expired, or for not valid yet"),
        (entry(status=403, refusal=Refusal.OTHER), False, Level.FAIL, "refuses LIVEKIT_API_KEY"),
    ],
)
def test_url_and_keys(seen: Entry, level: Level, words: str, *, is_swapped: bool) -> None:
    verdict = judge_entry(seen, url=URL, is_swapped=is_swapped)
    assert verdict.level is level
    assert words in verdict.text
    assert bool(verdict.way_out) == (level is not Level.OK)


@pytest.mark.parametrize(
    ("text", "refusal"),
    [
        ("invalid API key: APIx", Refusal.UNKNOWN_KEY),
        (
            "invalid token: ey.J.x, error: token signature is invalid: signature is invalid",
            Refusal.WRONG_SECRET,
        ),
        ("invalid token: ey.J.x, error: token has invalid claims: token is expired", Refusal.CLOCK),
        ("invalid token: ey.J.x, error: token has invalid claims: token is not valid yet", Refusal.CLOCK),
        ('{"code":"unauthenticated","msg":"permissions denied"}', Refusal.OTHER),
        ("", Refusal.OTHER),
    ],
)
def test_words_of_a_refusal(text: str, refusal: Refusal) -> None:
    assert refusal_in(text) is refusal


@pytest.mark.parametrize(
    ("key", "secret", "expected"),
    [
        ("APIabcdef", "secret-secret-secret", False),
        ("APIabcdef", "APIsecret", False),
        ("secret-secret-secret", "APIabcdef", True),
        ("secret-secret-secret", "devkey", True),
        ("devkey", "secret", False),
        ("key", "a-secret-that-is-long", False),
    ],
)
def test_what_looks_swapped(key: str, secret: str, *, expected: bool) -> None:
    assert looks_swapped(key, secret) is expected


@pytest.mark.parametrize(
    ("skew", "level", "words"),
    [
        (None, None, ""),
        (0.0, Level.OK, "agree"),
        (30.0, Level.OK, "agree"),
        (30.1, Level.WARN, "30 s ahead of this machine"),
        (-30.0, Level.OK, "agree"),
        (-300.0, Level.WARN, "300 s behind this machine"),
    ],
)
def test_clocks(skew: float | None, level: Level | None, words: str) -> None:
    verdicts = judge_clock("LiveKit's clock", skew)
    assert [verdict.level for verdict in verdicts] == ([] if level is None else [level])
    assert all(words in verdict.text for verdict in verdicts)


@pytest.mark.parametrize(
    ("version", "level"),
    [
        ("1.13.5", Level.OK),
        ("1.13.4", Level.WARN),
        ("1.9.12", Level.WARN),
        ("v1.13.5-rc1", Level.OK),
        ("1.14", Level.OK),
        ("2.0.0", Level.OK),
        ("", Level.OK),
        ("main-abc", Level.OK),
    ],
)
def test_versions(version: str, level: Level) -> None:
    (verdict,) = judge_version(version)
    assert verdict.level is level


@pytest.mark.parametrize(
    ("timeout", "grace", "level"),
    [
        (65.0, 60.0, Level.OK),
        (64.9, 60.0, Level.WARN),
        (20.0, 60.0, Level.WARN),
        (20.0, 0.0, Level.OK),
        (None, 60.0, Level.WARN),
    ],
)
def test_departure_timeouts(timeout: float | None, grace: float, level: Level) -> None:
    assert judge_departure(timeout, grace_period=grace).level is level


def test_the_way_out_of_a_short_departure_timeout_is_a_line_of_the_configuration() -> None:
    assert "{departure_timeout: 65}" in judge_departure(20, grace_period=60).way_out


def test_a_livekit_that_cannot_ask_agents_is_too_old() -> None:
    assert judge_rpc(is_known=True).level is Level.OK
    assert judge_rpc(is_known=False).level is Level.FAIL


def test_each_wrong_setting_is_a_line() -> None:
    assert [verdict.level for verdict in judge_settings("")] == [Level.OK]
    assert [verdict.text for verdict in judge_settings("A=1: no\nB=2: no")] == ["A=1: no", "B=2: no"]


@pytest.mark.parametrize(("name", "n"), [(None, 0), ("", 0), ("ada", 1)])
def test_a_name_that_switches_dispatch_off_is_told(name: str | None, n: int) -> None:
    assert len(judge_agent_name(name)) == n

"""Beats: what is taken, what is refused and why, and what counts as new in one."""

import json
from typing import Any

import pytest

from wire import (
    MAX_BEAT_BYTES,
    Beat,
    BeatError,
    CallFacts,
    Deployment,
    Guest,
    Hint,
    Kind,
    ModelFacts,
    Said,
    SwitchFacts,
    check_texts,
    decode_beat,
    encode_beat,
    same_facts,
)

LEAST: dict[str, Any] = {"agentId": "1", "incarnation": "a", "sequence": 0, "status": "running"}


def beat(**fields: Any) -> Beat:
    return decode_beat(json.dumps({**LEAST, **fields}).encode())


def test_four_fields_are_enough() -> None:
    assert beat() == Beat(agent_id="1", incarnation="a", sequence=0, status=Said.RUNNING)


def test_a_whole_beat_comes_back_as_it_was_sent() -> None:
    whole = Beat(
        agent_id="1",
        incarnation="a",
        sequence=17,
        status=Said.WARNING,
        kind=Kind.SESSION,
        name="Ada",
        description="Receptionist",
        model="gpt-4.1",
        voice="alloy",
        temperature=0.5,
        prompt="You are\nAda.",
        process_id=123,
        process_age=4.5,
        host="box",
        port=8080,
        deployment=Deployment.CLOUD,
        interval=10.0,
        reason="a reason",
        hints=(Hint(points=10, text="low memory"),),
        last_error="boom",
        error_age=3.0,
        idle=1.0,
        cpu=12.5,
        rss=123_456_789,
        loop_lag=0.001,
        call=CallFacts(
            room="agent-1-room",
            phase="grace_period",
            humans=(Guest(identity="guest"), Guest(identity="coach-1", role="coach")),
            since=1.5,
            grace_left=58.5,
            llm="gpt-4.1",
            llm_state="busy",
        ),
        models=(
            ModelFacts(
                id="127.0.0.1:11434",
                model="llama3.2",
                host="127.0.0.1:11434",
                source="discovered",
                kind="ollama",
                state="failing",
                reason="no first word in 3 s",
                age=12.5,
                first_token_ms=412.0,
                is_current=True,
            ),
        ),
        switches=(
            SwitchFacts(age=12.5, source="127.0.0.1:11434", target=None, reason="no first word in 3 s"),
        ),
    )
    assert decode_beat(encode_beat(whole)) == whole


def test_models_are_told_in_camel_case() -> None:
    said = beat(
        call={"room": "r", "phase": "active", "llmState": "none"},
        models=[{"id": "a", "isCurrent": True, "firstTokenMs": 3}],
        switches=[{"target": "a"}],
    )
    assert said.models == (ModelFacts(id="a", is_current=True, first_token_ms=3.0),)
    assert said.models[0].state == "unknown"
    assert said.switches == (SwitchFacts(target="a"),)
    assert said.call is not None
    assert said.call.llm_state == "none"


def test_unknown_fields_are_ignored() -> None:
    assert beat(shoeSize=44, call={"room": "r", "phase": "active", "mood": "good"}).call is not None


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "Input data was truncated"),
        (b"nonsense", "JSON is malformed"),
        (b"[]", "Expected `object`, got `array`"),
        (b"{}", "missing required field `agentId`"),
        (b'{"agentId": "\xff"}', "not UTF-8"),
        (b"[" * 60_000, ""),
        (b'"' + b"x" * MAX_BEAT_BYTES + b'"', "at most 65,536"),
    ],
    ids=["empty", "no-json", "no-object", "nothing-in-it", "no-utf8", "deep", "large"],
)
def test_what_is_no_beat_is_told_in_one_line(data: bytes, message: str) -> None:
    with pytest.raises(BeatError) as error:
        decode_beat(data)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"agentId": 1}, "agentId: Expected `str`, got `int`; it is 1"),
        ({"agentId": ""}, "agentId: Expected `str` of length >= 1; it is ''"),
        ({"sequence": -1}, "sequence: Expected `int` >= 0; it is -1"),
        ({"sequence": 2**63}, "sequence: "),
        ({"status": "great"}, "status: Invalid enum value 'great'"),
        ({"status": "offline"}, "status: Invalid enum value 'offline'"),
        ({"name": "x" * 10_000}, "name: Expected `str` of length <= 200"),
        ({"port": 70_000}, "port: Expected `int` <= 65535; it is 70000"),
        ({"temperature": "hot"}, "temperature: "),
        ({"hints": [{"points": 101, "text": "x"}]}, "hints[0].points: Expected `int` <= 100; it is 101"),
        ({"call": {"phase": "active"}}, "call: Object missing required field `room`"),
        ({"models": [{"id": ""}]}, "models[0].id: Expected `str` of length >= 1; it is ''"),
        ({"models": [{"id": "a", "state": "x" * 21}]}, "models[0].state: Expected `str` of length <= 20"),
        ({"models": [{"id": "a"}] * 33}, "models: Expected `array` of length <= 32"),
        ({"switches": [{}] * 11}, "switches: Expected `array` of length <= 10"),
        ({"version": 2}, "version: 2 is newer than what this registry reads (1); update the registry"),
        ({"version": 2, "sequence": "seventeen"}, "version: 2 is newer"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_a_wrong_field_is_named_with_its_value_and_what_is_expected(
    fields: dict[str, Any], message: str
) -> None:
    with pytest.raises(BeatError) as error:
        beat(**fields)
    assert message in str(error.value)


@pytest.mark.parametrize(
    "fields",
    [
        {"sequence": 2},
        {"cpu": 3.0, "rss": 4, "loopLag": 5.0, "idle": 6.0},
        {"errorAge": 9.0},
        {"processAge": 100.0},
        {"call": {"room": "r", "phase": "active", "since": 10.0}},
    ],
    ids=lambda fields: next(iter(fields)),
)
def test_counters_ages_and_measurements_are_nothing_new(fields: dict[str, Any]) -> None:
    call = {"room": "r", "phase": "active", "since": 1.0}
    assert same_facts(beat(call=call), beat(**{"call": call, **fields}))


@pytest.mark.parametrize(
    "fields",
    [
        {"incarnation": "b"},
        {"status": "warning"},
        {"name": "Max"},
        {"host": "other"},
        {"hints": [{"points": 1, "text": "x"}]},
        {"lastError": "boom"},
        {"call": None},
        {"call": {"room": "r", "phase": "closing"}},
        {"call": {"room": "r", "phase": "active", "humans": [{"identity": "guest"}]}},
    ],
    ids=lambda fields: next(iter(fields)),
)
def test_anything_else_is_new(fields: dict[str, Any]) -> None:
    assert not same_facts(
        beat(call={"room": "r", "phase": "active"}),
        beat(**{"call": {"room": "r", "phase": "active"}, **fields}),
    )


MODEL = {"id": "a", "model": "m", "state": "healthy", "age": 1.0, "firstTokenMs": 300.0, "isCurrent": True}
SWITCH = {"age": 1.0, "source": "b", "target": "a", "reason": "slow"}


@pytest.mark.parametrize(
    ("model", "switch", "is_new"),
    [
        ({"age": 11.0, "firstTokenMs": 900.0}, {"age": 11.0}, False),
        ({"state": "failing"}, {}, True),
        ({"reason": "no first word in 3 s"}, {}, True),
        ({"model": None}, {}, True),
        ({"isCurrent": False}, {}, True),
        ({"id": "c"}, {}, True),
        ({}, {"target": None}, True),
        ({}, {"reason": "gone"}, True),
    ],
    ids=["ages", "state", "reason", "model", "is-current", "id", "target", "why"],
)
def test_how_models_are_is_new_and_for_how_long_is_not(
    model: dict[str, Any], switch: dict[str, Any], is_new: bool
) -> None:
    before = beat(models=[MODEL], switches=[SWITCH])
    after = beat(models=[MODEL | model], switches=[SWITCH | switch])
    assert same_facts(before, after) is not is_new


def test_models_that_come_and_go_are_new() -> None:
    assert not same_facts(beat(), beat(models=[MODEL]))
    assert not same_facts(
        beat(models=[MODEL, MODEL | {"id": "b"}]), beat(models=[MODEL | {"id": "b"}, MODEL])
    )
    assert not same_facts(beat(switches=[SWITCH]), beat(switches=[SWITCH, SWITCH]))


def test_the_state_of_the_model_in_use_is_new() -> None:
    call = {"room": "r", "phase": "active", "llmState": "healthy"}
    assert not same_facts(beat(call=call), beat(call=call | {"llmState": "none"}))


@pytest.mark.parametrize(
    ("fields", "where"),
    [
        ({"agentId": " 1"}, "agentId"),
        ({"agentId": "1\n"}, "agentId"),
        ({"name": "a\x00b"}, "name"),
        ({"name": "a\nb"}, "name"),
        ({"prompt": "a\x00b"}, "prompt"),
        ({"lastError": "\x1b[31mred"}, "lastError"),
        ({"hints": [{"points": 1, "text": "\x07"}]}, "hints[0].text"),
        ({"call": {"room": "r\x00", "phase": "active"}}, "call.room"),
        ({"call": {"room": "r", "phase": "active", "llmState": "\n"}}, "call.llmState"),
        ({"models": [{"id": "a"}, {"id": "b\x00"}]}, "models[1].id"),
        ({"models": [{"id": "a", "reason": "no\nword"}]}, "models[0].reason"),
        ({"switches": [{"source": "\x1b"}]}, "switches[0].source"),
        ({"switches": [{"reason": "\x07"}]}, "switches[0].reason"),
        (
            {"call": {"room": "r", "phase": "active", "humans": [{"identity": "\x01"}]}},
            "call.humans[0].identity",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_control_characters_are_refused(fields: dict[str, Any], where: str) -> None:
    with pytest.raises(BeatError, match=f"^{where.replace('[', '.').replace(']', '.')}: "):
        check_texts(beat(**fields))


@pytest.mark.parametrize(
    "name", ["<script>alert(1)</script>", "\u202eadA", "Zoë 🏨", "'; DROP TABLE local_agents; --", "محمد"]
)
def test_any_other_text_is_a_text(name: str) -> None:
    check_texts(beat(name=name, prompt=f"{name}\n\twith lines"))

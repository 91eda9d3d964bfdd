"""Beats that the registry can take, whatever their facts are."""

from __future__ import annotations

import math

import pytest

from heartbeat.facts import Facts, Reading, beat_of
from tests.heartbeat.fakes import ID, facts, reading
from wire import (
    MAX_BEAT_BYTES,
    Beat,
    CallFacts,
    Guest,
    Hint,
    Joining,
    Kind,
    ModelFacts,
    Said,
    SwitchFacts,
    check_texts,
    decode_beat,
    encode_beat,
)

WIDE = "\U0001f600" * 999


def beat(said: Facts, measured: Reading | None = None) -> Beat:
    made = beat_of(
        said, measured or reading(), agent_id=said.agent_id, incarnation=ID, sequence=7, interval=10.0
    )
    data = encode_beat(made)
    assert len(data) <= MAX_BEAT_BYTES
    taken = decode_beat(data)
    check_texts(taken)
    assert taken == made
    return made


def test_a_beat_says_what_the_owner_says_and_what_is_measured() -> None:
    call = CallFacts(
        room="agent-1-room",
        phase="closing",
        humans=(Guest(identity="anna", role="coach"),),
        is_connected=False,
        closing="operator",
    )
    made = beat(
        facts(kind=Kind.SESSION, status=Said.WARNING, reason="slow", model="m", temperature=0.5, call=call),
        Reading(process_id=42, process_age=3.0, machine="m/1", cpu=1.5, rss=1_000, loop_lag=0.25),
    )
    assert (made.agent_id, made.incarnation, made.sequence, made.interval) == ("ada", ID, 7, 10.0)
    assert (made.kind, made.status, made.reason, made.model) == (Kind.SESSION, Said.WARNING, "slow", "m")
    assert (made.process_id, made.process_age, made.cpu, made.rss, made.loop_lag) == (
        42,
        3.0,
        1.5,
        1_000,
        0.25,
    )
    assert made.machine == "m/1"
    assert made.call == call


def test_a_worker_says_which_of_its_agents_are_on_their_way() -> None:
    joining = (Joining(room="agent-1-room", age=0.5), Joining(room="agent-2-room"))
    assert beat(facts(kind=Kind.WORKER, joining=joining)).joining == joining


def test_an_agent_says_how_its_models_are() -> None:
    models = (
        ModelFacts(
            id="127.0.0.1:11434", model="llama3.2", host="127.0.0.1:11434", source="discovered", kind="ollama",
            state="failing", reason="no first word in 3 s", age=12.5, first_token_ms=412.0,
        ),
        ModelFacts(id="api.openai.com", state="healthy", is_current=True),
    )  # fmt: skip
    switches = (SwitchFacts(age=12.5, source="127.0.0.1:11434", target="api.openai.com", reason="slow"),)
    call = CallFacts(room="r", phase="active", llm="gpt", llm_state="healthy")
    made = beat(facts(models=models, switches=switches, call=call))
    assert (made.models, made.switches, made.call) == (models, switches, call)


@pytest.mark.parametrize(
    "said",
    [
        pytest.param(facts(agent_id="", name=""), id="no id"),
        pytest.param(facts(agent_id="  x\n"), id="blanks around the id"),
        pytest.param(
            facts(agent_id="x" * 999, name="n" * 999, model="m" * 999, host="h" * 999), id="long lines"
        ),
        pytest.param(facts(name="a\x00b\x1b[31m", voice="\ud800", host="a\nb"), id="control characters"),
        pytest.param(facts(reason="r" * 9_999, last_error="\x00" * 9_999), id="long texts"),
        pytest.param(facts(prompt="p" * 999_999), id="a prompt of a megabyte"),
        pytest.param(
            facts(prompt="\U0001f600" * 32_000, description="\U0001f600" * 2_000), id="a wide prompt"
        ),
        pytest.param(facts(prompt='"\n' * 16_000), id="a prompt that grows in JSON"),
        pytest.param(facts(temperature=math.nan, error_age=-1.0, idle=math.inf, port=99_999), id="numbers"),
        pytest.param(
            facts(hints=tuple(Hint(points=500, text="h" * 999) for _ in range(99))), id="many hints"
        ),
        pytest.param(facts(hints=(Hint(points=-1, text="low"), Hint(points=1, text=""))), id="odd hints"),
        pytest.param(
            facts(
                prompt="\U0001f600" * 32_000,
                reason="\U0001f600" * 2_000,
                last_error="\U0001f600" * 2_000,
                hints=tuple(Hint(points=1, text="\U0001f600" * 200) for _ in range(20)),
                call=CallFacts(
                    room="",
                    phase="p" * 99,
                    since=-5.0,
                    grace_left=math.nan,
                    humans=tuple(Guest(identity="\U0001f600" * 999, role="r" * 99) for _ in range(999)),
                ),
            ),
            id="everything at once",
        ),
        pytest.param(
            facts(joining=tuple(Joining(room="\U0001f600" * 999, age=-1.0) for _ in range(999))),
            id="many agents on their way",
        ),
        pytest.param(facts(joining=(Joining(room="\x00"), Joining(room="", age=math.inf))), id="odd rooms"),
        pytest.param(facts(call=CallFacts(room="r", phase="closing", closing="x\n" * 99)), id="an odd end"),
        pytest.param(
            facts(
                models=(
                    ModelFacts(id="", model="\x00", state="", age=math.nan, first_token_ms=-1.0),
                    ModelFacts(id="i" * 999, host="\n", source="s" * 99, kind="k" * 99, reason="r" * 999),
                ),
                switches=(SwitchFacts(age=math.inf, source="\x1b" * 999, target="", reason="a\nb"),),
                call=CallFacts(room="r", phase="active", llm_state="s" * 99),
            ),
            id="odd models",
        ),
        pytest.param(
            facts(
                prompt="\U0001f600" * 32_000,
                description="\U0001f600" * 2_000,
                reason="\U0001f600" * 2_000,
                last_error="\U0001f600" * 2_000,
                joining=tuple(Joining(room="\U0001f600" * 999) for _ in range(999)),
                models=tuple(
                    ModelFacts(
                        id=WIDE, model=WIDE, host=WIDE, source=WIDE, kind=WIDE, state=WIDE, reason=WIDE
                    )
                    for _ in range(99)
                ),
                switches=tuple(SwitchFacts(source=WIDE, target=WIDE, reason=WIDE) for _ in range(99)),
                call=CallFacts(
                    room="r",
                    phase="active",
                    humans=tuple(Guest(identity=WIDE) for _ in range(999)),
                ),
            ),
            id="many models and all else",
        ),
    ],
)
def test_what_the_registry_would_refuse_is_cut(said: Facts) -> None:
    assert beat(said).agent_id


@pytest.mark.parametrize("machine", ["m" * 999, "a\x00b\n\ud800", ""], ids=["long", "odd", "empty"])
def test_a_machine_that_the_registry_would_refuse_is_cut(machine: str) -> None:
    assert beat(facts(), Reading(process_id=1, machine=machine)).process_id == 1


def test_a_long_prompt_keeps_what_fits() -> None:
    prompt = beat(facts(prompt="\U0001f600" * 32_000)).prompt
    assert prompt is not None
    assert prompt.endswith("…")
    assert len(prompt.encode()) > MAX_BEAT_BYTES / 3


def test_what_errors_say_is_masked() -> None:
    said = facts(
        reason="token=abc",
        last_error="token=abc",
        hints=(Hint(points=1, text="token=abc"),),
        models=(ModelFacts(id="m", reason="token=abc"),),
        switches=(SwitchFacts(reason="token=abc"),),
    )
    made = beat_of(
        said, reading(), agent_id="a", incarnation=ID, sequence=1, interval=1, mask=lambda _: "masked"
    )
    assert (made.reason, made.last_error, made.hints[0].text) == ("masked", "masked", "masked")
    assert (made.models[0].reason, made.switches[0].reason) == ("masked", "masked")


def test_of_too_many_models_the_preferred_ones_are_kept() -> None:
    models = tuple(
        ModelFacts(id=f"{number} {WIDE}", model=WIDE, host=WIDE, reason=WIDE) for number in range(32)
    )
    made = beat(facts(models=models, description="At the desk", prompt="You are Ada."))
    assert [model.id[0] for model in made.models] == list("01234567")
    assert made.description == "At the desk"

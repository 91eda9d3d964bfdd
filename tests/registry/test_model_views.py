"""With which model an agent would answer, by what it says."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from registry.model_views import ModelInUse, model_in_use, model_view, switch_view
from tests.registry.beats import a_beat
from wire import CallFacts, ModelFacts, SwitchFacts

HEARD = datetime(2026, 3, 1, 12, tzinfo=UTC)

WELL = ModelFacts(id="a", model="llama", state="healthy", is_current=True)
SLOW = ModelFacts(id="b", model="qwen", state="busy", reason="it answers 429", is_current=True)
IDLE = ModelFacts(id="c", model="phi", state="failing", reason="refused")


def a_call(**fields: Any) -> CallFacts:
    return CallFacts(room="r", phase="active", **fields)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        pytest.param({"model": "gpt"}, None, id="it says nothing of states"),
        pytest.param({"call": a_call(llm="gpt")}, None, id="a call that says nothing of states"),
        pytest.param({"models": (IDLE, WELL)}, ("a", "llama", "healthy", ""), id="the current one"),
        pytest.param({"models": (SLOW,)}, ("b", "qwen", "busy", "it answers 429"), id="with its reason"),
        pytest.param({"models": (IDLE,)}, (None, None, "none", ""), id="none is current"),
        pytest.param(
            {"models": (IDLE,), "switches": (SwitchFacts(source="c", reason="refused"),)},
            (None, None, "none", "refused"),
            id="the reason why none is",
        ),
        pytest.param(
            {"models": (IDLE,), "switches": (SwitchFacts(source="b", target="c", reason="slow"),)},
            (None, None, "none", ""),
            id="a switch to another is no reason",
        ),
        pytest.param(
            {"call": a_call(llm="gpt", llm_state="warming")}, (None, "gpt", "warming", ""), id="a call's own word"
        ),
        pytest.param(
            {"models": (WELL,), "call": a_call(llm_state="busy")},
            ("a", "llama", "busy", ""),
            id="a call's state is newer than the endpoint's",
        ),
        pytest.param(
            {"models": (WELL,), "call": a_call(llm="gpt", llm_state="none")},
            (None, None, "none", ""),
            id="a call that waits",
        ),
        pytest.param(
            {"model": "gpt", "models": (ModelFacts(id="a", is_current=True),)},
            ("a", "gpt", "unknown", ""),
            id="the profile's model until another is known",
        ),
    ],
)  # fmt: skip
def test_the_model_in_use(fields: dict[str, Any], expected: tuple[str | None, ...] | None) -> None:
    found = model_in_use(a_beat(**fields))
    if expected is None:
        assert found is None
        return
    endpoint, model, state, reason = expected
    assert found == ModelInUse(endpoint=endpoint, model=model, state=state or "", reason=reason or "")


@pytest.mark.parametrize("late", [0.0, 0.4], ids=["soon", "a little late"])
def test_moments_do_not_waver_with_the_way_of_a_beat(late: float) -> None:
    heard_at = HEARD + timedelta(seconds=late)
    expected = HEARD - timedelta(seconds=30)
    assert model_view(ModelFacts(id="a", age=30.0), heard_at).since == expected
    assert switch_view(SwitchFacts(age=30.0), heard_at).at == expected

"""What the status functions do not take, said in one line with the value."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest

from heartbeat import StatusError, arguments
from wire import Hint, Said


@pytest.mark.parametrize(
    ("call", "words"),
    [
        pytest.param(lambda: arguments.text("name", 7), "name=7 is not a string", id="text"),
        pytest.param(lambda: arguments.agent_id(""), "agent_id='' must be", id="empty id"),
        pytest.param(lambda: arguments.agent_id(" a"), "agent_id=' a' must be", id="blank"),
        pytest.param(lambda: arguments.agent_id("a\nb"), "agent_id='a\\nb' must be", id="line end"),
        pytest.param(lambda: arguments.agent_id("x" * 201), "1 to 200 characters", id="long id"),
        pytest.param(lambda: arguments.agent_id(1), "agent_id=1 is not a string", id="number as id"),
        pytest.param(
            lambda: arguments.number("temperature", "hot", least=0, most=100),
            "temperature='hot' is not a number",
            id="words as number",
        ),
        pytest.param(
            lambda: arguments.number("temperature", True, least=0, most=100), "not a number", id="bool"
        ),
        pytest.param(
            lambda: arguments.number("temperature", math.nan, least=0, most=100), "must be from 0", id="nan"
        ),
        pytest.param(
            lambda: arguments.number("temperature", 101, least=0, most=100),
            "101 must be from 0 to 100",
            id="hot",
        ),
        pytest.param(lambda: arguments.port(65_536), "port=65536 must be from 0 to 65535", id="port"),
        pytest.param(lambda: arguments.port(80.5), "port=80.5 is not a whole number", id="half a port"),
        pytest.param(
            lambda: arguments.status("busy"),
            "status='busy' is not one of starting, running, warning, error, stopped",
            id="status",
        ),
        pytest.param(lambda: arguments.status(["x"]), "status=", id="no status at all"),
        pytest.param(lambda: arguments.status("x" * 999), "xxx…", id="a long status"),
        pytest.param(lambda: arguments.hints(["slow"]), "hints=['slow'] must be like", id="hints"),
        pytest.param(lambda: arguments.hints({"": 1}), "says nothing", id="hint without words"),
        pytest.param(lambda: arguments.hints({"slow": 101}), "points=101 must be", id="too many points"),
        pytest.param(lambda: arguments.hint("slow", None), "points=None is not a number", id="no points"),
    ],
)
def test_a_wrong_value_is_named(call: Callable[[], object], words: str) -> None:
    with pytest.raises(StatusError) as raised:
        call()
    assert words in str(raised.value)
    assert "\n" not in str(raised.value)
    assert len(str(raised.value)) < 250
    assert isinstance(raised.value, ValueError)


def test_right_values_are_taken() -> None:
    assert arguments.text("name", None) is None
    assert arguments.text("name", "Зоя") == "Зоя"
    assert arguments.agent_id("a/b c") == "a/b c"
    assert arguments.agent_id(None) is None
    assert arguments.port(None) is None
    assert arguments.port(80.0) == 80
    assert arguments.status("error") is arguments.status(Said.ERROR) is Said.ERROR
    assert arguments.hints({"slow": 20.4}) == (Hint(points=20, text="slow"),)

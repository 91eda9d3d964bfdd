"""`roomkeeper agents show`: which language model an agent would answer with."""

from __future__ import annotations

from typing import Any

import pytest

from tests.cli.conftest import Run
from tests.cli.fakes import FakeRegistry, agent_json


@pytest.mark.parametrize(
    ("used", "expected"),
    [
        ({"state": "healthy", "model": "gpt", "endpoint": "api.openai.com"}, "gpt at api.openai.com, healthy"),
        ({"state": "rate_limited", "model": "gpt", "reason": "429"}, "gpt, rate limited: 429"),
        ({"state": "none", "reason": "no first word in 3 s"}, "no model: no first word in 3 s"),
        ({"state": "a\x1bb"}, "a model, a�b"),
    ],
)  # fmt: skip
def test_show_tells_the_model_in_use(
    registry: FakeRegistry, run: Run, used: dict[str, Any], expected: str
) -> None:
    registry.add(agent_json("ada", modelInUse=used))
    lines = [" ".join(line.split()) for line in run("agents", "show", "ada").stdout.splitlines()]
    assert f"model in use {expected}" in lines


def test_show_says_nothing_of_it_where_the_agent_does_not(registry: FakeRegistry, run: Run) -> None:
    registry.add(agent_json("ada"))
    assert "model in use" not in run("agents", "show", "ada").stdout

"""`roomkeeper agents stop | drain | leave | remove`."""

from __future__ import annotations

import pytest

from tests.cli.conftest import Run
from tests.cli.fakes import FakeRegistry, agent_json


@pytest.mark.parametrize("order", ["stop", "drain", "leave"])
def test_an_order_is_given(registry: FakeRegistry, run: Run, order: str) -> None:
    registry.add(agent_json("a/b"))
    result = run("agents", order, "a/b", "--reason", "rollout")
    assert result.stdout == f"a/b: {order} was queued: with its next beat\n"
    method, path, body = registry.requests[-1]
    assert (method, path, body["reason"]) == ("POST", f"/api/agents/a%2Fb/{order}", "rollout")


@pytest.mark.parametrize(("options", "force"), [([], False), (["--force"], True)])
def test_an_agent_is_removed(registry: FakeRegistry, run: Run, options: list[str], *, force: bool) -> None:
    registry.add(agent_json("ada"))
    assert run("agents", "remove", "ada", "-r", "old", *options).stdout == "ada is removed\n"
    assert registry.requests[-1][2]["force"] is force


@pytest.mark.parametrize("order", ["stop", "drain", "leave", "remove"])
def test_a_reason_is_needed(registry: FakeRegistry, run: Run, order: str) -> None:
    result = run("agents", order, "ada")
    assert result.exit_code == 2
    assert "--reason" in result.stderr
    assert registry.requests == []

"""docs/deploying.md and what alerts tell people to do: that it names what there is."""

from __future__ import annotations

import importlib
import re

import pytest

from tests.deploy.exported import exported_names, our_names
from tests.deploy.files import DEPLOY, ROOT, read_yaml

DOCUMENTATION = (ROOT / "docs" / "deploying.md").read_text()
ALERTS = (DEPLOY / "alerts.yml").read_text()


def test_it_names_every_metric_and_no_other() -> None:
    parts = ("_bucket", "_count", "_sum")
    told = {name for name in exported_names() if not name.endswith(parts)}
    assert our_names(DOCUMENTATION) == told


def test_it_names_every_alert_and_no_other() -> None:
    rules = [rule["alert"] for group in read_yaml(DEPLOY / "alerts.yml")["groups"] for rule in group["rules"]]
    assert set(re.findall(r"`(Roomkeeper\w+)`", DOCUMENTATION)) == set(rules)


def test_files_that_it_names_are_there() -> None:
    named = set(re.findall(r"deploy/[\w./-]+\w", DOCUMENTATION)) - {"deploy/.env"}
    assert named
    assert [name for name in named if not (ROOT / name).exists()] == []


@pytest.mark.parametrize("text", [DOCUMENTATION, ALERTS], ids=["documentation", "alerts"])
def test_commands_that_it_names_are_there(text: str) -> None:
    import typer.main  # noqa: PLC0415  # the command line takes long to import

    app = importlib.import_module("cli.app").app
    commands = typer.main.get_command(app).commands  # type: ignore[attr-defined]  # a group
    # A command, and for `agents` what to do with one.
    for words in re.findall(r"`roomkeeper ([a-z-]+(?: [a-z-]+)?)", text):
        first, _, second = words.partition(" ")
        assert first in commands, f"there is no `roomkeeper {first}`"
        if first == "agents" and second:
            assert second in commands[first].commands

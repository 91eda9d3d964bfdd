"""deploy/livekit.yaml: that livekit-server takes it, and that it fits our agents and the registry."""

from __future__ import annotations

import subprocess
from typing import Any

import pytest

from stack.livekit_binary import find_binary
from tests.deploy.files import DEPLOY, LEAVING_SECONDS, default_of, read_yaml

CONFIG: dict[str, Any] = read_yaml(DEPLOY / "livekit.yaml")


def test_livekit_server_takes_it() -> None:
    binary = find_binary()
    if binary is None:
        pytest.skip("no livekit-server; scripts/install brings it")
    # `ports` reads the configuration, strictly, and opens nothing. It ends with 0 whatever it says.
    done = subprocess.run(
        [binary, "--config", DEPLOY / "livekit.yaml", "ports"],
        env={"LIVEKIT_KEYS": "key: 0123456789abcdef0123456789abcdef", "LIVEKIT_WEBHOOK_API_KEY": "key"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert "could not" not in done.stdout + done.stderr
    assert "7880" in done.stdout


def test_rooms_outlive_the_grace_and_wait_for_their_first_human() -> None:
    room = CONFIG["room"]
    assert room["departure_timeout"] >= default_of("GRACE_PERIOD") + LEAVING_SECONDS
    assert room["empty_timeout"] > default_of("FIRST_HUMAN_TIMEOUT")


def test_its_webhooks_go_where_the_registry_is_published() -> None:
    assert CONFIG["webhook"]["urls"] == ["http://127.0.0.1:3026/api/livekit/webhook"]
    services = read_yaml(DEPLOY / "compose.yaml")["services"]
    assert services["registry"]["ports"] == ["127.0.0.1:3026:3026"]
    assert services["livekit"]["network_mode"] == "host"


def test_no_keys_are_in_it() -> None:
    assert "keys" not in CONFIG
    assert "api_key" not in CONFIG["webhook"]

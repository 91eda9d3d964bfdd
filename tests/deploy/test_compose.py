"""deploy/compose.yaml: that Docker Compose takes it, and that it fits the settings of our processes."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import SecretStr

from config import Settings
from tests.deploy.files import (
    DEPLOY,
    LEAVING_SECONDS,
    PROVIDERS_KEYS,
    SECRETS,
    SETTINGS,
    read_yaml,
    seconds,
)

FILE = DEPLOY / "compose.yaml"
COMPOSE: dict[str, Any] = read_yaml(FILE)
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = ("registry", "worker", "models")

FILLED_IN = {
    "LIVEKIT_URL": "ws://192.168.1.10:7880",
    "LIVEKIT_API_KEY": "roomkeeper",
    "LIVEKIT_API_SECRET": "0123456789abcdef0123456789abcdef",
    "REGISTRY_TOKEN": "fedcba9876543210",
    "POSTGRES_PASSWORD": "00112233",
}

NAMES_OF_OTHERS = {
    "livekit": {"LIVEKIT_KEYS", "LIVEKIT_WEBHOOK_API_KEY"},  # livekit-server 1.13.5, `help-verbose`
    "postgres": {"POSTGRES_USER", "POSTGRES_DB", "POSTGRES_PASSWORD"},
}

PARTS = {
    "image", "build", "command", "environment", "volumes", "ports", "profiles", "restart", "stop_grace_period",
    "healthcheck", "depends_on", "network_mode", "read_only", "tmpfs", "cap_drop", "security_opt", "logging", "secrets",
    "shm_size",
}  # fmt: skip
"""What a service of ours may have: a misspelt one is refused by Compose, and does nothing here."""


def has_compose() -> bool:
    docker = shutil.which("docker")
    return (
        docker is not None
        and not subprocess.run(
            [docker, "compose", "version"], capture_output=True, timeout=20, check=False
        ).returncode
    )


def interpolated(text: str, values: dict[str, str]) -> str:
    """As Compose fills in `${NAME:?why}`, `${NAME:-default}` and `${NAME-default}`."""

    def fill(match: re.Match[str]) -> str:
        name, operator, rest = match["name"], match["operator"], match["rest"]
        if values.get(name) or (operator == "-" and name in values):
            return values[name]
        if operator == ":?":
            raise ValueError(f"{name} is not set: {rest}")
        return rest or ""

    return re.sub(r"\$\{(?P<name>\w+)(?P<operator>:\?|:-|-)?(?P<rest>[^}]*)\}", fill, text)


def environments() -> Iterator[tuple[str, str]]:
    for name, service in SERVICES.items():
        for variable in service.get("environment", {}):
            yield name, variable


def test_docker_compose_takes_it() -> None:
    if not has_compose():
        pytest.skip("no `docker compose` here; the other tests of this file look at the same by hand")
    command = ["docker", "compose", "-f", str(FILE), "--profile", "*", "config", "--quiet"]
    done = subprocess.run(
        command, env=os.environ | FILLED_IN, capture_output=True, text=True, timeout=50, check=False
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_has_known_parts_and_a_pinned_image(name: str) -> None:
    service = SERVICES[name]
    assert set(service) <= PARTS
    if name not in OURS:
        tag = service["image"].partition(":")[2]
        assert re.match(r"v?\d+\.\d+", tag), f"{service['image']} may be another one tomorrow"


@pytest.mark.parametrize(("service", "variable"), list(environments()))
def test_every_variable_that_is_set_is_one_that_somebody_reads(service: str, variable: str) -> None:
    ours = SETTINGS | PROVIDERS_KEYS if service == "worker" else SETTINGS
    assert variable in NAMES_OF_OTHERS.get(service, ours)


def test_the_worker_can_have_the_keys_of_every_provider() -> None:
    needs_more = {
        "GOOGLE_APPLICATION_CREDENTIALS",
        "GOOGLE_GENAI_USE_VERTEXAI",
        "GOOGLE_CLOUD_PROJECT",
    }  # a file
    other_ways = {"AZURE_SPEECH_HOST", "DEEPGRAM_BASE_URL", "OPENAI_BASE_URL"}  # instead of a key
    assert set(SERVICES["worker"]["environment"]) >= PROVIDERS_KEYS - needs_more - other_ways


@pytest.mark.parametrize("missing", FILLED_IN)
def test_nothing_starts_while_something_is_not_filled_in(missing: str) -> None:
    with pytest.raises(ValueError, match=missing):
        interpolated(FILE.read_text(), FILLED_IN | {missing: ""})


def test_filled_in_it_is_what_our_settings_take() -> None:
    for name in OURS:
        given = {
            variable.lower(): interpolated(value, FILLED_IN)
            for variable, value in SERVICES[name]["environment"].items()
        }
        settings = Settings.model_validate({name: value for name, value in given.items() if value})
        if settings.database_url is not None:
            assert settings.database_url == SecretStr("postgresql://roomkeeper:00112233@postgres/roomkeeper")


def test_the_example_asks_for_whatever_must_be_filled_in() -> None:
    lines = [line for line in (DEPLOY / "env.example").read_text().splitlines() if line[:1] not in ("", "#")]
    example = dict(line.split("=", 1) for line in lines)
    wanted = set(re.findall(r"\$\{(\w+)", FILE.read_text())) - {"ROOMKEEPER_VERSION"}
    assert set(example) == wanted
    assert [name for name, value in example.items() if value and name in SECRETS | PROVIDERS_KEYS] == [], (
        "no secrets here"
    )


def test_the_worker_is_not_killed_before_its_calls_have_left() -> None:
    worker = SERVICES["worker"]
    drain_timeout = int(worker["environment"]["DRAIN_TIMEOUT"])
    assert seconds(worker["stop_grace_period"]) >= drain_timeout + LEAVING_SECONDS


@pytest.mark.parametrize("name", OURS)
def test_our_services_are_asked_how_they_are_where_they_listen(name: str) -> None:
    service = SERVICES[name]
    ports = [
        value for variable, value in service["environment"].items() if re.fullmatch(r"\w+_PORT", variable)
    ]
    path = {"registry": "/readyz", "worker": "/", "models": "/healthz"}[name]
    assert f"http://127.0.0.1:{ports[0]}{path}" in service["healthcheck"]["test"][-1]


@pytest.mark.parametrize("name", OURS)
def test_our_services_run_as_what_the_readme_says(name: str) -> None:
    readme = (DEPLOY.parent / "README.md").read_text()
    assert " ".join(SERVICES[name]["command"]) in readme


def test_only_this_machine_reaches_what_has_no_tls() -> None:
    published = [port for service in SERVICES.values() for port in service.get("ports", [])]
    assert published
    assert all(port.startswith("127.0.0.1:") for port in published)


def test_mounted_files_are_there() -> None:
    mounted = [volume.split(":")[0] for service in SERVICES.values() for volume in service.get("volumes", [])]
    files = [name for name in mounted if name.startswith("./")]
    assert files
    assert [name for name in files if not (DEPLOY / name).is_file()] == []
    assert {name for name in mounted if name not in files} == set(COMPOSE["volumes"])


def test_livekit_is_the_version_that_was_tried() -> None:
    binary = (DEPLOY.parent / "stack" / "livekit_binary.py").read_text()
    tried = re.search(r'^VERSION = "([\d.]+)"$', binary, re.MULTILINE)
    assert tried
    assert SERVICES["livekit"]["image"] == f"livekit/livekit-server:v{tried[1]}"

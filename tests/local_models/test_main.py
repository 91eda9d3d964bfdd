"""The command, as a person runs it: each test is a process of its own."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from config import cache_folder
from local_models import weights

Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    processes: list[subprocess.Popen[str]] = []

    def run(*arguments: str, **environment: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-m", "local_models", *arguments],
            env={**os.environ, "LOCAL_MODELS_PORT": "0", **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        processes.append(process)
        return process

    yield run
    for process in processes:
        process.kill()
        process.communicate()


def failed(process: subprocess.Popen[str]) -> str:
    """The one line of a start that failed."""
    _, stderr = process.communicate(timeout=30)
    assert process.returncode == 2, stderr
    lines = stderr.strip().splitlines()
    assert len(lines) == 1, stderr
    return lines[0]


def needs_weights() -> None:
    if not all(weights.are_present(each, cache_folder()) for each in weights.ALL):
        pytest.skip("the weights are not here; run: python -m local_models fetch")


def test_help(start: Start) -> None:
    stdout, _ = start("--help").communicate(timeout=30)
    assert "fetch" in stdout
    assert "LOCAL_MODELS_PORT" in stdout


def test_missing_weights_name_the_command(start: Start, tmp_path: Path) -> None:
    assert "python -m local_models fetch" in failed(start(ROOMKEEPER_CACHE=str(tmp_path)))


def test_a_wrong_hash_ends_the_start(start: Start, tmp_path: Path) -> None:
    for each in weights.ALL:
        folder = weights.folder_of(each, tmp_path)
        folder.mkdir(parents=True)
        for name, _ in each.files:
            (folder / name).write_bytes(b"other")
    line = failed(start(ROOMKEEPER_CACHE=str(tmp_path)))
    assert "model.bin" in line
    assert "sha256" in line
    assert "python -m local_models fetch" in line


def test_a_port_in_use_names_the_setting(start: Start) -> None:
    needs_weights()
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        line = failed(start(LOCAL_MODELS_PORT=str(port)))
    assert f"port {port}" in line
    assert "LOCAL_MODELS_PORT" in line


def test_an_address_that_is_not_ours_names_the_setting(start: Start) -> None:
    needs_weights()
    assert "LOCAL_MODELS_HOST" in failed(start(LOCAL_MODELS_HOST="192.0.2.1"))


def test_a_wrong_setting_ends_the_start(start: Start) -> None:
    assert "LOCAL_MODELS_PORT" in failed(start(LOCAL_MODELS_PORT="many"))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_says_when_it_is_ready_and_stops_when_told(start: Start, number: signal.Signals) -> None:
    needs_weights()
    process = start()
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("local models are ready on http://127.0.0.1:"):
            break
    began_at = time.monotonic()
    process.send_signal(number)
    process.communicate(timeout=10)
    assert process.returncode == 0
    assert time.monotonic() - began_at < 8

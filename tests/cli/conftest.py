"""For the tests of the command line: a registry in memory, and a way to run commands against it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
import typer

from cli.app import app
from cli.reach import Reach
from config import Settings
from tests.cli.fakes import HOST, URL, FakeRegistry

_COMMAND = typer.main.get_command(app)  # once: typer's own runner would make it again for each run


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What a run of `roomkeeper` left behind."""

    exit_code: int
    stdout: str
    stderr: str

    @property
    def output(self) -> str:
        return self.stdout + self.stderr


Run = Callable[..., Result]


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No settings but a registry's URL and a host's name, in an empty folder."""
    for name in Settings.model_fields:
        # Set first, so that what a test's .env adds is taken away again afterwards.
        monkeypatch.setenv(name.upper(), "")
        monkeypatch.delenv(name.upper())
    monkeypatch.setenv("WEB_UI_URL", URL)
    monkeypatch.setenv("AGENT_HOST", HOST)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def registry() -> FakeRegistry:
    return FakeRegistry()


@pytest.fixture
def run(environment: None, registry: FakeRegistry, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run `roomkeeper` with arguments, in this process, against the registry in memory."""
    return runner(capsys, registry)


def runner(capsys: pytest.CaptureFixture[str], transport: httpx.AsyncBaseTransport | None) -> Run:
    def run(*arguments: str) -> Result:
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            _COMMAND.main(list(arguments), prog_name="roomkeeper", obj=Reach(transport=transport))
        captured = capsys.readouterr()
        code = ended.value.code
        assert isinstance(code, int)
        return Result(exit_code=code, stdout=captured.out, stderr=captured.err)

    return run

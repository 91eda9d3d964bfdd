from __future__ import annotations

from pathlib import Path

import pytest

from stack.livekit_binary import VERSION, cached_binary, find_binary, go_series, version_of


@pytest.mark.parametrize(
    ("text", "series"),
    [
        ("go version go1.26.8 linux/amd64", (1, 26)),
        ("go version go1.9 darwin/arm64", (1, 9)),
        ("go version devel go1.27-abc", (1, 27)),
        ("", (0, 0)),
        ("command not found", (0, 0)),
    ],
)
def test_the_series_of_a_go(text: str, series: tuple[int, int]) -> None:
    assert go_series(text) == series


def fake(file: Path, version: str) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(f"#!/bin/sh\necho livekit-server version {version}\n")
    file.chmod(0o755)
    return file


def test_the_one_on_path_comes_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    on_path = fake(tmp_path / "bin" / "livekit-server", VERSION)
    monkeypatch.setenv("PATH", str(on_path.parent), prepend=":")
    assert find_binary() == on_path
    assert capsys.readouterr().err == ""


def test_another_series_is_taken_with_a_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    on_path = fake(tmp_path / "bin" / "livekit-server", "1.8.0")
    monkeypatch.setenv("PATH", str(on_path.parent), prepend=":")
    assert find_binary() == on_path
    assert "1.8.0; tried with 1.13.x" in capsys.readouterr().err


def test_then_the_one_in_the_cache_then_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    monkeypatch.setenv("ROOMKEEPER_CACHE", str(tmp_path / "cache"))
    assert find_binary() is None
    cached = fake(cached_binary(), VERSION)
    assert find_binary() == cached


def test_a_program_that_says_no_version(tmp_path: Path) -> None:
    file = tmp_path / "tool"
    file.write_text("#!/bin/sh\nexit 1\n")
    file.chmod(0o755)
    assert version_of(file) == "unknown"
    assert version_of(tmp_path / "nothing") == "unknown"

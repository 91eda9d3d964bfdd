"""Whether a package is there: looked for, and not imported."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from config.installed import is_installed


def test_what_is_there_is_found_and_not_imported(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "loud_client.py").write_text("raise SystemExit('imported')\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert is_installed("loud_client")
    assert "loud_client" not in sys.modules


@pytest.mark.parametrize(
    "module", ["nowhere_at_all", "nowhere_at_all.plugin", "json.nowhere", "json.decoder.no"]
)
def test_what_is_not_there_is_not_found(module: str) -> None:
    assert not is_installed(module)


def test_what_was_taken_away_is_not_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "csv", None)
    assert not is_installed("csv")

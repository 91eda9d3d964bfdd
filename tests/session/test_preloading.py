"""Plugins that are imported before there is a call."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from session.preloading import import_plugins


def test_those_that_are_there_are_imported_and_a_broken_one_stops_none(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "broken_face.py").write_text("raise KeyError('sesame')")
    (tmp_path / "sound_face.py").write_text("")
    monkeypatch.syspath_prepend(str(tmp_path))
    import_plugins(["broken_face", "nowhere_at_all.plugin", "sound_face"])
    assert sys.modules.pop("sound_face")
    assert [(record.__dict__["action"], record.__dict__["plugin"]) for record in caplog.records] == [
        ("provider.broken", "broken_face")
    ]

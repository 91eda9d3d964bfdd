"""Which profile a call runs with."""

import logging
from pathlib import Path

import pytest

from session.profiles import load_profile
from wire import DEFAULT_PROFILE, AgentId


def test_every_id_without_a_profile_is_ada(tmp_path: Path) -> None:
    assert load_profile(AgentId("7"), folder=tmp_path / "none", has_registry=True) == DEFAULT_PROFILE


def test_its_own_profile_wins_over_the_default_one(tmp_path: Path) -> None:
    (tmp_path / "7.json").write_text('{"name": "Seven", "prompt": "x"}')
    (tmp_path / "default.json").write_text('{"name": "Anyone", "prompt": "x"}')
    assert load_profile(AgentId("7"), folder=tmp_path, has_registry=True).name == "Seven"
    assert load_profile(AgentId("8"), folder=tmp_path, has_registry=True).name == "Anyone"


def test_the_registrys_profile_wins_over_all_others(tmp_path: Path) -> None:
    (tmp_path / "fetched").mkdir()
    (tmp_path / "fetched" / "7.json").write_text('{"name": "Fetched", "prompt": "x"}')
    (tmp_path / "7.json").write_text('{"name": "Seven", "prompt": "x"}')
    assert load_profile(AgentId("7"), folder=tmp_path, has_registry=True).name == "Fetched"
    assert load_profile(AgentId("7"), folder=tmp_path, has_registry=False).name == "Seven"


def test_a_broken_copy_leaves_the_local_profile(tmp_path: Path) -> None:
    (tmp_path / "fetched").mkdir()
    (tmp_path / "fetched" / "7.json").write_text("{")
    (tmp_path / "7.json").write_text('{"name": "Seven", "prompt": "x"}')
    assert load_profile(AgentId("7"), folder=tmp_path, has_registry=True).name == "Seven"


def test_a_profile_without_a_voice_is_one(tmp_path: Path) -> None:
    (tmp_path / "7.json").write_text('{"name": "Seven", "prompt": "x", "voice": null}')
    assert load_profile(AgentId("7"), folder=tmp_path, has_registry=True).voice is None


@pytest.mark.parametrize("text", ["{", '{"name": "Seven"}', "\x00"])
def test_a_broken_profile_is_told_with_its_path_and_the_call_goes_on(
    text: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "7.json").write_text(text)
    with caplog.at_level(logging.ERROR):
        assert load_profile(AgentId("7"), folder=tmp_path, has_registry=True) == DEFAULT_PROFILE
    assert [record.__dict__["path"] for record in caplog.records] == [str(tmp_path / "7.json")]

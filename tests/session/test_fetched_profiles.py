"""Copies of the registry's profiles, for when it is away."""

from __future__ import annotations

import asyncio
import logging
import stat
from collections.abc import AsyncIterator
from pathlib import Path
from typing import cast

import pytest
import pytest_asyncio
from aiohttp import web

from session.fetched_profiles import PAUSE, FetchedProfiles
from session.profiles import FETCHED, load_profile
from session.registry_api import RegistryApi, RegistryApiError, StoredProfile
from tests.session.fake_registry import FakeRegistry, serving
from tests.session.log_lines import actions
from wire import DEFAULT_PROFILE, AgentId

SEVEN = AgentId("7")


@pytest_asyncio.fixture
async def registry() -> AsyncIterator[FakeRegistry]:
    async with serving() as registry:
        yield registry


@pytest_asyncio.fixture
async def fetched(registry: FakeRegistry, tmp_path: Path) -> AsyncIterator[FetchedProfiles]:
    api = RegistryApi(registry.url)
    yield FetchedProfiles(api, folder=tmp_path / FETCHED)
    await api.aclose()


def name_of(folder: Path) -> str:
    return load_profile(SEVEN, folder=folder, has_registry=True).name


async def test_the_registrys_profile_is_what_a_call_runs_with(
    fetched: FetchedProfiles, registry: FakeRegistry, tmp_path: Path
) -> None:
    registry.profiles["7"] = {"name": "Seven", "prompt": "x"}
    await fetched.refresh(SEVEN)
    assert name_of(tmp_path) == "Seven"
    (copy,) = (tmp_path / FETCHED).iterdir()
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    assert stat.S_IMODE(copy.parent.stat().st_mode) == 0o700


async def test_what_has_not_changed_is_not_sent_again(
    fetched: FetchedProfiles, registry: FakeRegistry, tmp_path: Path
) -> None:
    registry.profiles["7"] = {"name": "Seven", "prompt": "x"}
    await fetched.refresh(SEVEN)
    await fetched.refresh(SEVEN)
    assert (registry.n_unchanged, name_of(tmp_path)) == (1, "Seven")
    registry.profiles["7"] = {"name": "Eight", "prompt": "x"}
    await fetched.refresh(SEVEN)
    assert (registry.n_unchanged, name_of(tmp_path)) == (1, "Eight")


async def test_a_copy_that_somebody_deleted_is_fetched_again(
    fetched: FetchedProfiles, registry: FakeRegistry, tmp_path: Path
) -> None:
    registry.profiles["7"] = {"name": "Seven", "prompt": "x"}
    await fetched.refresh(SEVEN)
    (tmp_path / FETCHED / "7.json").unlink()
    await fetched.refresh(SEVEN)
    assert name_of(tmp_path) == "Seven"


async def test_a_profile_that_was_taken_away_is_forgotten(
    fetched: FetchedProfiles, registry: FakeRegistry, tmp_path: Path
) -> None:
    registry.profiles["7"] = {"name": "Seven", "prompt": "x"}
    await fetched.refresh(SEVEN)
    del registry.profiles["7"]
    await fetched.refresh(SEVEN)
    await fetched.refresh(SEVEN)
    assert name_of(tmp_path) == DEFAULT_PROFILE.name


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(web.Response(status=404, text="not here"), id="another server's 404"),
        pytest.param(web.Response(status=500), id="a broken registry"),
        pytest.param(web.json_response({"profile": {"name": "Nobody"}}), id="no profile"),
        pytest.param(web.json_response({"profile": 7}), id="a number"),
        pytest.param(web.Response(text="<html>"), id="no JSON"),
        pytest.param(web.Response(body=b"x" * 3_000_000), id="huge"),
    ],
)
async def test_a_bad_answer_is_told_and_the_last_known_profile_counts(
    answer: web.Response,
    fetched: FetchedProfiles,
    registry: FakeRegistry,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    registry.profiles["7"] = {"name": "Seven", "prompt": "x"}
    await fetched.refresh(SEVEN)
    registry.misbehave = lambda: answer
    with caplog.at_level(logging.WARNING):
        await fetched.refresh(SEVEN)
    assert len(actions(caplog)) == 1
    assert name_of(tmp_path) == "Seven"
    assert [path.name for path in (tmp_path / FETCHED).iterdir()] == ["7.json"]


async def test_a_bad_profile_does_not_keep_others_from_being_fetched(
    fetched: FetchedProfiles, registry: FakeRegistry, tmp_path: Path
) -> None:
    registry.profiles |= {"6": {"name": "Nobody"}, "7": {"name": "Seven", "prompt": "x"}}
    await fetched.refresh(AgentId("6"))
    await fetched.refresh(SEVEN)
    assert name_of(tmp_path) == "Seven"


async def test_a_disk_that_takes_nothing_does_not_keep_a_call_from_coming(
    registry: FakeRegistry, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    registry.profiles["7"] = {"name": "Seven", "prompt": "x"}
    (tmp_path / FETCHED).write_text("a file where a folder should be")
    api = RegistryApi(registry.url)
    with caplog.at_level(logging.WARNING):
        await FetchedProfiles(api, folder=tmp_path / FETCHED).refresh(SEVEN)
    await api.aclose()
    assert actions(caplog) == ["profile.away"]


class BlackHole:
    """A registry that swallows requests."""

    def __init__(self) -> None:
        self.asked_at: list[float] = []
        self.answers = False

    async def profile(self, agent_id: AgentId, *, etag: str | None, timeout: float) -> StoredProfile:
        self.asked_at.append(asyncio.get_running_loop().time())
        if not self.answers:
            await asyncio.sleep(timeout)
            raise RegistryApiError("no answer")
        return StoredProfile(profile=None)


@pytest.mark.looptime
async def test_a_registry_that_swallows_requests_costs_one_second_in_ten(
    tmp_path: Path, looptime: float, caplog: pytest.LogCaptureFixture
) -> None:
    hole = BlackHole()
    fetched = FetchedProfiles(cast(RegistryApi, hole), folder=tmp_path)
    with caplog.at_level(logging.INFO):
        for _ in range(5):
            await fetched.refresh(SEVEN)
        assert looptime == 1
        await asyncio.sleep(PAUSE - 0.001)
        await fetched.refresh(SEVEN)
        assert hole.asked_at == [0]
        await asyncio.sleep(0.001)
        await fetched.refresh(SEVEN)
        assert hole.asked_at == [0, 11]
        hole.answers = True
        await asyncio.sleep(PAUSE)
        await fetched.refresh(SEVEN)
        await fetched.refresh(SEVEN)
        assert hole.asked_at == [0, 11, 22, 22]
    assert actions(caplog) == ["profile.away", "profile.back"]

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

from session.fetched_profiles import KNOWN_TIMEOUT, PAUSE, FetchedProfiles
from session.profiles import FETCHED, load_profile
from session.registry_api import RegistryApi, RegistryApiError, StoredProfile
from stack.until import until
from tests.session.fake_registry import FakeRegistry, serving
from tests.session.log_lines import actions
from wire import DEFAULT_PROFILE, AgentId, Profile

SEVEN = AgentId("7")


@pytest_asyncio.fixture
async def registry() -> AsyncIterator[FakeRegistry]:
    async with serving() as registry:
        yield registry


@pytest_asyncio.fixture
async def fetched(registry: FakeRegistry, tmp_path: Path) -> AsyncIterator[FetchedProfiles]:
    api = RegistryApi(registry.url)
    fetched = FetchedProfiles(api, folder=tmp_path / FETCHED, known_timeout=5)
    yield fetched
    await fetched.aclose()
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


@pytest.mark.looptime
async def test_a_registry_that_is_started_again_is_asked_at_once(tmp_path: Path, looptime: float) -> None:
    class Restarting(BlackHole):
        async def profile(self, agent_id: AgentId, *, etag: str | None, timeout: float) -> StoredProfile:
            self.asked_at.append(asyncio.get_running_loop().time())
            if not self.answers:
                raise RegistryApiError("connection refused")
            return StoredProfile(profile=Profile(name="Bertha", prompt="You are Bertha."))

    registry = Restarting()
    fetched = FetchedProfiles(cast(RegistryApi, registry), folder=tmp_path)
    await fetched.refresh(SEVEN)
    registry.answers = True
    await fetched.refresh(SEVEN)
    assert len(registry.asked_at) == 2
    assert name_of(tmp_path) == "Bertha"
    assert looptime < PAUSE


# -- what a call waits for it


class Slow:
    """A registry that takes `delay` seconds, then says that nothing has changed; or, asked to, what has."""

    def __init__(self, delay: float = 0.0) -> None:
        self.delay = delay
        self.answer: StoredProfile | None = None
        self.may_answer = asyncio.Event()
        self.may_answer.set()
        self.n_asked = self.n_answered = 0

    async def profile(self, agent_id: AgentId, *, etag: str | None, timeout: float) -> StoredProfile | None:
        self.n_asked += 1
        await self.may_answer.wait()
        await asyncio.sleep(min(self.delay, timeout))
        if self.delay >= timeout:
            raise RegistryApiError("no answer")
        self.n_answered += 1
        return self.answer


async def waited(fetched: FetchedProfiles) -> float:
    """Seconds that a call waits."""
    loop = asyncio.get_running_loop()
    begun_at = loop.time()
    await fetched.refresh(SEVEN)
    return loop.time() - begun_at


def with_copy(slow: Slow, folder: Path) -> FetchedProfiles:
    (folder / FETCHED).mkdir()
    (folder / FETCHED / "7.json").write_text('{"name": "Seven", "prompt": "x"}')
    return FetchedProfiles(cast(RegistryApi, slow), folder=folder / FETCHED)


@pytest.mark.looptime
async def test_a_call_without_a_copy_waits_for_the_answer(tmp_path: Path) -> None:
    fetched = FetchedProfiles(cast(RegistryApi, Slow(0.7)), folder=tmp_path / FETCHED)
    assert await waited(fetched) == pytest.approx(0.7)


@pytest.mark.looptime
async def test_with_a_copy_it_waits_a_moment(tmp_path: Path) -> None:
    slow = Slow(0.5)
    fetched = with_copy(slow, tmp_path)
    assert await waited(fetched) == pytest.approx(KNOWN_TIMEOUT)
    assert await waited(fetched) == pytest.approx(KNOWN_TIMEOUT)
    assert slow.n_asked == 1, "one question at a time"
    await asyncio.sleep(0.5)
    slow.delay = 0.01
    assert await waited(fetched) == pytest.approx(0.01)
    assert slow.n_answered == 2


@pytest.mark.looptime
async def test_a_registry_that_is_known_to_be_away_costs_nothing(tmp_path: Path) -> None:
    fetched = with_copy(Slow(60), tmp_path)
    assert await waited(fetched) == pytest.approx(KNOWN_TIMEOUT)
    await asyncio.sleep(1)
    assert await waited(fetched) == 0
    assert name_of(tmp_path) == "Seven"


async def test_what_comes_later_is_for_the_next_call(tmp_path: Path) -> None:
    slow = Slow()
    slow.may_answer.clear()
    slow.answer = StoredProfile(profile=Profile(name="Eight", prompt="x"), etag="8")
    fetched = with_copy(slow, tmp_path)
    await fetched.refresh(SEVEN)
    assert (slow.n_answered, name_of(tmp_path)) == (0, "Seven")
    slow.may_answer.set()
    await until(lambda: name_of(tmp_path) == "Eight", timeout=20, what="the other profile")


async def test_an_agent_without_a_profile_is_known_too(tmp_path: Path) -> None:
    slow = Slow()
    slow.answer = StoredProfile(profile=None)
    fetched = FetchedProfiles(cast(RegistryApi, slow), folder=tmp_path / FETCHED)
    await fetched.refresh(SEVEN)
    slow.may_answer.clear()
    await fetched.refresh(SEVEN)
    assert (slow.n_asked, slow.n_answered) == (2, 1)
    await fetched.aclose()


@pytest.mark.looptime
async def test_nothing_is_left_running(tmp_path: Path) -> None:
    fetched = FetchedProfiles(cast(RegistryApi, Slow(0.5)), folder=tmp_path / FETCHED)
    waiting = asyncio.create_task(fetched.refresh(SEVEN))
    await asyncio.sleep(0.1)
    await fetched.aclose()
    await fetched.aclose()
    await waiting
    assert [task for task in asyncio.all_tasks() if task.get_name() == "profile-fetch"] == []

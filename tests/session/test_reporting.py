"""The conversation, told as it happens, whatever the registry does."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any, cast

import msgspec
import pytest
from aiohttp import web

from session.registry_api import RegistryApi, RegistryApiError
from session.reporting import Reporting
from session.roster import Human, Role
from session.story import MOST_EVENTS
from session.utterance import Utterance
from stack.until import until
from tests.session.fake_registry import serving
from tests.session.log_lines import actions
from wire import Ended, ReportTaken, SessionReport

ABOUT = SessionReport(agent_id="7", row_id="7", room="agent-7-room", resumes="old")


def usage() -> list[dict[str, Any]]:
    return [{"model": "m", "tokens": 3}]


def said(text: str) -> Utterance:
    return Utterance(role="user", text=text, interrupted=False)


def humans(n: int) -> list[Human]:
    return [Human(identity=f"guest-{number}", role=Role.CLIENT) for number in range(n)]


def kinds(reports: list[SessionReport]) -> list[str]:
    """Of all events that were told, each once."""
    told = {event.number: event.kind for report in reports for event in report.events}
    return [told[number] for number in sorted(told)]


class FakeApi:
    """A registry without a network, which takes a second for each report."""

    def __init__(self) -> None:
        self.reports: list[SessionReport] = []
        self.asked_at: list[float] = []
        self.error: Exception | None = None
        self.takes = 1.0
        self.n_under_way = 0
        self.is_closed = False
        self.keeps_events = True

    async def report(self, incarnation: str, report: SessionReport, *, timeout: float) -> ReportTaken:
        self.asked_at.append(asyncio.get_running_loop().time())
        self.n_under_way += 1
        assert self.n_under_way == 1, "one at a time"
        try:
            await asyncio.sleep(min(self.takes, timeout))
        finally:
            self.n_under_way -= 1
        if self.takes > timeout:
            raise RegistryApiError("no answer")
        if self.error is not None:
            raise self.error
        self.reports.append(report)
        return ReportTaken(
            n_turns=max((turn.number + 1 for turn in report.turns), default=0),
            n_events=report.events[-1].number + 1 if report.events and self.keeps_events else None,
        )

    async def aclose(self) -> None:
        self.is_closed = True


@asynccontextmanager
async def reporting(api: FakeApi | RegistryApi | None, **options: Any) -> AsyncIterator[Reporting]:
    made = Reporting(cast(RegistryApi | None, api), ABOUT, **options)
    task = asyncio.create_task(made.run(), name="reports")
    try:
        yield made
    finally:
        task.cancel()
        await asyncio.wait({task})
        await made.aclose()
        await made.aclose()


@pytest.fixture
def api() -> FakeApi:
    return FakeApi()


@pytest.fixture(autouse=True)
def _info(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    with caplog.at_level(logging.INFO, "session.reporting"):
        yield


async def test_a_call_is_told_from_its_beginning_to_its_end() -> None:
    async with serving() as registry, reporting(RegistryApi(registry.url)) as told:
        told.begin("life", usage=usage)
        told.count(humans(1))
        await until(lambda: registry.reports, timeout=20, what="the first report")
        told.take(said("Hello."))
        told.take(said("Is there a pool?"))
        await until(lambda: len(registry.texts("life")) == 2, timeout=20, what="the turns")
        assert await told.end("operator", exit_code=0, timeout=2)
    incarnation, last = registry.reports[-1]
    assert (incarnation, last.resumes, last.most_humans) == ("life", "old", 1)
    assert last.ended == Ended(reason="operator", exit_code=0)
    assert last.usage == ({"model": "m", "tokens": 3},)
    assert last.turns == (), "what was acknowledged is not sent again"
    assert registry.texts("life") == ["Hello.", "Is there a pool?"]
    assert 0 < last.age < 5


@pytest.mark.looptime
async def test_a_turn_is_told_within_fifty_milliseconds(api: FakeApi, looptime: float) -> None:
    async with reporting(api) as told:
        told.begin("life", usage=usage)
        await asyncio.sleep(10)
        told.take(said("a"))
        await asyncio.sleep(0.05)
        assert api.asked_at[-1] <= 10.05
        told.take(said("b"))  # one is under way
        await asyncio.sleep(5)
    assert [[turn.text for turn in report.turns] for report in api.reports] == [[], ["a"], ["b"]]


@pytest.mark.looptime
async def test_nothing_new_is_not_told(api: FakeApi, looptime: float) -> None:
    async with reporting(api) as told:
        told.begin("life", usage=usage)
        told.begin("another", usage=usage)
        for n_humans in (2, 1, 2, 0):
            for _ in range(3):
                told.count(humans(n_humans))
            await asyncio.sleep(10)
    assert [(report.most_humans, len(report.events)) for report in api.reports] == [
        (2, 3),  # the session goes on with another one; two humans came
        (2, 1),
        (2, 1),
        (2, 2),
    ]


@pytest.mark.looptime
async def test_what_is_said_before_the_agent_is_in_its_room_is_told_then(
    api: FakeApi, looptime: float
) -> None:
    async with reporting(api) as told:
        told.take(said("a"))
        await asyncio.sleep(10)
        assert api.reports == []
        told.begin("life", usage=usage)
        await asyncio.sleep(2)
    assert [turn.text for turn in api.reports[0].turns] == ["a"]


@pytest.mark.looptime
async def test_a_registry_that_was_away_gets_everything_and_two_lines_are_logged(
    api: FakeApi, looptime: float, caplog: pytest.LogCaptureFixture
) -> None:
    async with reporting(api, spread=lambda: 1.0) as told:
        told.begin("life", usage=usage)
        await asyncio.sleep(2)
        assert told.is_heard
        api.error = RegistryApiError("cannot connect")
        for number in range(250):
            told.take(said(str(number)))
            await asyncio.sleep(1)
        assert not told.is_heard
        api.error = None
        await asyncio.sleep(40)
        assert told.is_heard
    taken = [turn for report in api.reports for turn in report.turns]
    assert [turn.text for turn in taken] == [str(number) for number in range(250)]
    assert [turn.number for turn in taken] == list(range(250))
    pauses = [later - sooner for sooner, later in zip(api.asked_at[1:], api.asked_at[2:], strict=False)]
    assert max(pauses) < 32
    assert actions(caplog) == ["report.failed", "report.recovered"]


@pytest.mark.looptime
async def test_a_refusal_that_only_a_person_can_mend_is_not_hurried(api: FakeApi, looptime: float) -> None:
    api.error, api.takes = RegistryApiError("HTTP 401 (token)", is_final=True), 0.0
    async with reporting(api, spread=lambda: 0.0) as told:
        told.begin("life", usage=usage)
        for _ in range(270):
            told.take(said("a"))
            await asyncio.sleep(1)
    assert len(api.asked_at) == 10


@pytest.mark.looptime
async def test_the_end_waits_for_a_registry_that_answers_and_no_longer_than_it_may(
    api: FakeApi, looptime: float
) -> None:
    async with reporting(api) as told:
        told.begin("life", usage=usage)
        await asyncio.sleep(2)
        api.takes = 1000
        began_at = asyncio.get_running_loop().time()
        assert not await told.end("operator", exit_code=0, timeout=0.8)
        assert asyncio.get_running_loop().time() - began_at == pytest.approx(0.8)


@pytest.mark.looptime
async def test_the_end_does_not_wait_where_it_may_not(api: FakeApi, looptime: float) -> None:
    async with reporting(api) as told:
        told.begin("life", usage=usage)
        await asyncio.sleep(0)
        assert not await told.end("operator", exit_code=0, timeout=0)
        assert asyncio.get_running_loop().time() == 0


@pytest.mark.looptime
async def test_the_end_of_a_call_does_not_wait_out_a_pause(api: FakeApi, looptime: float) -> None:
    api.takes = 0.1
    api.error = RegistryApiError("cannot connect")
    async with reporting(api, spread=lambda: 1.0) as told:
        told.begin("life", usage=usage)
        told.take(said("a"))
        await asyncio.sleep(100)
        api.error = None
        assert await told.end("failed", exit_code=1, timeout=0.8)
    assert [turn.text for turn in api.reports[0].turns] == ["a"]
    assert api.reports[0].ended == Ended(reason="failed", exit_code=1)


@pytest.mark.looptime
async def test_a_registry_that_refuses_the_end_is_not_waited_for(api: FakeApi, looptime: float) -> None:
    api.takes = 0.1
    async with reporting(api) as told:
        told.begin("life", usage=usage)
        await asyncio.sleep(2)
        api.error = RegistryApiError("HTTP 404", is_final=True)
        assert not await told.end("operator", exit_code=0, timeout=0.8)
        assert asyncio.get_running_loop().time() == pytest.approx(2.1)


@pytest.mark.looptime
async def test_many_turns_are_all_told_at_the_end(api: FakeApi, looptime: float) -> None:
    api.takes = 0.1
    async with reporting(api) as told:
        told.begin("life", usage=usage)
        await asyncio.sleep(1)
        for number in range(350):
            told.take(said(str(number)))
        assert await told.end("operator", exit_code=0, timeout=0.8)
    assert sum(len(report.turns) for report in api.reports) == 350


@pytest.mark.looptime
async def test_an_error_that_nobody_foresaw_does_not_end_it(
    api: FakeApi, looptime: float, caplog: pytest.LogCaptureFixture
) -> None:
    api.error = RuntimeError("boom")
    async with reporting(api) as told:
        told.begin("life", usage=usage)
        await asyncio.sleep(5)
        api.error = None
        told.take(said("a"))
        await asyncio.sleep(60)
    assert [turn.text for turn in api.reports[-1].turns] == ["a"]
    assert actions(caplog)[0] == "report.broke"


@pytest.mark.looptime
async def test_what_is_not_to_be_kept_is_not_told_but_that_somebody_spoke(
    api: FakeApi, looptime: float
) -> None:
    async with reporting(api, keeps_text=False) as told:
        told.begin("life", usage=usage)
        told.count(humans(1))
        told.take(said("my number is 4711"))
        await asyncio.sleep(2)
        assert await told.end("operator", exit_code=0, timeout=2)
    (turn,) = [turn for report in api.reports for turn in report.turns]
    assert (turn.role, turn.text, turn.is_kept) == ("user", "", False)
    assert not any(report.is_transcribed for report in api.reports)
    assert "4711" not in str([msgspec.to_builtins(report) for report in api.reports])


@pytest.mark.looptime
async def test_what_happened_is_told_with_the_close_reason_last(api: FakeApi, looptime: float) -> None:
    async with reporting(api) as told:
        told.begin("life", usage=usage)
        told.count(humans(1))
        told.take(Utterance(role="assistant", text="Good mor", interrupted=True))
        told.story.happened("note", "the avatar is absent")
        await asyncio.sleep(5)
        for _ in range(2):
            assert await told.end("operator", exit_code=0, timeout=2)
    assert kinds(api.reports) == ["recovered", "human_came", "interrupted", "note", "closed"]
    assert api.reports[-1].events[-1].text == "operator"
    assert "guest" not in str(api.reports), "nobody is named"


@pytest.mark.looptime
async def test_events_that_were_not_acknowledged_are_told_again(api: FakeApi, looptime: float) -> None:
    async with reporting(api, spread=lambda: 1.0) as told:
        told.begin("life", usage=usage)
        await asyncio.sleep(2)
        api.error = RegistryApiError("cannot connect")
        told.story.happened("reconnecting")
        await asyncio.sleep(60)
        told.story.happened("reconnected")
        api.error = None
        await asyncio.sleep(40)
    assert kinds(api.reports) == ["recovered", "reconnecting", "reconnected"]


@pytest.mark.looptime
async def test_a_registry_of_an_older_version_is_told_each_event_once(api: FakeApi, looptime: float) -> None:
    api.keeps_events = False
    async with reporting(api) as told:
        told.begin("life", usage=usage)
        for _ in range(3):
            told.story.happened("note", "a")
            await asyncio.sleep(10)
        assert told.is_heard
    assert [len(report.events) for report in api.reports] == [2, 1, 1]


@pytest.mark.looptime
async def test_what_a_model_of_one_s_own_has_used_is_marked(api: FakeApi, looptime: float) -> None:
    def used() -> list[dict[str, Any]]:
        return [{"type": "stt_usage"}, {"type": "llm_usage"}]

    async with reporting(api, local_usage={"stt_usage"}) as told:
        told.begin("life", usage=used)
        await asyncio.sleep(2)
    assert api.reports[0].usage == (
        {"type": "stt_usage", "provider": "this machine", "model": "", "is_local": True},
        {"type": "llm_usage"},
    )


@pytest.mark.looptime
async def test_too_many_events_are_counted(api: FakeApi, looptime: float) -> None:
    api.takes = 0.01
    async with reporting(api) as told:
        told.begin("life", usage=usage)
        for _ in range(MOST_EVENTS + 40):
            told.story.happened("reconnecting")
        await asyncio.sleep(5)
        assert await told.end("operator", exit_code=0, timeout=2)
    assert len(kinds(api.reports)) == MOST_EVENTS + 1
    assert kinds(api.reports)[-1] == "closed"
    assert api.reports[-1].more_events == 41


async def test_without_a_registry_nothing_happens() -> None:
    async with reporting(None) as told:
        told.begin("life", usage=usage)
        told.count(humans(1))
        told.take(said("a"))
        assert not told.is_heard
        assert not await told.end("operator", exit_code=0, timeout=1)


@pytest.mark.looptime
async def test_a_call_that_was_never_in_its_room_is_not_told(api: FakeApi, looptime: float) -> None:
    async with reporting(api) as told:
        told.begin("", usage=usage)
        assert not await told.end("failed", exit_code=1, timeout=0.8)
    assert (api.asked_at, asyncio.get_running_loop().time()) == ([], 0)


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(lambda: web.Response(body=b"x" * 3_000_000), id="huge"),
        pytest.param(lambda: web.Response(text="{}"), id="wrong JSON"),
        pytest.param(lambda: web.json_response({"nTurns": 0}), id="keeps nothing"),
        pytest.param(lambda: web.Response(status=500), id="broken"),
    ],
)
async def test_what_is_said_is_kept_from_a_registry_that_lies_and_never_logged(
    answer: Any, caplog: pytest.LogCaptureFixture
) -> None:
    async with serving() as registry, reporting(RegistryApi(registry.url), spread=lambda: 0.1) as told:
        registry.misbehave = answer
        told.begin("life", usage=usage)
        told.take(said("my card number is 4711"))
        await until(lambda: registry.n_asked >= 2, timeout=20, what="two tries")
        registry.misbehave = None
        await until(lambda: told.is_heard, timeout=20, what="the registry to be heard")
        assert registry.texts("life") == ["my card number is 4711"]
    assert actions(caplog)
    assert "4711" not in "".join(str(line.__dict__) for line in caplog.records)
    assert "4711" in str([msgspec.to_builtins(report) for _, report in registry.reports])

"""Endpoints that fail together: all broken, all silent, or all by one request. In virtual time."""

from __future__ import annotations

import asyncio

import pytest

from llm.errors import BadRequestError, NoModelError
from llm.health import Met, Outcome, State
from llm.outcomes import AskingError
from tests.llm.router_stage import RouterStage
from tests.llm.stage import answers, fails, hangs, plays, refusal

pytestmark = pytest.mark.looptime

BUSY = Outcome(met=Met.BUSY, reason="it is too busy")


def server_error(status: int = 500, *, words: str = "") -> AskingError:
    outcome = Outcome(met=Met.FAILED, reason=f"it answers an error (HTTP {status})")
    return AskingError(outcome, status=status, words=words)


# -- nobody may be asked yet


async def test_the_best_of_the_broken_is_asked_before_its_time_rather_than_nobody(looptime: float) -> None:
    stage = RouterStage(answers("the first"), answers("the second"), answers("the third"))
    stage.breaks("a", Met.MISCONFIGURED)
    stage.breaks("b")
    stage.breaks("c", Met.BUSY)
    assert await stage.ask() == "the third "
    assert (looptime, stage.state("c")) == (0, State.HEALTHY)


async def test_the_last_resort_has_the_usual_time(looptime: float) -> None:
    stage = RouterStage(hangs())
    stage.breaks("a")
    with pytest.raises(NoModelError, match="a: no first word in 3 s"):
        await stage.ask()
    assert looptime == 3


async def test_there_is_one_last_resort(looptime: float) -> None:
    stage = RouterStage(fails("no such host"), answers())
    for name in "ab":
        stage.breaks(name)
    with pytest.raises(NoModelError) as caught:
        await stage.ask()
    assert caught.value.reasons == {"a": "no such host", "b": "gone"}
    assert looptime == 0


async def test_who_refuses_or_breaks_by_the_request_needs_no_last_resort() -> None:
    stage = RouterStage(plays(refusal()), answers())
    stage.breaks("b")
    with pytest.raises(BadRequestError):
        await stage.ask()
    assert stage.transport.asked == [("a", "m")]


async def test_it_is_told_whether_an_endpoint_has_answered_before() -> None:
    stage = RouterStage(answers())
    await stage.ask()
    await stage.ask()
    assert stage.transport.proven == [False, True]


async def test_the_last_resort_is_asked_when_the_others_have_failed(looptime: float) -> None:
    stage = RouterStage(fails(), answers("the second"))
    stage.breaks("b")
    assert await stage.ask() == "the second "
    assert looptime == 0


async def test_the_last_resort_is_asked_by_one_at_a_time() -> None:
    stage = RouterStage(answers("again", first=1))
    stage.breaks("a")
    told = await asyncio.gather(*(stage.ask() for _ in range(20)), return_exceptions=True)
    assert told[0] == "again "
    assert all(isinstance(each, NoModelError) for each in told[1:])
    assert len(stage.transport.asked) == 1


# -- one recovers in the meantime


async def test_one_that_recovers_while_another_is_waited_for_is_asked_again(looptime: float) -> None:
    stage = RouterStage(fails(), hangs())
    asking = asyncio.create_task(stage.ask())
    await asyncio.sleep(5)
    stage.transport.chats["a"] = answers("again")
    stage.breaks("a", Met.BEGAN)
    assert await asking == "again "
    assert looptime == 8


async def test_it_is_asked_again_once(looptime: float) -> None:
    stage = RouterStage(fails(), hangs())
    asking = asyncio.create_task(stage.ask())
    await asyncio.sleep(5)
    stage.breaks("a", Met.BEGAN)
    with pytest.raises(NoModelError):
        await asking
    assert [name for name, _ in stage.transport.asked] == ["a", "b", "a"]


async def test_one_that_was_well_all_the_time_is_not_asked_again() -> None:
    stage = RouterStage(fails(), max_failures=2)
    stage.breaks("a", Met.ANSWERED)
    with pytest.raises(NoModelError):
        await stage.ask()
    assert (len(stage.transport.asked), stage.state("a")) == (1, State.HEALTHY)


# -- many that hang


async def test_after_one_was_silent_the_others_are_asked_side_by_side(looptime: float) -> None:
    stage = RouterStage(hangs(), hangs(), hangs(), answers("the fourth"))
    assert await stage.ask() == "the fourth "
    assert looptime == 3 + 1 + 1
    assert (stage.state("a"), stage.state("b")) == (State.FAILING, State.UNKNOWN)
    assert stage.transport.n_open == 0
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_the_next_one_is_still_asked_at_once(looptime: float) -> None:
    stage = RouterStage(hangs(), answers("the second", first=0.9), answers(), answers())
    assert await stage.ask() == "the second "
    assert looptime == 3.9
    assert [name for name, _ in stage.transport.asked] == ["a", "b"]


@pytest.mark.parametrize("n_hanging", [2, 3, 4, 6])
async def test_many_that_hang_cost_no_more_than_two(n_hanging: int, looptime: float) -> None:
    stage = RouterStage(*[hangs()] * n_hanging)
    with pytest.raises(NoModelError):
        await stage.ask()
    assert looptime == pytest.approx(3 + 8), "the first one's time, and the patience with the last one"
    assert {stage.state(name) for name in "abcdef"[:n_hanging]} == {State.FAILING}
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_one_that_fails_among_them_gives_way_at_once(looptime: float) -> None:
    stage = RouterStage(hangs(), fails(), fails(), answers("the fourth"))
    assert await stage.ask() == "the fourth "
    assert looptime == 3


# -- the request is to blame


async def test_a_request_that_breaks_the_second_as_the_first_takes_out_nobody_else() -> None:
    stage = RouterStage(*[plays(server_error())] * 3)
    for name in "abc":
        stage.breaks(name, Met.ANSWERED)
    with pytest.raises(NoModelError):
        await stage.ask()
    assert [stage.state(name) for name in "abc"] == [State.FAILING, State.HEALTHY, State.HEALTHY]


async def test_when_the_third_answers_it_was_not_the_request() -> None:
    stage = RouterStage(plays(server_error()), plays(server_error(502)), answers("the third"))
    assert await stage.ask() == "the third "
    assert [stage.state(name) for name in "abc"] == [State.FAILING, State.FAILING, State.HEALTHY]


async def test_a_second_that_fails_by_itself_is_to_blame() -> None:
    stage = RouterStage(plays(server_error()), fails(), plays(AskingError(BUSY, status=503)))
    with pytest.raises(NoModelError):
        await stage.ask()
    assert [stage.state(name) for name in "abc"] == [State.FAILING, State.FAILING, State.BUSY]


async def test_one_error_of_the_server_does_not_take_out_the_last_that_answers() -> None:
    stage = RouterStage(plays(server_error()))
    stage.breaks("a", Met.ANSWERED)
    for state in (State.HEALTHY, State.FAILING):
        with pytest.raises(NoModelError):
            await stage.ask()
        assert stage.state("a") is state


async def test_the_servers_words_reach_only_who_asked(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    outcome = Outcome(met=Met.CANCELLED, reason="the server refuses the request (HTTP 400)")
    quoting = AskingError(outcome, status=400, is_refusal=True, words="no template for SECRET")
    stage = RouterStage(plays(quoting), plays(server_error(words="SECRET broke it")))
    with pytest.raises(BadRequestError, match=r"HTTP 400\): no template for SECRET"):
        await stage.ask()
    stage.transport.chats["a"] = plays(server_error(words="SECRET broke it"))
    with pytest.raises(NoModelError) as caught:
        await stage.ask()
    healths = [stage.member(name).health for name in "ab"]
    assert "SECRET" not in f"{caught.value} {healths} {stage.pool.switches()} {caplog.text}"


async def test_a_refused_request_goes_to_the_next_and_nobody_is_blamed(looptime: float) -> None:
    stage = RouterStage(plays(refusal()), answers("a longer context"))
    stage.breaks("a", Met.ANSWERED)
    assert await stage.ask() == "a longer context "
    assert (looptime, stage.state("a"), stage.state("b")) == (0, State.HEALTHY, State.HEALTHY)


@pytest.mark.parametrize("status", [400, 413, 422])
async def test_a_request_that_all_refuse_is_a_bad_one(status: int) -> None:
    stage = RouterStage(plays(refusal(status)), plays(refusal()))
    with pytest.raises(BadRequestError, match="too long") as caught:
        await stage.ask()
    assert caught.value.status == status, "the first one's"
    assert {stage.state("a"), stage.state("b")} == {State.UNKNOWN}
    assert len(stage.transport.asked) == 2, "each was asked once"


async def test_a_refusal_is_told_when_the_others_are_broken() -> None:
    stage = RouterStage(plays(refusal()), fails())
    with pytest.raises(BadRequestError):
        await stage.ask()


async def test_a_refusal_of_one_on_trial_gives_its_place_back() -> None:
    stage = RouterStage(plays(refusal()))
    stage.breaks("a")
    stage.breaks("a", Met.LISTED)
    for _ in range(2):
        with pytest.raises(BadRequestError):
            await stage.ask()
    assert stage.member("a").health.leased_until == 0

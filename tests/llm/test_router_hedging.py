"""A second endpoint is asked beside a first one that is slow, or that was broken. In virtual time."""

from __future__ import annotations

import asyncio

import pytest

from llm.errors import BadRequestError, NoModelError
from llm.health import Met, State
from llm.router import HEAD_START
from tests.llm.router_stage import RouterStage
from tests.llm.stage import Play, answers, fails, hangs, plays, refusal

pytestmark = pytest.mark.looptime


def hedging(*chats: Play) -> RouterStage:
    return RouterStage(*chats, hedges=True)


def asked(stage: RouterStage) -> list[str]:
    return [name for name, _ in stage.transport.asked]


def is_clean(stage: RouterStage) -> bool:
    """Nothing is open and nothing runs."""
    return stage.transport.n_open == 0 and asyncio.all_tasks() == {asyncio.current_task()}


async def test_a_quick_answer_asks_nobody_else(looptime: float) -> None:
    stage = hedging(answers("first", first=1.4), answers("second"))
    assert await stage.ask() == "first "
    assert looptime == 1.4
    assert asked(stage) == ["a"]
    assert is_clean(stage)


async def test_where_little_is_known_the_second_is_asked_after_half_the_time(looptime: float) -> None:
    stage = hedging(hangs(), answers("second", first=1))
    assert await stage.ask() == "second "
    assert looptime == 1.5 + 1
    assert asked(stage) == ["a", "b"]
    assert is_clean(stage)


async def test_who_loses_is_not_to_blame() -> None:
    stage = hedging(hangs(), answers("second"))
    stage.breaks("a", Met.ANSWERED)
    before = stage.member("a").health
    await stage.ask()
    assert stage.member("a").health == before
    assert stage.state("b") is State.HEALTHY


async def test_the_second_is_asked_when_the_first_is_slower_than_it_mostly_is(looptime: float) -> None:
    stage = hedging(answers("slow", first=0.4), answers("second"))
    for _ in range(10):
        await stage.ask()
    began_at = looptime + 0
    stage.transport.chats["a"] = hangs()
    assert await stage.ask() == "second "
    assert looptime - began_at == pytest.approx(0.4)


async def test_the_first_may_still_win(looptime: float) -> None:
    stage = hedging(answers("first", first=2), answers("second", first=1))
    assert await stage.ask() == "first "
    assert (looptime, asked(stage)) == (2, ["a", "b"])
    assert stage.state("b") is State.UNKNOWN
    assert is_clean(stage)


async def test_of_two_at_once_one_answers_and_the_other_is_let_go(looptime: float) -> None:
    stage = hedging(answers("one", first=2), answers("one", first=0.5))
    assert await stage.ask() == "one "
    assert looptime == 2
    assert is_clean(stage)


async def test_a_first_that_fails_soon_gives_way_at_once(looptime: float) -> None:
    stage = hedging(fails(after=1), answers("second"))
    assert await stage.ask() == "second "
    assert (looptime, asked(stage)) == (1, ["a", "b"])


async def test_a_first_that_fails_later_leaves_it_to_the_second(looptime: float) -> None:
    stage = hedging(fails(after=2), answers("second", first=2.5))
    assert await stage.ask() == "second "
    assert (looptime, asked(stage)) == (1.5 + 2.5, ["a", "b"])
    assert stage.state("a") is State.FAILING


async def test_a_second_that_fails_leaves_it_to_the_first(looptime: float) -> None:
    stage = hedging(answers("first", first=2.5), fails())
    assert await stage.ask() == "first "
    assert (looptime, stage.state("b")) == (2.5, State.FAILING)


async def test_when_both_fail_the_third_is_asked(looptime: float) -> None:
    stage = hedging(hangs(), fails(after=0.5), answers("third"))
    assert await stage.ask() == "third "
    assert (looptime, asked(stage)) == (3, ["a", "b", "c"])


async def test_when_all_fail_it_is_told(looptime: float) -> None:
    stage = hedging(hangs(), hangs())
    with pytest.raises(NoModelError) as caught:
        await stage.ask()
    assert caught.value.reasons == {"a": "no first word in 3 s", "b": "no first word in 8 s"}
    assert looptime == 1.5 + 8, "the last one has more time, as without hedging"
    assert is_clean(stage)


async def test_when_both_refuse_the_request_is_a_bad_one() -> None:
    stage = hedging(plays(2, refusal()), plays(refusal()))
    with pytest.raises(BadRequestError):
        await stage.ask()
    assert {stage.state("a"), stage.state("b")} == {State.UNKNOWN}


async def test_one_alone_is_asked_with_patience(looptime: float) -> None:
    stage = hedging(answers("late", first=7))
    assert await stage.ask() == "late "
    assert looptime == 7


async def test_one_that_cannot_be_asked_instead_is_no_second(looptime: float) -> None:
    stage = hedging(answers("late", first=7), answers("second"))
    stage.breaks("b", Met.LOADING)
    await asyncio.sleep(2)
    assert await stage.ask() == "late "
    assert (looptime, asked(stage)) == (2 + 7, ["a"])


async def test_the_last_one_of_two_that_are_slow_has_more_time(looptime: float) -> None:
    stage = hedging(hangs(), answers("late", first=7))
    assert await stage.ask() == "late "
    assert looptime == 1.5 + 7


@pytest.mark.parametrize(
    ("after", "state"),
    [
        pytest.param(1.0, State.UNKNOWN, id="before the second is asked"),
        pytest.param(2.0, State.FAILING, id="while both are asked"),
    ],
)
async def test_who_goes_away_leaves_nothing_behind(after: float, state: State) -> None:
    stage = hedging(hangs(), hangs())
    asking = asyncio.create_task(stage.ask())
    await asyncio.sleep(after)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert (stage.state("a"), stage.state("b")) == (state, State.UNKNOWN), "half of its time counts"
    assert is_clean(stage)


# -- one that was broken


def on_trial(*chats: Play, hedges: bool = False) -> RouterStage:
    """The first was broken and lists its models again; the others answer."""
    stage = RouterStage(*chats, hedges=hedges)
    stage.breaks("a")
    stage.breaks("a", Met.LISTED)
    for name in "bcdef"[: len(chats) - 1]:
        stage.breaks(name, Met.ANSWERED)
    return stage


async def test_one_on_trial_that_is_quick_is_taken_again(looptime: float) -> None:
    stage = on_trial(answers("again", first=0.4), answers("second"))
    assert await stage.ask() == "again "
    assert (looptime, asked(stage)) == (0.4, ["a"])
    assert (stage.state("a"), stage.member("a").health.failures) == (State.HEALTHY, 0)
    assert is_clean(stage)


async def test_one_on_trial_costs_nobody_more_than_its_head_start(looptime: float) -> None:
    stage = on_trial(hangs(), answers("second"))
    assert await stage.ask() == "second "
    assert (looptime, asked(stage)) == (HEAD_START, ["a", "b"])
    assert await stage.ask() == "second "
    assert (looptime, asked(stage)) == (HEAD_START, ["a", "b", "b"]), "somebody tries it out already"
    await asyncio.sleep(3)
    assert (stage.state("a"), stage.member("a").health.reason) == (State.FAILING, "no first word in 3 s")
    assert is_clean(stage)


async def test_one_on_trial_that_is_slow_goes_on_unseen_and_is_well_again() -> None:
    stage = on_trial(answers("again", first=2), answers("second"))
    assert await stage.ask() == "second "
    assert stage.transport.n_open == 1
    await asyncio.sleep(2)
    assert stage.state("a") is State.HEALTHY
    assert is_clean(stage)
    assert await stage.ask() == "again "


async def test_one_on_trial_that_fails_soon_gives_way_at_once(looptime: float) -> None:
    stage = on_trial(fails(after=0.1), answers("second"))
    assert await stage.ask() == "second "
    assert (looptime, stage.state("a")) == (0.1, State.FAILING)
    assert is_clean(stage)


async def test_one_on_trial_may_be_all_there_is(looptime: float) -> None:
    stage = on_trial(answers("again", first=7))
    assert await stage.ask() == "again "
    assert looptime == 7


async def test_when_the_one_that_answered_fails_beside_a_trial_the_trial_counts(looptime: float) -> None:
    stage = on_trial(answers("again", first=2), fails())
    assert await stage.ask() == "again "
    assert looptime == 2
    assert is_clean(stage)


@pytest.mark.parametrize("after", [0.2, 1.0], ids=["before the second is asked", "while both are asked"])
async def test_who_goes_away_ends_a_trial_without_blame(after: float) -> None:
    stage = on_trial(hangs(), hangs())
    asking = asyncio.create_task(stage.ask())
    await asyncio.sleep(after)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert (stage.state("a"), stage.state("b")) == (State.UNKNOWN, State.HEALTHY)
    assert stage.member("a").health.leased_until == 0
    assert is_clean(stage)


async def test_the_end_ends_all_trials() -> None:
    stage = on_trial(hangs(), answers("second"))
    await stage.ask()
    await asyncio.sleep(0.1)
    await stage.router.aclose()
    await stage.router.aclose()
    assert (stage.member("a").health.leased_until, stage.state("a")) == (0, State.UNKNOWN)
    assert is_clean(stage)

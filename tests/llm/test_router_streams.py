"""An answer that has begun: how it breaks, and what becomes of it when nobody listens any more. In virtual time."""

from __future__ import annotations

import asyncio
from contextlib import aclosing

import pytest

from llm.chunks import Chunk, text_of
from llm.errors import BrokenStreamError, TooLongError
from llm.health import LEASE, Met, Outcome, State
from llm.outcomes import AskingError, failed
from tests.llm.router_stage import RouterStage, now
from tests.llm.stage import FAR_AWAY, HELLO, answers, end, endpoint, hangs, plays, refusal, word

pytestmark = pytest.mark.looptime


# -- after the first words


@pytest.mark.parametrize(
    ("rest", "takes", "words"),
    [
        pytest.param((failed("the connection broke"),), 0, "the connection broke", id="breaks"),
        pytest.param((), 0, "the answer ended in the middle", id="ends"),
        pytest.param((FAR_AWAY,), 10, "silent for 10 s in the middle", id="falls silent"),
        pytest.param((9.9, word("y"), 10, word("z")), 19.9, "silent for 10 s", id="falls silent later"),
        pytest.param((refusal(),), 0, "too long", id="refuses in the middle"),
    ],
)
async def test_a_broken_answer_is_told_and_nobody_else_is_asked(
    rest: tuple[Chunk | float | Exception, ...], takes: float, words: str, looptime: float
) -> None:
    stage = RouterStage(plays(word("x"), *rest), answers())
    with pytest.raises(BrokenStreamError, match=f"^a: .*{words}"):
        await stage.ask()
    assert looptime == pytest.approx(takes)
    assert stage.transport.asked == [("a", "m")]
    assert (stage.state("a"), stage.transport.n_open) == (State.FAILING, 0)


async def test_an_answer_without_end_ends_and_nobody_can_tell_who_is_to_blame(looptime: float) -> None:
    endless: list[Chunk | float] = [word("y"), 1]
    stage = RouterStage(plays(word("x"), *endless * 200), answers())
    with pytest.raises(TooLongError, match=r"^a: the answer took longer than 120 s"):
        await stage.ask()
    assert looptime == 120
    assert stage.transport.asked == [("a", "m")]
    assert (stage.state("a"), stage.transport.n_open) == (State.HEALTHY, 0)


async def test_silence_is_no_answer_that_takes_too_long() -> None:
    stage = RouterStage(plays(word("x"), FAR_AWAY))
    with pytest.raises(BrokenStreamError) as caught:
        await stage.ask()
    assert not isinstance(caught.value, TooLongError)


async def test_who_asked_is_told_the_servers_words_and_the_pool_is_not() -> None:
    outcome = Outcome(met=Met.FAILED, reason="it answers an error (HTTP 500)")
    stage = RouterStage(plays(word("x"), AskingError(outcome, status=500, words="no template for this")))
    with pytest.raises(BrokenStreamError, match=r"^a: .*HTTP 500\): no template for this$"):
        await stage.ask()
    assert stage.member("a").health.reason == "it answers an error (HTTP 500)"


async def test_of_several_choices_all_are_waited_for(looptime: float) -> None:
    def choice(number: int, finish: str | None = None) -> Chunk:
        return {"choices": [{"index": number, "delta": {"content": "x"}, "finish_reason": finish}]}

    late = (choice(0), choice(1), choice(0, "stop"), 5, choice(1), choice(1, "stop"))
    stage = RouterStage(plays(*late, FAR_AWAY))
    assert len([chunk async for chunk in stage.router.stream(HELLO)]) == 5
    assert looptime == 5 + 1


async def test_who_listens_slowly_hears_all(looptime: float) -> None:
    stage = RouterStage(plays(*[word("x")] * 200, end()))
    async with aclosing(stage.router.stream(HELLO)) as chunks:
        async for _ in chunks:
            await asyncio.sleep(1)
    assert looptime == 201
    assert stage.state("a") is State.HEALTHY


async def test_one_that_breaks_in_the_middle_again_is_left_alone_for_longer() -> None:
    near = endpoint("127.0.0.1:1")
    stage = RouterStage(plays(word("x"), failed("the connection broke")), endpoints=(near,))
    for seconds in (2, 4, 8, 16):
        with pytest.raises(BrokenStreamError):
            await stage.ask()
        assert stage.member(near.id).health.retry_at - now() == pytest.approx(seconds)
        await asyncio.sleep(seconds)


async def test_a_whole_answer_makes_good_what_was_broken() -> None:
    stage = RouterStage(plays(word("x"), failed("the connection broke")))
    with pytest.raises(BrokenStreamError):
        await stage.ask()
    stage.transport.chats["a"] = answers()
    await asyncio.sleep(2)
    await stage.ask()
    assert (stage.state("a"), stage.member("a").health.failures) == (State.HEALTHY, 0)


async def test_a_busy_server_in_the_middle_is_known_to_be_busy() -> None:
    stage = RouterStage(plays(word("x"), AskingError(Outcome(met=Met.BUSY, reason="overloaded"))))
    with pytest.raises(BrokenStreamError):
        await stage.ask()
    assert stage.state("a") is State.BUSY


# -- who asked goes away


@pytest.mark.parametrize("met", list(Met))
async def test_who_goes_away_before_the_first_word_changes_nothing(met: Met) -> None:
    stage = RouterStage(hangs(), answers())
    if met is not Met.CANCELLED:
        stage.breaks("a", met)
        stage.breaks("b")
        await asyncio.sleep(61)
        stage.breaks("b")
    before = stage.member("a").health
    asking = asyncio.create_task(stage.ask())
    await asyncio.sleep(1)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert stage.member("a").health == before
    assert (len(stage.transport.asked), stage.transport.n_open) == (1, 0)


@pytest.mark.parametrize(
    ("after", "state"), [(1.4, State.UNKNOWN), (1.5, State.FAILING), (2.9, State.FAILING)]
)
async def test_who_goes_away_after_half_of_the_time_shows_that_it_hangs(after: float, state: State) -> None:
    stage = RouterStage(hangs(), answers("the second"))
    asking = asyncio.create_task(stage.ask())
    await asyncio.sleep(after)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert stage.state("a") is state
    if state is State.FAILING:
        assert stage.member("a").health.reason == f"no first word in {after} s, when its caller went away"
        assert await stage.ask() == "the second "


async def test_who_stops_listening_ends_the_answer_without_blame() -> None:
    stage = RouterStage(plays(word("x"), 1, word("y"), FAR_AWAY))
    async with aclosing(stage.router.stream(HELLO)) as chunks:
        async for chunk in chunks:
            if text_of(chunk) == "y":
                break
    assert (stage.state("a"), stage.transport.n_open) == (State.HEALTHY, 0)
    await asyncio.sleep(0)
    assert asyncio.all_tasks() == {asyncio.current_task()}, "nothing is left to end later"


async def test_who_is_cancelled_in_the_middle_ends_the_answer_without_blame() -> None:
    stage = RouterStage(plays(word("x"), FAR_AWAY))
    asking = asyncio.create_task(stage.ask())
    await asyncio.sleep(1)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert (stage.state("a"), stage.transport.n_open) == (State.HEALTHY, 0)


async def test_a_lease_is_not_kept_by_who_went_away() -> None:
    stage = RouterStage(hangs())
    stage.breaks("a")
    await asyncio.sleep(2)
    asking = asyncio.create_task(stage.ask())
    await asyncio.sleep(1)
    assert stage.member("a").health.leased_until == 2 + LEASE
    asking.cancel()
    await asyncio.wait({asking})
    assert stage.member("a").health.leased_until == 0

"""Asking endpoints how they are: when, what for, and what is never done to them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from llm.endpoints import Source
from llm.health import NEAR, Met, Outcome, State
from llm.outcomes import AskingError, error_of, failed
from llm.probing import LOADING_LIMIT
from tests.llm.probing_stage import HERE, THERE, ProbingStage
from tests.llm.stage import (
    FAR_AWAY,
    Play,
    answers,
    end,
    endpoint,
    fails,
    hangs,
    lists,
    lists_not,
    missing,
    piece,
    plays,
    refusal,
    role,
)

virtual = pytest.mark.looptime

# -- those that are well


@virtual
async def test_new_ones_are_asked_for_their_models_at_once_and_for_no_word() -> None:
    stage = ProbingStage(HERE, THERE)
    stage.fake.lists[THERE] = lists("x", "y", after=1)
    await stage.watch(10)
    assert stage.fake.listed == [HERE, THERE]
    assert stage.fake.asked == []
    assert (stage.state(0), stage.state(1)) == (State.HEALTHY, State.HEALTHY)
    assert stage.member(1).models == ("x", "y")


@virtual
@pytest.mark.parametrize(("random", "every"), [(0.0, 24.0), (0.5, 30.0), (1.0, 36.0)])
async def test_idle_ones_are_asked_now_and_then(random: float, every: float) -> None:
    stage = ProbingStage(THERE, random=random)
    await stage.watch(every)
    assert len(stage.fake.listed) == 1
    await stage.watch(1)
    assert len(stage.fake.listed) == 2
    await stage.watch(every * 3)
    assert len(stage.fake.listed) == 5


@virtual
async def test_who_is_talked_to_is_not_asked() -> None:
    stage = ProbingStage(THERE)
    for _ in range(20):
        await stage.watch(20)
        stage.breaks(met=Met.ANSWERED)
    assert len(stage.fake.listed) == 1


@virtual
@pytest.mark.parametrize(
    ("fields", "is_well"),
    [
        ({"model": "m"}, True),
        ({"model": "llama3"}, True),
        ({"model": "x"}, False),
        ({"model": "x", "kind": "llama.cpp"}, True),
        ({"model": "x", "kind": "tgi"}, True),
        ({"model": None}, True),
    ],
)
async def test_a_model_that_it_does_not_have_is_told_with_those_that_it_has(
    fields: dict[str, Any], is_well: bool
) -> None:
    stage = ProbingStage(endpoint(THERE, **fields))
    stage.fake.lists[THERE] = lists("m", "llama3:latest", "c", "d", "e", "f")
    await stage.watch(59)
    if is_well:
        assert stage.state() is State.HEALTHY
    else:
        assert stage.state() is State.MISCONFIGURED
        assert stage.member().health.reason == "it has no model x; it has m, llama3:latest, c, d, e"
        assert len(stage.fake.listed) == 1, "a person has to mend it"


@virtual
async def test_one_that_lists_nothing_is_taken_at_its_word() -> None:
    stage = ProbingStage(endpoint(THERE, model="x"))
    stage.fake.lists[THERE] = lists()
    await stage.watch(1)
    assert stage.state() is State.HEALTHY


@virtual
async def test_a_list_that_does_not_come_is_a_failure() -> None:
    stage = ProbingStage(THERE)
    stage.fake.lists[THERE] = lists("m", after=FAR_AWAY)
    await stage.watch(5.5)
    assert (stage.state(), stage.member().health.reason) == (State.FAILING, "no answer in 5 s")


# -- those that are broken


@virtual
@pytest.mark.parametrize("met", [Met.FAILED, Met.LOADING, Met.BUSY, Met.RATE_LIMITED])
async def test_a_distant_one_is_never_asked_for_a_word(met: Met) -> None:
    stage = ProbingStage(THERE, "elsewhere.example")
    stage.breaks(met=met)
    await stage.watch(600)
    assert stage.fake.asked == []
    assert stage.member().health.is_on_trial, "the next request finds out"
    assert stage.fake.listed.count(THERE) == 1
    assert [one.endpoint.id for one in stage.pool.candidates()] == [THERE, "elsewhere.example"]


@virtual
async def test_the_last_one_left_is_taken_to_be_well_when_it_lists_its_models_again() -> None:
    """The next request goes to it anyway; whoever waits for a model has to know that one is there."""
    stage = ProbingStage(THERE)
    stage.breaks()
    await stage.watch(10)
    assert (stage.state(), stage.member().health.failures) == (State.HEALTHY, 1)
    assert stage.fake.asked == []


def unreadable(status: int) -> AskingError:
    return error_of(status, {}, None, model=None, now=datetime.now(UTC))


@virtual
@pytest.mark.parametrize(
    "told",
    [
        pytest.param(lists_not(unreadable(401)), id="for others only"),
        pytest.param(lists_not(unreadable(400)), id="refused"),
        pytest.param(lists_not(unreadable(500)), id="broken"),
        pytest.param(lists_not(unreadable(503)), id="busy"),
        pytest.param(lists_not(AskingError(Outcome(met=Met.MISCONFIGURED, reason="HTML"))), id="HTML"),
        pytest.param(lists("m", after=FAR_AWAY), id="it hangs"),
        pytest.param(lists("other"), id="under other names"),
    ],
)
async def test_one_that_answers_requests_is_not_broken_by_its_list(told: Callable[[], Any]) -> None:
    stage = ProbingStage(endpoint(THERE, model="x", models=()))
    stage.fake.lists[THERE] = told
    stage.pool.record(stage.member(), Outcome(met=Met.BEGAN), first_word=0.1)
    await stage.watch(100)
    assert len(stage.fake.listed) > 1
    assert stage.state() is State.HEALTHY


@virtual
async def test_one_that_answers_requests_is_broken_when_nobody_is_there() -> None:
    stage = ProbingStage(THERE)
    stage.pool.record(stage.member(), Outcome(met=Met.BEGAN), first_word=0.1)
    stage.fake.lists[THERE] = lists_not(failed("cannot connect", is_unreachable=True))
    await stage.watch(40)
    assert stage.state() is State.FAILING


@virtual
async def test_a_model_that_leaves_the_list_is_gone_whoever_it_has_answered() -> None:
    stage = ProbingStage(endpoint(THERE, model="x", models=("x", "m")))
    stage.pool.record(stage.member(), Outcome(met=Met.BEGAN), first_word=0.1)
    await stage.watch(40)
    assert (stage.state(), stage.member().health.reason) == (
        State.MISCONFIGURED,
        "it has no model x; it has m",
    )


@virtual
async def test_one_that_answered_once_and_broke_is_judged_by_its_list_again() -> None:
    stage = ProbingStage(THERE)
    stage.pool.record(stage.member(), Outcome(met=Met.BEGAN), first_word=0.1)
    stage.breaks()
    stage.fake.lists[THERE] = lists_not(unreadable(401))
    await stage.watch(10)
    assert stage.state() is State.MISCONFIGURED


@virtual
@pytest.mark.parametrize(
    ("known", "told", "models"),
    [
        (("loaded", "a"), ("a", "loaded"), ("loaded", "a")),
        (("loaded",), ("a", "loaded", "b"), ("loaded", "a", "b")),
        (("gone", "a"), ("b", "a"), ("a", "b")),
        (("a",), (), ("a",)),
        ((), ("b", "a"), ("b", "a")),
    ],
)
async def test_a_list_confirms_the_one_that_was_found_in_its_order(
    known: tuple[str, ...], told: tuple[str, ...], models: tuple[str, ...]
) -> None:
    stage = ProbingStage(endpoint(THERE, source=Source.DISCOVERED, models=known))
    stage.fake.lists[THERE] = lists(*told)
    await stage.watch(1)
    assert stage.member().models == models


@virtual
@pytest.mark.parametrize("met", [Met.FAILED, Met.LOADING, Met.BUSY])
async def test_one_on_this_machine_is_asked_for_one_word_and_back_in_seconds(
    met: Met, looptime: float
) -> None:
    stage = ProbingStage(HERE)
    stage.plays(answers())
    stage.breaks(met=met)
    await stage.watch(3)
    assert stage.state() is State.HEALTHY
    assert stage.fake.bodies == [
        {"model": "m", "max_tokens": 1, "messages": [{"role": "user", "content": "Hi"}]}
    ]


@virtual
async def test_one_that_stays_broken_is_asked_every_few_seconds() -> None:
    stage = ProbingStage(HERE)
    stage.plays(fails())
    stage.breaks()
    await stage.watch(60)
    assert 15 <= len(stage.fake.asked) <= 60 / NEAR.longest + 3
    stage.plays(answers())
    await stage.watch(4)
    assert stage.state() is State.HEALTHY


@virtual
async def test_nobody_is_asked_before_its_time() -> None:
    stage = ProbingStage(HERE)
    stage.breaks(met=Met.RATE_LIMITED, retry_after=100.0)
    await stage.watch(100)
    assert stage.fake.listed == []
    stage.plays(answers())
    await stage.watch(1)
    assert stage.state() is State.HEALTHY


@virtual
@pytest.mark.parametrize(
    "silence", [plays(FAR_AWAY), plays(*[role()] * 5, FAR_AWAY), plays(piece(content=""), FAR_AWAY)]
)
async def test_a_slow_word_means_loading_and_is_waited_for(silence: Play) -> None:
    stage = ProbingStage(HERE)
    stage.plays(silence)
    stage.breaks()
    await stage.watch(5)
    assert stage.state() is State.WARMING
    assert "may be loading" in stage.member().health.reason
    await stage.watch(100)
    assert (len(stage.fake.asked), stage.fake.n_open) == (1, 1), "nobody has ended its loading"
    assert stage.pool.candidates() == [], "and no request does"
    await stage.prober.aclose()


@virtual
async def test_one_that_has_loaded_is_back(looptime: float) -> None:
    stage = ProbingStage(HERE)
    stage.plays(answers(first=60))
    stage.breaks()
    await stage.watch(62)
    assert stage.state() is State.HEALTHY
    assert stage.fake.n_open == 0


@virtual
async def test_one_that_has_loaded_beside_a_good_one_shows_first_that_it_is_quick() -> None:
    stage = ProbingStage(HERE, THERE)
    stage.plays(answers(first=60))
    stage.breaks()
    await stage.watch(62)
    assert stage.member().health.is_on_trial
    stage.plays(answers())
    await stage.watch(4)
    assert stage.state() is State.HEALTHY


@virtual
async def test_one_that_does_not_load_in_time_has_failed(looptime: float) -> None:
    stage = ProbingStage(HERE)
    stage.plays(hangs())
    stage.breaks()
    await asyncio.sleep(1)
    stage.prober.probe_due()
    await asyncio.sleep(3 + LOADING_LIMIT + 0.1)
    assert (stage.state(), stage.member().health.reason) == (State.FAILING, "no first word in 120 s")
    assert stage.fake.n_open == 0


@virtual
@pytest.mark.parametrize(
    ("play", "state"),
    [
        pytest.param(plays(), State.FAILING, id="empty"),
        pytest.param(plays(role(), end()), State.HEALTHY, id="an end is enough"),
        pytest.param(plays(refusal()), State.HEALTHY, id="who refuses our words can read"),
        pytest.param(plays(missing("m")), State.MISCONFIGURED, id="no such model"),
    ],
)
async def test_what_comes_for_a_word_tells_how_it_is(play: Play, state: State) -> None:
    stage = ProbingStage(HERE)
    stage.plays(play)
    stage.breaks()
    await stage.watch(1.5)
    assert stage.state() is state


@virtual
async def test_one_without_a_name_for_its_model_has_to_be_told_one() -> None:
    stage = ProbingStage(endpoint(HERE, models=()))
    stage.fake.lists[HERE] = lists()
    stage.breaks()
    await stage.watch(1.5)
    assert stage.state() is State.MISCONFIGURED
    assert "lists no model; name one" in stage.member().health.reason


@virtual
@pytest.mark.parametrize("where", [HERE, THERE])
async def test_who_refuses_the_question_is_neither_well_nor_ill(where: str) -> None:
    stage = ProbingStage(where)
    stage.fake.lists[where] = lists_not(refusal())
    await stage.watch(300)
    assert len(stage.fake.listed) <= 300 / 24 + 1
    assert (stage.state(), stage.pool.candidates()) == (State.UNKNOWN, [stage.member()])


@virtual
async def test_a_distant_one_that_refuses_the_question_stays_broken() -> None:
    stage = ProbingStage(THERE)
    stage.fake.lists[THERE] = lists_not(refusal())
    stage.breaks()
    await stage.watch(120)
    assert len(stage.fake.listed) <= 6, "it is not asked without end"
    assert stage.state() is State.FAILING
    assert stage.fake.asked == []


@virtual
async def test_one_on_this_machine_that_refuses_the_question_is_asked_for_a_word() -> None:
    stage = ProbingStage(HERE)
    stage.fake.lists[HERE] = lists_not(refusal())
    stage.plays(fails())
    stage.breaks()
    await stage.watch(10)
    assert stage.state() is State.FAILING
    stage.plays(answers())
    await stage.watch(4)
    assert stage.state() is State.HEALTHY


@virtual
async def test_a_probe_that_breaks_is_logged_and_the_others_go_on(caplog: pytest.LogCaptureFixture) -> None:
    stage = ProbingStage(HERE, THERE)
    stage.fake.lists[HERE] = lists_not(ZeroDivisionError("a mistake of ours"))
    await stage.watch(0.5)
    assert (stage.state(0), stage.state(1)) == (State.FAILING, State.HEALTHY)
    assert "a mistake of ours" in caplog.text

"""Who is asked first, who next, and what is told when that changes."""

from __future__ import annotations

import logging

import pytest
from pydantic import SecretStr

from llm.endpoints import Endpoint, Source
from llm.errors import UnknownModelError
from llm.health import LEASE, Health, Met, Outcome, State
from llm.pool import MOST_SWITCHES, Member, Pool
from tests.llm.stage import KEY, endpoint, pool_of


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def pool(clock: Clock) -> Pool:
    return pool_of(endpoint("a"), endpoint("b"), endpoint("c"), clock=clock)


def member(pool: Pool, name: str) -> Member:
    found = pool.get(name)
    assert found is not None
    return found


def meet(pool: Pool, name: str, met: Met, *, reason: str = "") -> None:
    pool.record(member(pool, name), Outcome(met=met, reason=reason))


def names(members: list[Member] | tuple[Member, ...]) -> list[str]:
    return [each.endpoint.id for each in members]


def current(pool: Pool) -> str | None:
    return None if pool.current is None else pool.current.endpoint.id


# -- the order


def test_those_that_may_answer_are_asked_in_the_order_of_the_settings(pool: Pool) -> None:
    assert names(pool.candidates()) == ["a", "b", "c"]
    meet(pool, "c", Met.ANSWERED)
    assert names(pool.candidates()) == ["a", "b", "c"]
    assert names(pool.candidates(without={"a"})) == ["b", "c"]


def test_the_preferred_one_comes_first_among_those_that_are_as_well(pool: Pool, clock: Clock) -> None:
    assert names(pool.candidates(prefer="c")) == ["c", "a", "b"]
    assert names(pool.candidates(prefer="c", without={"c"})) == ["a", "b"]
    assert names(pool.candidates(prefer="nobody")) == ["a", "b", "c"]
    meet(pool, "c", Met.FAILED, reason="gone")
    clock.now += 2
    assert names(pool.candidates(prefer="c")) == ["a", "b", "c"], "a broken one costs time"


def test_a_broken_one_is_not_asked_before_its_time_and_then_last(pool: Pool, clock: Clock) -> None:
    meet(pool, "a", Met.FAILED, reason="gone")
    assert names(pool.candidates()) == ["b", "c"]
    clock.now += 2
    assert names(pool.candidates()) == ["b", "c", "a"]


def test_the_broken_ones_are_tried_in_the_order_of_their_hope(clock: Clock) -> None:
    troubles = [Met.MISCONFIGURED, Met.RATE_LIMITED, Met.FAILED, Met.BUSY, Met.LOADING]
    pool = pool_of(*(endpoint(met.name.lower()) for met in troubles), clock=clock)
    for met in troubles:
        meet(pool, met.name.lower(), met)
    assert pool.candidates() == []
    clock.now += 60
    assert names(pool.candidates()) == ["loading", "busy", "rate_limited", "misconfigured", "failed"]


def test_a_broken_one_is_tried_by_one_request_at_a_time(pool: Pool, clock: Clock) -> None:
    meet(pool, "a", Met.FAILED)
    clock.now += 2
    pool.take_lease(member(pool, "a"))
    assert names(pool.candidates()) == ["b", "c"]
    meet(pool, "a", Met.CANCELLED)
    assert names(pool.candidates()) == ["b", "c", "a"], "who went away gives the place back"
    pool.take_lease(member(pool, "a"))
    clock.now += LEASE
    assert names(pool.candidates()) == ["b", "c", "a"]


def test_a_good_one_is_asked_by_all_at_once(pool: Pool) -> None:
    meet(pool, "a", Met.ANSWERED)
    pool.take_lease(member(pool, "a"))
    assert names(pool.candidates()) == ["a", "b", "c"]


def test_the_last_resort_is_the_best_of_those_that_nobody_tries(clock: Clock) -> None:
    troubles = [Met.MISCONFIGURED, Met.RATE_LIMITED, Met.FAILED, Met.BUSY, Met.LOADING]
    pool = pool_of(*(endpoint(met.name.lower()) for met in troubles), clock=clock)
    for met in troubles:
        meet(pool, met.name.lower(), met)
    for name in ("loading", "busy", "failed"):
        resort = pool.last_resort()
        assert resort is member(pool, name)
        assert pool.last_resort(without={name}) is not resort
        pool.take_lease(resort)
    assert pool.last_resort() is None
    pool.replace_all([])
    assert pool.last_resort() is None


def test_a_doubtful_failure_does_not_take_out_the_last_that_answers(pool: Pool) -> None:
    doubtful = Outcome(met=Met.FAILED, reason="HTTP 500")
    for name in "abc":
        meet(pool, name, Met.ANSWERED)
    for name in "abc":
        pool.record(member(pool, name), doubtful, is_doubtful=True)
    states = [each.health.state for each in pool.members()]
    assert states == [State.FAILING, State.FAILING, State.HEALTHY]
    pool.record(member(pool, "c"), doubtful, is_doubtful=True)
    assert member(pool, "c").health.state is State.FAILING


def test_who_is_current_is_who_is_not_known_to_be_broken(pool: Pool) -> None:
    assert (current(pool), pool.is_available, pool.may_answer) == ("a", False, True)
    meet(pool, "a", Met.FAILED)
    assert (current(pool), pool.is_available) == ("b", False)
    meet(pool, "b", Met.ANSWERED)
    assert (current(pool), pool.is_available) == ("b", True)
    for name in "bc":
        meet(pool, name, Met.BUSY)
    assert (current(pool), pool.is_available, pool.may_answer) == (None, False, False)
    meet(pool, "c", Met.LISTED)
    assert (current(pool), pool.is_available, pool.may_answer) == (None, False, True)
    meet(pool, "c", Met.ANSWERED)
    assert current(pool) == "c"


def test_reasons_are_told_of_those_that_do_not_answer(pool: Pool) -> None:
    meet(pool, "a", Met.ANSWERED)
    meet(pool, "b", Met.FAILED, reason="no such host")
    assert pool.reasons() == {"b": "no such host", "c": "unknown"}


# -- the list changes


def test_what_is_known_of_those_that_stay_is_kept(pool: Pool) -> None:
    meet(pool, "b", Met.FAILED, reason="gone")
    before = member(pool, "b").health
    pool.replace_all([endpoint("d"), endpoint("b", models=("x",), source=Source.BACKEND)])
    assert names(pool.members()) == ["d", "b"]
    assert member(pool, "b").health is before
    assert (member(pool, "b").models, member(pool, "b").endpoint.source) == (("x",), Source.BACKEND)
    pool.replace_all([endpoint("b", models=())])
    assert member(pool, "b").models == ("x",), "what it said itself is kept where nothing is said"


def test_with_another_key_it_is_another_endpoint(pool: Pool) -> None:
    meet(pool, "b", Met.MISCONFIGURED, reason="the key is refused")
    pool.replace_all([endpoint("b", api_key=SecretStr(KEY))])
    assert member(pool, "b").health.state is State.UNKNOWN


@pytest.mark.parametrize("change", [{"model": "y"}, {"base_url": "https://b:81/v1"}], ids=["model", "URL"])
def test_what_a_person_has_mended_is_tried_at_once(clock: Clock, change: dict[str, str]) -> None:
    pool = pool_of(endpoint("b:81", model="x", base_url="http://b:81/v1"), clock=clock)
    only = pool.members()[0].endpoint.id
    meet(pool, only, Met.MISCONFIGURED, reason="it has no model x")
    pool.replace_all([endpoint(model="x", base_url="http://b:81/v1")])
    assert pool.candidates() == [], "nothing has changed"
    pool.replace_all([endpoint(**{"model": "x", "base_url": "http://b:81/v1", **change})])
    assert len(pool.candidates()) == 1


def test_what_failed_by_itself_is_not_mended_by_another_model(pool: Pool) -> None:
    meet(pool, "b", Met.FAILED, reason="gone")
    pool.replace_all([endpoint("b", model="y")])
    assert member(pool, "b").health.state is State.FAILING


def test_a_running_answer_of_one_that_is_gone_hurts_nobody(pool: Pool) -> None:
    gone = member(pool, "a")
    pool.replace_all([endpoint("b")])
    pool.record(gone, Outcome(met=Met.FAILED, reason="late"))
    assert (names(pool.members()), current(pool)) == (["b"], "b")


# -- a person chooses


def test_the_selected_one_comes_first(pool: Pool) -> None:
    assert pool.select("c") is member(pool, "c")
    assert (names(pool.members()), current(pool), pool.selected) == (["c", "a", "b"], "c", "c")
    assert pool.select(None) is None
    assert (names(pool.members()), current(pool), pool.selected) == (["a", "b", "c"], "a", None)


def test_the_selected_one_is_left_while_it_is_broken(pool: Pool) -> None:
    pool.select("c")
    meet(pool, "c", Met.FAILED)
    assert (names(pool.candidates()), current(pool)) == (["a", "b"], "a")
    meet(pool, "c", Met.ANSWERED)
    assert (names(pool.candidates()), current(pool)) == (["c", "a", "b"], "c")


def test_the_selected_one_may_go_and_come_again(pool: Pool) -> None:
    pool.select("c")
    pool.replace_all([endpoint("a")])
    assert names(pool.members()) == ["a"]
    pool.replace_all([endpoint("a"), endpoint("c")])
    assert names(pool.members()) == ["c", "a"]


def test_one_is_selected_by_the_id_of_its_deployment_and_with_a_model(clock: Clock) -> None:
    deployed = Endpoint(
        base_url="http://h:1/v1", source=Source.BACKEND, deploy_id="seven", models=("x", "y:latest")
    )
    pool = pool_of(endpoint("a"), deployed, clock=clock)
    found = pool.select("seven", model="y")
    assert found is not None
    assert (found.endpoint.id, found.model_for(None)) == ("h:1/seven", "y")
    assert pool.select("h:1/seven") is found
    assert found.model_for(None) == "x", "no model is chosen any more"


def test_no_choice_is_no_choice_of_a_model_either(pool: Pool) -> None:
    pool.select("b", model="m")
    pool.select("")
    assert member(pool, "b").chosen_model is None


def test_another_model_is_tried_at_once(pool: Pool) -> None:
    meet(pool, "b", Met.MISCONFIGURED, reason="it has no model x")
    pool.select("b", model="m")
    assert names(pool.candidates()) == ["b", "a", "c"]


def test_unknown_names_tell_what_there_is(pool: Pool) -> None:
    with pytest.raises(UnknownModelError, match="no endpoint 'd'; known: a, b, c"):
        pool.select("d")
    with pytest.raises(UnknownModelError, match="a has no model 'x'; it has m") as caught:
        pool.select("a", model="x")
    assert caught.value.is_endpoint_known
    assert pool.selected is None
    pool.replace_all([])
    with pytest.raises(UnknownModelError, match="known: none"):
        pool.select("a")


# -- what is told


@pytest.fixture
def well(pool: Pool) -> Pool:
    """All of them answer."""
    for name in "abc":
        meet(pool, name, Met.ANSWERED)
    assert told(pool) == [(None, "a", "it answers")]
    return pool


def told(pool: Pool) -> list[tuple[str | None, str | None, str]]:
    return [(each.source, each.target, each.reason) for each in pool.switches()]


def test_each_switch_is_told_with_its_reason(well: Pool, clock: Clock) -> None:
    clock.now += 5
    meet(well, "a", Met.FAILED, reason="HTTP 500")
    clock.now += 5
    meet(well, "a", Met.ANSWERED)
    assert told(well)[:-1] == [("b", "a", "it answers"), ("a", "b", "HTTP 500")]
    assert [each.at for each in well.switches()] == [1010, 1005, 1000]


def test_one_that_is_merely_listed_takes_over_from_nobody(pool: Pool) -> None:
    assert told(pool) == []
    meet(pool, "a", Met.FAILED)
    assert told(pool) == []
    meet(pool, "b", Met.LISTED)
    assert told(pool) == [(None, "b", "it answers")]


def test_the_end_and_the_return_of_all_are_told(well: Pool, caplog: pytest.LogCaptureFixture) -> None:
    caplog.clear()
    for name in "cba":
        meet(well, name, Met.FAILED, reason=f"{name} is gone")
    assert told(well)[:-1] == [("a", None, "a is gone")]
    assert [line.levelname for line in caplog.records if "instead of" in line.message] == ["WARNING"]
    meet(well, "b", Met.ANSWERED)
    assert told(well)[0] == (None, "b", "it answers")


def test_a_list_that_changes_is_told(well: Pool) -> None:
    well.replace_all([endpoint("b"), endpoint("c")])
    well.replace_all([endpoint("c"), endpoint("b")])
    assert told(well)[:-1] == [
        ("b", "c", "other endpoints are listed"),
        ("a", "b", "it is not listed any more"),
    ]


def test_an_answer_of_another_one_is_told_although_the_first_stays(well: Pool) -> None:
    a, b = member(well, "a"), member(well, "b")
    well.passed_over(a, b, "HTTP 400")
    well.passed_over(b, a, "it was not the first anyway")
    well.passed_over(a, None, "nobody took over")
    assert told(well)[:-1] == [("a", "b", "HTTP 400")]


def test_only_the_last_switches_are_kept(pool: Pool) -> None:
    for _ in range(MOST_SWITCHES):
        meet(pool, "a", Met.FAILED)
        meet(pool, "a", Met.ANSWERED)
    assert len(pool.switches()) == MOST_SWITCHES


def test_who_listens_hears_of_each_change_until_it_ends(pool: Pool) -> None:
    heard: list[State] = []
    end = pool.subscribe(lambda: heard.append(member(pool, "a").health.state))
    meet(pool, "a", Met.ANSWERED)
    meet(pool, "a", Met.ANSWERED)
    assert heard == [State.HEALTHY], "nothing has changed the second time"
    meet(pool, "a", Met.FAILED, reason="one")
    meet(pool, "a", Met.FAILED, reason="one")
    assert heard[1:] == [State.FAILING]
    pool.learn(member(pool, "a"), ("new",))
    assert len(heard) == 3
    end()
    end()
    meet(pool, "a", Met.ANSWERED)
    assert len(heard) == 3


def test_a_listener_that_breaks_breaks_nothing_else(pool: Pool, caplog: pytest.LogCaptureFixture) -> None:
    heard: list[str] = []

    def breaks() -> None:
        raise RuntimeError("broken")

    pool.subscribe(breaks)
    pool.subscribe(lambda: heard.append("told"))
    meet(pool, "a", Met.FAILED)
    assert heard == ["told"]
    assert "a listener broke" in caplog.text


def test_a_listener_may_leave_while_it_is_told(pool: Pool) -> None:
    heard: list[str] = []

    def once() -> None:
        heard.append("once")
        end()

    end = pool.subscribe(once)
    pool.subscribe(lambda: heard.append("always"))
    meet(pool, "a", Met.FAILED)
    meet(pool, "b", Met.FAILED)
    assert heard == ["once", "always", "always"]


def test_a_state_is_noted_and_logged_once_and_without_secrets(
    clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    pool = pool_of(endpoint("a", api_key=SecretStr(KEY)), clock=clock)
    noted: list[State] = []
    pool.on_state = lambda each: noted.append(each.health.state)
    for met in (Met.ANSWERED, Met.ANSWERED, Met.FAILED, Met.FAILED, Met.ANSWERED):
        meet(pool, "a", met, reason="" if met is Met.ANSWERED else "gone")
    assert noted == [State.HEALTHY, State.FAILING, State.HEALTHY]
    lines = [record for record in caplog.records if record.__dict__["action"] == "llm.state"]
    assert [(line.levelname, line.getMessage()) for line in lines] == [
        ("INFO", "language model a is healthy"),
        ("WARNING", "language model a is failing: gone"),
        ("INFO", "language model a is healthy"),
    ]
    assert KEY not in caplog.text


def test_another_processs_word_is_taken_and_not_noted_again(well: Pool, clock: Clock) -> None:
    noted: list[Member] = []
    well.on_state = noted.append
    clock.now += 5
    health = Health(state=State.BUSY, reason="busy there", since=1003.0, failures=1, retry_at=1007.0)
    well.adopt(member(well, "a"), health)
    assert (names(well.candidates()), noted) == (["b", "c"], [])
    assert told(well)[0] == ("a", "b", "busy there")
    assert member(well, "a").told_at == 1005

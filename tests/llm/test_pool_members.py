"""Endpoints of the pool: which model is asked of one, how soon it mostly answers, and who may look at all."""

from __future__ import annotations

import threading

import pytest

from llm.health import Met, Outcome
from llm.pool import MOST_MISSING, Member, Pool, serves
from tests.llm.stage import endpoint, pool_of


def one(model: str | None = None, models: tuple[str, ...] = ()) -> tuple[Pool, Member]:
    pool = pool_of(endpoint(model=model, models=models), clock=lambda: 0.0)
    return pool, pool.members()[0]


@pytest.mark.parametrize(
    ("own", "models", "wanted", "asked"),
    [
        (None, (), None, None),
        (None, (), "x", "x"),
        ("own", (), None, "own"),
        ("own", (), "x", "x"),
        ("own", ("own", "x"), "x", "x"),
        ("own", ("own",), "x", "own"),
        (None, ("first", "second"), None, "first"),
        (None, ("first", "second"), "second", "second"),
        (None, ("first", "second"), "x", "first"),
        ("own", ("own", "llama3:latest"), "llama3", "llama3"),
        ("own", ("own",), "", "own"),
    ],
)
def test_the_wanted_model_is_asked_where_it_may_be(
    own: str | None, models: tuple[str, ...], wanted: str | None, asked: str | None
) -> None:
    assert one(own, models)[1].model_for(wanted) == asked


def test_a_model_that_was_missing_is_not_asked_again_until_the_list_changes() -> None:
    pool, a = one("own")
    a.missing.add("x")
    assert a.model_for("x") == "own"
    pool.learn(a, ())
    assert a.model_for("x") == "own", "nothing was said"
    pool.learn(a, ("own", "x"))
    assert (a.model_for("x"), a.models) == ("x", ("own", "x"))


def test_names_of_missing_models_do_not_pile_up() -> None:
    _, a = one("own")
    for number in range(3 * MOST_MISSING):
        a.lacks(str(number))
        assert a.model_for(str(number)) == "own"
    assert len(a.missing) <= MOST_MISSING


def test_a_server_answers_to_a_name_without_its_tag() -> None:
    assert serves(("llama3:latest", "b"), "llama3")
    assert serves(("llama3:latest", "b"), "b")
    assert not serves(("llama3:8b",), "llama3")


def test_how_soon_it_mostly_answers_is_known_after_ten_answers() -> None:
    pool, a = one()

    def answer_after(seconds: float) -> None:
        pool.record(a, Outcome(met=Met.ANSWERED), first_word=seconds)

    for number in range(9):
        answer_after(number / 10)
    assert a.slow_after() is None
    for number in range(9, 20):
        answer_after(number / 10)
    assert a.slow_after() == 1.9
    for _ in range(100):
        answer_after(0.2)
    assert a.slow_after() == 0.2, "the last answers count"


def test_other_threads_may_read_while_the_list_changes() -> None:
    pool = pool_of(endpoint("a"), endpoint("b"), clock=lambda: 0.0)
    pool.select("b")
    lists = [[endpoint("a"), endpoint("b")], [endpoint("c")]]
    is_over = threading.Event()

    def change() -> None:
        for number in range(2_000):
            pool.replace_all(lists[number % 2])
        is_over.set()

    changing = threading.Thread(target=change)
    changing.start()
    while not is_over.is_set():
        assert [member.endpoint.id for member in pool.members()] in (["b", "a"], ["c"]), "all of one list"
    changing.join()

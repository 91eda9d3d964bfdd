from __future__ import annotations

from typing import Any

import pytest

from llm.discovery.notes import BACKEND, CONTAINERS, HOSTS, Notes, Rank, in_order
from llm.discovery.sightings import Sightings
from llm.endpoints import Endpoint, Source

SOURCES = {CONTAINERS: Source.CONTAINER, HOSTS: Source.DISCOVERED, BACKEND: Source.BACKEND}


def noted(*seen: tuple[Rank, str], **more: Any) -> Notes:
    notes = Notes()
    for rank, place in seen:
        host, _, deploy_id = place.partition("/")
        source, kind = SOURCES[rank[0]], "openai" if rank[0] == BACKEND else "vllm"
        notes.see(
            rank,
            Endpoint(base_url=f"http://{host}/v1", source=source, deploy_id=deploy_id or None, kind=kind),
        )
    for name, value in more.items():
        setattr(notes, name, value)
    return notes


def ids(endpoints: tuple[Endpoint, ...]) -> list[str]:
    return [one.id for one in endpoints]


def test_the_order_is_that_of_the_settings() -> None:
    sightings = Sightings(ttl=10)
    far = noted(((BACKEND, 0), "d:1/x"), ((HOSTS, 1, 0), "c:1"))
    near = noted(((HOSTS, 0, 1), "b:2"), ((HOSTS, 0, 0), "b:1"), ((CONTAINERS, 0, 0, 0), "a:1"))
    assert ids(sightings.take([near, far], now=0)) == ["a:1", "b:1", "b:2", "c:1", "d:1/x"]


@pytest.mark.parametrize(("now", "listed"), [(9.9, ["a:1"]), (10.0, []), (10.1, [])])
def test_what_was_found_stays_listed_for_its_time(now: float, listed: list[str]) -> None:
    sightings = Sightings(ttl=10)
    sightings.take([noted(((HOSTS, 0, 0), "a:1"))], now=0)
    assert ids(sightings.take([noted()], now=now)) == listed


def test_being_seen_again_starts_the_time_anew() -> None:
    sightings = Sightings(ttl=10)
    for now in (0, 9, 18):
        assert ids(sightings.take([noted(((HOSTS, 0, 0), "a:1"))], now=now)) == ["a:1"]
    assert ids(sightings.take([noted()], now=27)) == ["a:1"]


def test_without_a_time_only_what_was_just_seen_is_listed() -> None:
    sightings = Sightings(ttl=0)
    assert ids(sightings.take([noted(((HOSTS, 0, 0), "a:1"))], now=0)) == ["a:1"]
    assert not sightings.take([noted()], now=0)


def test_a_server_that_says_it_is_empty_goes_at_once() -> None:
    sightings = Sightings(ttl=10)
    sightings.take([noted(((HOSTS, 0, 0), "a:1"), ((BACKEND, 0), "b:1/x"))], now=0)
    assert ids(sightings.take([noted(empty_hosts={"a:1", "b:1"})], now=1)) == ["b:1/x"]


def test_what_the_backend_lists_no_more_goes_at_once() -> None:
    sightings = Sightings(ttl=10)
    sightings.take([noted(((HOSTS, 0, 0), "a:1"), ((BACKEND, 0), "b:1/x"))], now=0)
    again = noted(((BACKEND, 0), "b:1/y"), is_backend_read=True)
    assert ids(sightings.take([again], now=1)) == ["a:1", "b:1/y"]


def test_a_server_found_twice_is_listed_once() -> None:
    endpoints = Sightings(ttl=10).take(
        [
            noted(
                ((HOSTS, 0, 0), "127.0.0.1:1"),
                ((HOSTS, 1, 0), "localhost:1"),
                ((CONTAINERS, 0), "127.0.0.1:1"),
            )
        ],
        now=0,
    )
    assert [(one.id, one.source) for one in endpoints] == [("127.0.0.1:1", Source.CONTAINER)]


def test_the_backends_words_for_a_server_that_was_found_otherwise_win() -> None:
    sightings = Sightings(ttl=10)
    notes = noted(
        ((HOSTS, 0, 0), "a:1"), ((HOSTS, 0, 1), "b:1"), ((BACKEND, 0), "a:1/x"), ((BACKEND, 1), "a:1/y")
    )
    endpoints = sightings.take([notes], now=0)
    assert ids(endpoints) == ["a:1/x", "a:1/y", "b:1"]
    assert [one.kind for one in endpoints] == ["vllm", "vllm", "vllm"]
    assert ids(sightings.take([noted(((HOSTS, 0, 0), "a:1"))], now=10)) == ["a:1"]


def test_what_is_seen_goes_before_what_stood_there_earlier() -> None:
    sightings = Sightings(ttl=10)
    sightings.take([noted(((CONTAINERS, 0, 0, 0), "172.17.0.2:1"))], now=0)
    assert ids(sightings.take([noted(((CONTAINERS, 0, 0, 0), "127.0.0.1:1"))], now=1)) == [
        "127.0.0.1:1",
        "172.17.0.2:1",
    ]


def test_troubles_are_told_once_and_in_order() -> None:
    notes = Notes()
    for rank, words in (((2,), "c"), ((0, 1), "b"), ((0, 0), "a"), ((1,), "a"), ((0,), "")):
        notes.trouble(rank, words)
    assert in_order(notes.troubles) == ("a", "b", "c")

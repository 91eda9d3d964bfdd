"""What was said in conversations is kept, within limits, on both databases."""

from __future__ import annotations

import asyncio
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from service.store import Key, Limits, Message, Store, StoreError, Turn, sqlite_url
from stack.postgres import PostgresServer

NOW = datetime(2026, 3, 4, 5, 6, 7, 890_123, tzinfo=UTC)
LIMITS = Limits(threads=3, messages=6, ttl=timedelta(hours=1))
A, B, C, D = (Key("", name) for name in "abcd")


def at(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def said(store: Store, key: Key, *, now: datetime = NOW, most: int = 99) -> list[str]:
    """The texts of a thread; none when it is not there."""
    messages = store.read([key], since=now - LIMITS.ttl, most=most).get(key, [])
    return [message.content for message in messages]


def test_a_question_and_its_answer_come_back_in_order(store: Store) -> None:
    store.append([Turn(A, "q1", "a1")], limits=LIMITS, now=NOW)
    store.append([Turn(A, "q2", "a2")], limits=LIMITS, now=at(1))
    assert store.read([A], since=at(-1), most=99) == {
        A: [
            Message("user", "q1"),
            Message("assistant", "a1"),
            Message("user", "q2"),
            Message("assistant", "a2"),
        ]
    }


def test_many_threads_at_once(store: Store) -> None:
    limits = Limits(threads=1_000, messages=50, ttl=timedelta(hours=1))
    keys = [Key("", f"t{number}") for number in range(300)]
    turns = [Turn(key, f"q{key.thread_id}", "a") for key in keys]
    store.append([*turns, Turn(keys[0], "again", "yes")], limits=limits, now=NOW)
    found = store.read([*keys, *keys, Key("", "nobody")], since=at(-1), most=50)
    assert found.keys() == set(keys)
    assert [message.content for message in found[keys[0]]] == ["qt0", "a", "again", "yes"]
    assert found[keys[299]][0] == Message("user", "qt299")


def test_nothing_is_asked_for_nothing(store: Store) -> None:
    store.append([], limits=LIMITS, now=NOW)
    assert store.read([], since=NOW, most=1) == {}


def test_owners_with_the_same_thread_id_have_different_threads(store: Store) -> None:
    mine, yours = Key("me", "x"), Key("you", "x")
    store.append([Turn(mine, "q", "secret")], limits=LIMITS, now=NOW)
    assert said(store, yours) == []
    store.append([Turn(yours, "q", "other")], limits=LIMITS, now=NOW)
    assert (said(store, mine), said(store, yours)) == (["q", "secret"], ["q", "other"])


def test_a_thread_keeps_its_last_messages(store: Store, other_program: sa.Engine) -> None:
    for number in range(5):
        store.append([Turn(A, f"q{number}", f"a{number}")], limits=LIMITS, now=NOW)
    assert said(store, A) == ["q2", "a2", "q3", "a3", "q4", "a4"]
    with other_program.connect() as connection:
        assert connection.execute(sa.text("SELECT count(*) FROM chat_messages")).scalar() == 6
    assert said(store, A, most=3) == ["a3", "q4", "a4"]


def test_a_smaller_limit_counts_for_what_is_there_already(store: Store) -> None:
    for number in range(3):
        store.append([Turn(A, f"q{number}", f"a{number}")], limits=LIMITS, now=NOW)
    smaller = Limits(threads=3, messages=2, ttl=LIMITS.ttl)
    store.append([Turn(A, "q", "a")], limits=smaller, now=NOW)
    assert said(store, A) == ["q", "a"]


def test_the_thread_that_was_silent_longest_goes_first(store: Store) -> None:
    for second, key in enumerate((A, B, C)):
        store.append([Turn(key, "q", "a")], limits=LIMITS, now=at(second))
    store.append([Turn(A, "q2", "a2")], limits=LIMITS, now=at(5))
    store.append([Turn(D, "q", "a")], limits=LIMITS, now=at(6))
    assert [bool(said(store, key)) for key in (A, B, C, D)] == [True, False, True, True]


def test_whoever_has_the_most_threads_loses_one_first(store: Store) -> None:
    limits = Limits(threads=5, messages=6, ttl=timedelta(hours=1))
    anns, bobs = ([Key(owner, name) for name in "123456789"] for owner in ("ann", "bob"))
    for second, key in enumerate(anns[:2]):
        store.append([Turn(key, "q", "a")], limits=limits, now=at(second))
    for second, key in enumerate(bobs, start=10):
        store.append([Turn(key, "q", "a")], limits=limits, now=at(second))
    assert all(said(store, key) for key in [*anns[:2], *bobs[-3:]])
    assert not any(said(store, key) for key in bobs[:-3])
    for second, key in enumerate((Key("cid", "1"), Key("dan", "1")), start=20):
        store.append([Turn(key, "q", "a")], limits=limits, now=at(second))
    kept = [*anns[:2], *bobs[-2:], Key("cid", "1"), Key("dan", "1")]
    assert [key for key in kept if not said(store, key)] == [anns[0]], (
        "of equals, the one that is silent longest"
    )
    narrow = Limits(threads=3, messages=6, ttl=limits.ttl)
    assert store.tidy(limits=narrow, now=at(30)) == 3
    assert [key.owner for key in kept if said(store, key)] == ["bob", "cid", "dan"]


def test_a_few_too_many_wait_until_they_are_tidied_up(store: Store) -> None:
    limits = Limits(threads=200, messages=6, ttl=timedelta(hours=1))
    keys = [Key("ann", str(number)) for number in range(203)]
    store.append([Turn(key, "q", "a") for key in keys[:202]], limits=limits, now=at(0))
    assert sum(bool(said(store, key)) for key in keys) == 202
    assert store.tidy(limits=limits, now=at(1)) == 200
    store.append([Turn(key, "q", "a") for key in keys], limits=limits, now=at(2))
    assert sum(bool(said(store, key)) for key in keys) == 200


def test_messages_go_with_their_thread(store: Store, other_program: sa.Engine) -> None:
    limits = Limits(threads=1, messages=6, ttl=timedelta(hours=1))
    for second, key in enumerate((A, B, C)):
        store.append([Turn(key, "q", "a")], limits=limits, now=at(second))
    with other_program.connect() as connection:
        assert connection.execute(sa.text("SELECT count(*) FROM chat_messages")).scalar() == 2


@pytest.mark.parametrize(("seconds", "is_there"), [(3_599.999999, True), (3_600, False), (3_601, False)])
def test_a_thread_is_forgotten_after_its_time(store: Store, seconds: float, is_there: bool) -> None:
    store.append([Turn(A, "q", "a")], limits=LIMITS, now=NOW)
    assert bool(said(store, A, now=at(seconds))) is is_there
    store.append([Turn(A, "q2", "a2")], limits=LIMITS, now=at(seconds))
    assert said(store, A, now=at(seconds)) == (["q", "a", "q2", "a2"] if is_there else ["q2", "a2"])


def test_tidying_takes_away_what_is_beyond_the_limits(store: Store) -> None:
    wide = Limits(threads=99, messages=6, ttl=timedelta(days=1))
    for second, key in enumerate((A, B, C, D)):
        store.append([Turn(key, "q", "a")], limits=wide, now=at(second))
    assert store.tidy(limits=wide, now=at(9)) == 4
    assert store.tidy(limits=LIMITS, now=at(9)) == 3
    assert said(store, A) == []
    assert store.tidy(limits=LIMITS, now=at(3_602)) == 1
    assert store.tidy(limits=LIMITS, now=at(9_999)) == 0


TEXTS = [
    "'; DROP TABLE chat_threads; --",
    '"quotes" and \\',
    "👩🏽‍🚀 \u202e\u2028",
    "%s {} $1 :x",
    "x" * 32_000,
    "\n\t\r",
]


@pytest.mark.parametrize("text", TEXTS)
def test_texts_come_back_as_they_are(store: Store, text: str) -> None:
    key = Key(text[:200], text[:128])
    store.append([Turn(key, text, text)], limits=LIMITS, now=NOW)
    assert said(store, key) == [text, text]


def test_two_stores_on_one_database_see_each_others_messages(store: Store, url: str) -> None:
    other = Store(url)
    store.append([Turn(A, "q1", "a1")], limits=LIMITS, now=NOW)
    other.append([Turn(A, "q2", "a2")], limits=LIMITS, now=NOW)
    assert said(store, A) == ["q1", "a1", "q2", "a2"]
    other.close()


def test_many_writers_lose_nothing(store: Store, url: str) -> None:
    limits = Limits(threads=100, messages=1_000, ttl=timedelta(hours=1))
    failed = []

    def write(own: Store) -> None:
        try:
            for number in range(20):
                own.append([Turn(key, f"q{number}", "a") for key in (A, B, C)], limits=limits, now=NOW)
        except StoreError as error:
            failed.append(error)
        finally:
            own.close()

    threads = [threading.Thread(target=write, args=(Store(url),)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert [len(said(store, key, most=1_000)) for key in (A, B, C)] == [160, 160, 160]


# -- what goes wrong


def test_without_tables_it_says_so_and_goes_on_once_they_are_there(empty_url: str) -> None:
    store = Store(empty_url)
    with pytest.raises(StoreError, match="chat_threads"):
        store.append([Turn(A, "q", "a")], limits=LIMITS, now=NOW)
    store.open()
    store.append([Turn(A, "q", "a")], limits=LIMITS, now=NOW)
    store.close()


def test_a_server_that_goes_away_and_comes_back(postgres: PostgresServer) -> None:
    store = Store(postgres.url)
    store.open()
    store.append([Turn(A, "q", "a")], limits=LIMITS, now=NOW)
    postgres.kill()
    with pytest.raises(StoreError, match="cannot be reached") as caught:
        store.append([Turn(A, "q2", "a2")], limits=LIMITS, now=NOW)
    assert postgres.password not in str(caught.value)
    assert "\n" not in str(caught.value)
    asyncio.run(postgres.restart())
    store.append([Turn(A, "q3", "a3")], limits=LIMITS, now=NOW)
    assert said(store, A)[-2:] == ["q3", "a3"]
    store.close()


def test_a_file_that_is_gone_is_made_again(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "service.db"
    store = Store(sqlite_url(path))
    store.open()
    assert (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    store.append([Turn(A, "q", "a")], limits=LIMITS, now=NOW)
    for file in path.parent.iterdir():
        file.unlink()
    with pytest.raises(StoreError, match="no such table"):
        store.append([Turn(A, "q", "a")], limits=LIMITS, now=NOW)
    store.open()
    assert said(store, A) == []
    store.close()


def test_a_file_that_is_no_database_or_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "text.db").write_text("a letter to my aunt, and no database at all" * 99)
    store = Store(sqlite_url(tmp_path / "text.db"))
    with pytest.raises(StoreError, match="no SQLite database"):
        store.open()
    store.close()
    (tmp_path / "file").touch()
    store = Store(sqlite_url(tmp_path / "file" / "service.db"))
    with pytest.raises(StoreError, match="cannot be made"):
        store.open()
    store.close()


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("no url", "cannot be read"),
        ("mysql://u:p@h/d", "no database for the agent service"),
        ("sqlite://", "needs a file"),
        ("sqlite:///:memory:", "needs a file"),
    ],
)
def test_wrong_urls(url: str, words: str) -> None:
    with pytest.raises(StoreError, match=words):
        Store(url)


def test_a_closed_store_may_be_closed_again(store: Store) -> None:
    store.close()
    store.close()

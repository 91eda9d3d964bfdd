"""Profiles as a file."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime

import pytest

from registry.errors import BadRequestError
from registry.profile_bundle import MAX_BYTES, MOST, Entry, Outcome, read_bundle, write_bundle
from registry.session_records import ProfileRow
from wire import DEFAULT_PROFILE, Profile

ADA = DEFAULT_PROFILE
HOSTILE = "<b>\"'; DROP TABLE x; -- \u202e 👩🏽‍🚀 {{7*7}} %s"


def entry(agent_id: object, **profile: object) -> dict[str, object]:
    return {"agentId": agent_id, "profile": {"prompt": "x"} | profile}


def read(data: object, stored: dict[str, Profile] | None = None) -> list[Entry]:
    return read_bundle(json.dumps(data).encode(), stored or {})


def outcomes(entries: list[Entry]) -> list[tuple[str, str]]:
    return [(one.agent_id, one.outcome.value) for one in entries]


def test_what_is_written_is_read() -> None:
    hostile = Profile(name=HOSTILE, prompt=f"{HOSTILE}\n\t{HOSTILE}", examples=((HOSTILE, HOSTILE),))
    rows = [
        ProfileRow(agent_id=agent_id, profile=profile, updated_at=datetime.now(UTC), updated_by="Ann")
        for agent_id, profile in (("ada", ADA), ("h", hostile))
    ]
    entries = read_bundle(write_bundle(rows), {})
    assert [(one.agent_id, one.profile, one.outcome) for one in entries] == [
        ("ada", ADA, Outcome.NEW),
        ("h", hostile, Outcome.NEW),
    ]
    assert outcomes(read_bundle(write_bundle(rows), {"ada": ADA, "h": ADA})) == [
        ("ada", "same"),
        ("h", "replaces"),
    ]


@pytest.mark.parametrize(
    ("n", "prompt", "says"),
    [
        (
            MOST + 1,
            "x",
            "there are 1,001 profiles, and at most 1,000 are taken in one file; export them by group",
        ),
        (300, "x" * 32_000, "bytes, and at most 8,388,608 are taken; export profiles by group"),
    ],
)
def test_what_could_not_be_read_is_not_written(n: int, prompt: str, says: str) -> None:
    rows = [
        ProfileRow(
            agent_id=f"a{number}", profile=Profile(prompt=prompt), updated_at=datetime.now(UTC), updated_by=""
        )
        for number in range(n)
    ]
    with pytest.raises(BadRequestError, match=re.escape(says)):
        write_bundle(rows)


def test_lists_entries_and_profiles_alone_are_read_too() -> None:
    assert outcomes(read([entry("a"), entry("b")])) == [("a", "new"), ("b", "new")]
    assert outcomes(read(entry("a"))) == [("a", "new")]
    assert outcomes(read({"prompt": "x", "name": "Zoë Desk"})) == [("zoe-desk", "new")]
    assert outcomes(read({"profiles": [entry("a")]})) == [("a", "new")]
    assert outcomes(read_bundle(b"\xef\xbb\xbf" + json.dumps(entry("a")).encode(), {})) == [("a", "new")]


def test_a_profile_alone_never_takes_the_place_of_another_one() -> None:
    alone = {"prompt": "mine", "name": "Ada"}
    data = json.dumps([alone, entry("ada-3"), alone | {"prompt": "mine too"}]).encode()
    assert outcomes(read_bundle(data, {"ada": ADA, "ada-2": ADA})) == [
        ("ada-4", "new"),
        ("ada-3", "new"),
        ("ada-5", "new"),
    ]
    same = Profile(name="Ada", prompt="mine")
    assert outcomes(read_bundle(json.dumps(alone).encode(), {"ada": same})) == [("ada", "same")]


@pytest.mark.parametrize(
    ("item", "words"),
    [
        (entry("a/b"), "'a/b' must be"),
        (entry(""), "'' must be"),
        (entry(7), "7 is not a string"),
        ({"profile": {"prompt": "x"}}, "'' must be"),
        ({"agentId": "a"}, "its profile is no object"),
        ("x", "its profile is no object"),
        (None, "its profile is no object"),
        (entry("a", prompt="x" * 100_000), "it is 100,000 characters long; at most 32,000 are taken"),
        (entry("a", prompt="a\0b"), "prompt: it holds a control character"),
        (entry("a", stt="deepgram/a\0"), "stt"),
        (entry("a", promt="x"), "promt: there is no such key"),
        (entry("a", turns={"loud": True}), "turns.loud: there is no such key; a profile's turns has interruptions"),
        (entry("a", language="xx-nope"), "'xx-nope' is no language"),
        (entry("a", tts="openai", voice="zzz"), "voice: openai has no voice 'zzz'"),
        (entry("a", llm="nobody"), "llm: 'nobody' is no provider"),
        (entry("a", llm="openai/x", model="y"), "llm names the model 'x'"),
        (entry("a", temperature=10**400), ""),
    ],
)  # fmt: skip
def test_a_broken_entry_says_why_and_leaves_the_others(item: object, words: str) -> None:
    broken, good = read([item, entry("good")])
    assert (broken.number, broken.outcome, broken.profile) == (1, Outcome.BROKEN, None)
    assert words in broken.error
    assert "\n" not in broken.error
    assert len(broken.error) < 400
    assert good.outcome is Outcome.NEW


def test_nobody_knows_which_of_two_is_meant() -> None:
    entries = read([entry("a"), entry("b"), entry("a", name="Other"), entry("A")])
    assert [one.outcome.value for one in entries] == ["broken", "new", "broken", "new"]
    assert "'a' is also that of entry 3" in entries[0].error


def test_what_may_be_wrong_is_told_and_kept() -> None:
    (one,) = read(entry("a", stt="local", language="de"))
    assert one.outcome is Outcome.NEW
    assert "local hears English only" in one.warnings[0]


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "the file is empty"),
        (b" \n", "the file is empty"),
        (b"{\n  x", "line 2, column 3"),
        (b'{"prompt": "\xff"}', "byte 13 is 0xff"),
        ("{}".encode("utf-16"), "no UTF-8"),
        (b"[" * 200_000, "nested too deeply"),
        (b'{"a":' * 200_000, "nested too deeply"),
        (b"NaN", "no JSON that can be used"),
        (b"[]", "the list is empty"),
        (b'{"profiles": {}}', "holds no profiles"),
        (b"7", "holds no profiles"),
        (b"9" * 5_000, "no JSON that can be used"),
        (b'{"version": 2, "profiles": []}', "version: '2' is not known here"),
        (b"[" + b"0," * MOST + b"0]", "there are 1,001; at most 1,000"),
        (b" " * MAX_BYTES + b"x1", "at most 8,388,608 are taken"),
    ],
    ids=range(15),
)
def test_a_file_that_is_none_says_where(data: bytes, words: str) -> None:
    with pytest.raises(BadRequestError) as caught:
        read_bundle(data, {})
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_half_a_character_is_no_text() -> None:
    with pytest.raises(BadRequestError):
        read_bundle(b'{"agentId": "a", "profile": {"prompt": "\\ud800"}}', {})

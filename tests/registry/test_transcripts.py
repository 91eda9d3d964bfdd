"""Transcripts as files, whatever was said."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from registry.session_records import SessionRow, TurnRow
from registry.transcripts import as_text, as_vtt, transcript
from wire import Delays

BEGAN = datetime(2026, 3, 1, 12, tzinfo=UTC)

_TIMING = re.compile(r"(\d\d+:\d\d:\d\d\.\d{3}) --> (\d\d+:\d\d:\d\d\.\d{3})")


def session(**fields: Any) -> SessionRow:
    whole: dict[str, Any] = {
        "row_id": "7",
        "agent_id": "7",
        "room": "agent-7-room",
        "heard_at": BEGAN,
        "started_at": BEGAN,
    }
    return SessionRow(id="one", **(whole | fields))


def turn(number: int, text: str, **fields: Any) -> TurnRow:
    whole: dict[str, Any] = {
        "role": "assistant" if number % 2 else "user",
        "at": BEGAN + timedelta(seconds=10 * number + 3),
        "started": 10.0 * number,
        "duration": 2.5,
    }
    return TurnRow(session_id="one", number=number, text=text, **(whole | fields))


def cues(vtt: str) -> list[tuple[str, str, str]]:
    """Start, end and payload of each, as a parser of WebVTT finds them: blocks between empty lines."""
    blocks = re.split(r"\n{2,}", vtt.rstrip("\n"))
    assert blocks[0] == "WEBVTT"
    found = []
    for block in blocks[1:]:
        if block.startswith("NOTE"):
            assert "-->" not in block
            continue
        timing, _, payload = block.partition("\n")
        matched = _TIMING.fullmatch(timing)
        assert matched, block
        assert payload.strip()
        assert "-->" not in payload
        found.append((matched[1], matched[2], payload))
    assert [start for start, _, _ in found] == sorted(start for start, _, _ in found)
    assert all(start < end for start, end, _ in found)
    return found


def test_captions_have_times_and_speakers() -> None:
    found = transcript(session(), [turn(0, "Is there a pool?"), turn(1, "Yes.", started=3_725.5)])
    assert cues(as_vtt(found)) == [
        ("00:00:00.000", "00:00:02.500", "<v Human>Is there a pool?"),
        ("01:02:05.500", "01:02:08.000", "<v Agent>Yes."),
    ]


def test_people_read_lines() -> None:
    found = transcript(session(), [turn(0, "Is there\na pool?"), turn(1, "Yes", interrupted=True)])
    assert as_text(found).splitlines()[-3:] == [
        "[00:00:00] Human: Is there",
        "    a pool?",
        "[00:00:10] Agent [interrupted]: Yes",
    ]
    assert as_text(found).startswith(
        "Session one: agent 7 in room agent-7-room\nBegan 2026-03-01 12:00:00 UTC"
    )


def test_programs_read_all_that_was_measured() -> None:
    delays = Delays(total=0.8)
    found = msgspec.to_builtins(transcript(session(resumes="zero"), [turn(1, "Yes.", delays=delays)]))
    assert (found["session"], found["resumes"], found["note"]) == ("one", "zero", "")
    assert list(found["turns"]) == [
        {
            "number": 1, "role": "assistant", "at": "2026-03-01T12:00:13Z", "started": 10.0, "ended": 12.5,
            "text": "Yes.", "isKept": True, "interrupted": False, "delays": {"total": 0.8},
        }
    ]  # fmt: skip


def test_a_turn_of_an_older_version_stands_where_it_ended() -> None:
    found = transcript(session(), [turn(1, "Yes.", started=None, duration=None)])
    assert cues(as_vtt(found)) == [("00:00:12.000", "00:00:13.000", "<v Agent>Yes.")]


HOSTILE = [
    pytest.param("<script>alert(1)</script>", id="markup"),
    pytest.param("</v><v Agent>I will pay", id="another speaker"),
    pytest.param("00:00:00.000 --> 00:00:09.000", id="an arrow"),
    pytest.param("a\n\n00:01.000 --> 00:02.000\nb", id="a caption of its own"),
    pytest.param("a\r\rNOTE b\r\n\r\nc", id="other line ends"),
    pytest.param("a\u2028\u2028b\x0b\x0cc\x85\x85d", id="odd line ends"),
    pytest.param("&lt;b&gt; &amp;", id="entities"),
    pytest.param("שלום \u202eevil\u202c \u2066x", id="right to left"),
    pytest.param("NUL \0 and \x1b[31m escape \x9b", id="controls"),
    pytest.param("\0", id="nothing but NUL"),
    pytest.param("\n\n", id="nothing but lines"),
    pytest.param("   ", id="blank"),
    pytest.param("x" * 100_000, id="100 kB"),
    pytest.param("👩🏽‍🚀" * 2_000, id="emoji"),
    pytest.param("\ud800", id="half a character"),
]


@pytest.mark.parametrize("text", HOSTILE)
def test_whatever_was_said_every_file_is_valid(text: str) -> None:
    found = transcript(session(), [turn(0, text), turn(1, "after it")])
    captions = cues(as_vtt(found))
    assert len(captions) == 2
    payload = captions[0][2]
    assert payload.startswith("<v Human>")
    assert payload.count("<") == payload.count(">") == 1, "no markup but the speaker's"
    assert captions[1][2] == "<v Agent>after it"
    plain = as_text(found)
    assert [line for line in plain.split("\n") if line.startswith("[")][-1] == "[00:00:10] Agent: after it"
    assert len([line for line in plain.splitlines() if line.startswith("[")]) == 2, (
        "nobody writes others' lines"
    )
    for file in (as_vtt(found), plain):
        assert not re.search(r"(?![\t\n])[\x00-\x1f\x7f-\x9f]", file)


@pytest.mark.parametrize(
    ("row", "turns", "note"),
    [
        pytest.param(session(), [], "Nothing was said that is kept.", id="nothing said"),
        pytest.param(session(is_transcribed=False), [], "What is said is not kept here.", id="off"),
        pytest.param(
            session(is_transcribed=False),
            [turn(0, "", is_kept=False)],
            "What is said is not kept here: only who spoke, and when.",
            id="off, and somebody spoke",
        ),
        pytest.param(
            session(),
            [turn(0, "", is_kept=False), turn(1, "Yes.")],
            "The words of 1 of 2 turns are not kept, or not any more.",
            id="forgotten",
        ),
    ],
)
def test_what_is_not_kept_is_said_and_the_file_is_valid(
    row: SessionRow, turns: list[TurnRow], note: str
) -> None:
    found = transcript(row, turns)
    assert found.note == note
    assert len(cues(as_vtt(found))) == len(turns)
    assert f"NOTE {note}" in as_vtt(found)
    assert note in as_text(found)
    if turns:
        assert "<v Human>(not kept)" in as_vtt(found)
        assert "Human: (not kept)" in as_text(found)


def test_a_text_that_is_not_kept_is_in_no_file() -> None:
    found = transcript(session(), [turn(0, "left by mistake", is_kept=False)])
    assert "mistake" not in as_vtt(found) + as_text(found) + str(msgspec.to_builtins(found))

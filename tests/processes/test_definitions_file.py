"""Reading the file of agents again and again."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from processes import Reading, read_definitions

GOOD = '[agents.bob]\ncommand = "bob"\n'


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "agents.toml"


def write(file: Path, text: str | bytes) -> None:
    """Write it, with another date than before on any clock."""
    later = file.stat().st_mtime_ns + 1_000_000_000 if file.exists() else None
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    if later is not None:
        os.utime(file, ns=(later, later))


def read(file: Path, last: Reading | None = None, *, must_exist: bool = False) -> Reading:
    return read_definitions(file, last or Reading(), must_exist=must_exist)


def test_a_file_that_has_not_changed_is_not_read_again(file: Path) -> None:
    write(file, GOOD)
    first = read(file)
    assert list(first.definitions) == ["bob"]
    assert first.trouble is None
    assert read(file, first) is first


def test_a_change_is_seen(file: Path) -> None:
    write(file, GOOD)
    first = read(file)
    write(file, GOOD.replace("bob", "eve"))
    assert list(read(file, first).definitions) == ["eve"]


BROKEN = [
    ("no TOML", b"[agents", "not TOML"),
    ("no UTF-8", b"\xff\xfe", "UTF-8"),
    ("a mistake", b"[agents.bob]\n", "command is missing"),
    ("too large", b"#" * 1_000_001, "1,000,000"),
]


@pytest.mark.parametrize(("text", "words"), [row[1:] for row in BROKEN], ids=[row[0] for row in BROKEN])
def test_a_broken_file_keeps_what_it_said_before_and_says_so(file: Path, text: bytes, words: str) -> None:
    write(file, GOOD)
    good = read(file)
    write(file, text)
    broken = read(file, good)
    assert broken.definitions == good.definitions
    assert broken.trouble is not None
    assert words in broken.trouble
    assert "before counts" in broken.trouble
    assert read(file, broken) is broken
    write(file, GOOD)
    assert read(file, broken).trouble is None


def test_a_file_that_was_always_broken_defines_nothing(file: Path) -> None:
    write(file, b"[agents")
    assert read(file).definitions == {}
    assert "before" not in (read(file).trouble or "")


def test_a_file_that_nobody_named_may_be_missing(file: Path) -> None:
    assert read(file) == Reading()


def test_a_file_that_somebody_named_may_not(file: Path) -> None:
    trouble = read(file, must_exist=True).trouble
    assert trouble is not None
    assert "REGISTRY_AGENTS_FILE" in trouble
    assert str(file) in trouble


def test_a_file_that_goes_away_keeps_what_it_said(file: Path) -> None:
    write(file, GOOD)
    good = read(file)
    file.unlink()
    gone = read(file, good)
    assert gone.definitions == good.definitions
    assert "is gone" in (gone.trouble or "")
    assert read(file, gone) is gone


def test_a_folder_is_no_file(file: Path) -> None:
    file.mkdir()
    assert "no regular file" in (read(file).trouble or "")


def test_a_mark_at_the_beginning_of_the_file_does_not_matter(file: Path) -> None:
    write(file, b"\xef\xbb\xbf" + GOOD.encode())
    assert list(read(file).definitions) == ["bob"]

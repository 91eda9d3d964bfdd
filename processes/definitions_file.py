"""Reads the file of agents again when it has changed. A broken one changes nothing but says so."""

from __future__ import annotations

import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from processes.definitions import Definition, parse_definitions
from processes.errors import DefinitionsError

_MOST_BYTES = 1_000_000

_Stamp = tuple[int, int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What the file says, as far as it could be read."""

    definitions: Mapping[str, Definition] = field(default_factory=dict)
    """Of the last time at which the file was good."""

    trouble: str | None = None
    """What is wrong with the file now, in one sentence; None = nothing, or there is none and none is needed."""

    stamp: _Stamp | None = None
    """Of the file that was read: a change of it asks for another reading."""


def read_definitions(file: Path, last: Reading, *, must_exist: bool) -> Reading:
    """The file as it is now; `last` itself when it has not changed. Blocks.

    Args:
        file: Absolute.
        last: What was read before; ``Reading()`` the first time.
        must_exist: Somebody has named this file, so that it is a mistake if it is not there.
    """
    try:
        seen = file.stat()
        stamp = (seen.st_mtime_ns, seen.st_size, seen.st_ino)
        if stamp == last.stamp:
            return last
        return Reading(definitions=parse_definitions(_text(file, seen.st_mode), file=file), stamp=stamp)
    except FileNotFoundError:
        return _missing(file, last, must_exist=must_exist)
    except DefinitionsError as error:
        return _kept(last, str(error), stamp)
    except OSError as error:
        return _kept(
            last, f"{file} cannot be read: {error.strerror or error}; let the registry read it", None
        )


def _text(file: Path, mode: int) -> str:
    if not stat.S_ISREG(mode):
        raise DefinitionsError([f"{file} is no regular file; name a file with tables [agents.<id>]"])
    with file.open("rb") as opened:
        data = opened.read(_MOST_BYTES + 1)
    if len(data) > _MOST_BYTES:
        raise DefinitionsError([f"{file} is over {_MOST_BYTES:,} bytes long; is it the right file?"])
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DefinitionsError([f"{file} is not UTF-8 ({error.reason}); save it as UTF-8"]) from error


def _missing(file: Path, last: Reading, *, must_exist: bool) -> Reading:
    if last.definitions:
        return _kept(last, f"{file} is gone; put it back, or empty it to have no processes", None)
    trouble = f"{file} is not there; make it, or mend REGISTRY_AGENTS_FILE" if must_exist else None
    return _kept(last, trouble, None)


def _kept(last: Reading, trouble: str | None, stamp: _Stamp | None) -> Reading:
    if trouble is not None and last.definitions and "is gone" not in trouble:
        trouble += "; what it said before counts"
    reading = Reading(definitions=last.definitions, trouble=trouble, stamp=stamp)
    return last if reading == last else reading

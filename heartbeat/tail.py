"""The last lines of this process's log, for whoever asks the registry for them."""

from __future__ import annotations

import logging
from collections import deque
from datetime import UTC, datetime

from heartbeat.masking import Mask
from heartbeat.texts import error_text, one_line
from wire import MAX_LOG_LINES

LONGEST_LINE = 1_000
"""Characters of a line: 200 lines of the widest ones fit into a frame."""

_LONGEST_RAW = 2 * LONGEST_LINE  # before it is masked: what is cut off in the middle of a secret is not shown

_N_FRAMES = 3

_SHOWN_EXTRAS = ("action", "error", "reason")
"""The only values beside a message that are sent: others may be about people."""


class Tail(logging.Handler):
    """Keeps the last 200 lines from INFO up. They stay here unless somebody asks for them.

    A record is put into words at once, as what it points to may change, and masked when it is sent.

    Args:
        mask: Takes secrets out of a line.
    """

    def __init__(self, mask: Mask) -> None:
        super().__init__(logging.INFO)
        self._mask = mask
        self._lines: deque[str] = deque(maxlen=MAX_LOG_LINES)
        self._n_lines = 0

    def attach(self) -> None:
        """Listen at the root logger, once the program has set up its logging. May be called again and again.

        Never as the first: ``logging.basicConfig`` does nothing when there is a handler, and warnings of a
        program without logging are written to stderr only as long as there is none.
        """
        root = logging.getLogger()
        if root.handlers and self not in root.handlers:
            root.addHandler(self)

    def detach(self) -> None:
        """Listen no more. May be called twice."""
        logging.getLogger().removeHandler(self)

    @property
    def is_attached(self) -> bool:
        return self in logging.getLogger().handlers

    def emit(self, record: logging.LogRecord) -> None:
        try:
            line = _words(record)
        except Exception:  # noqa: BLE001  # a message that does not fit its arguments, a stranger's __str__
            self.handleError(record)
            return
        self._lines.append(line)
        self._n_lines += 1

    def last(self) -> tuple[tuple[str, ...], int]:
        """The lines that are kept, masked; and the count to ask `since` with."""
        lines, n_lines = self._copy()
        return self._masked(lines), n_lines

    def since(self, n_seen: int) -> tuple[tuple[str, ...], int]:
        """The lines after `n_seen`, masked, as far as they are kept; and the count for the next call."""
        lines, n_lines = self._copy()
        n_new = n_lines - n_seen
        if n_new <= 0:
            return (), n_lines
        if n_new > len(lines):
            missing = n_new - len(lines) + 1
            return (f"… {missing} lines are left out", *self._masked(lines[1:])), n_lines
        return self._masked(lines[-n_new:]), n_lines

    def _copy(self) -> tuple[list[str], int]:
        self.acquire()
        try:
            return list(self._lines), self._n_lines
        finally:
            self.release()

    def _masked(self, lines: list[str]) -> tuple[str, ...]:
        return tuple(one_line(self._mask(line), LONGEST_LINE) for line in lines)


def _words(record: logging.LogRecord) -> str:
    at = datetime.fromtimestamp(record.created, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3]
    parts = [f"{at}Z {record.levelname} {record.name}: {record.getMessage()}"]
    parts += [f"{key}={value}" for key in _SHOWN_EXTRAS if (value := record.__dict__.get(key)) is not None]
    error = record.exc_info[1] if record.exc_info else None
    if error is not None:
        parts.append(f"| {error_text(error)} {_where(error)}")
    return " ".join(parts)[:_LONGEST_RAW]


def _where(error: BaseException) -> str:
    """The innermost places of an exception, the last one first. Reads no source files, as `traceback` does."""
    places: deque[str] = deque(maxlen=_N_FRAMES)
    frame = error.__traceback__
    while frame is not None:
        code = frame.tb_frame.f_code
        places.appendleft(f"{code.co_filename}:{frame.tb_lineno} {code.co_name}")
        frame = frame.tb_next
    return f"(at {' < '.join(list(places)[:_N_FRAMES])})" if places else ""

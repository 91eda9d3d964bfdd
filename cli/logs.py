"""The log of a command that runs for long: a line for each event, with its values after it, to stderr."""

from __future__ import annotations

import logging

_STANDARD = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "taskName"}


class Lines(logging.Formatter):
    """``time LEVEL message  key=value …``."""

    def format(self, record: logging.LogRecord) -> str:
        values = [f"{key}={value}" for key, value in record.__dict__.items() if key not in _STANDARD]
        return f"{super().format(record)}  {' '.join(values)}" if values else super().format(record)


def set_up() -> None:
    """Log from INFO on. May be called twice."""
    handler = logging.StreamHandler()
    handler.setFormatter(Lines("%(asctime)s %(levelname)s %(message)s"))
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    logging.getLogger("httpx").setLevel(logging.WARNING)  # it would log a line for each request

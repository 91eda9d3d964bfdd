"""The service's log: a line for each event, with its values after it. Never what was said, nor a token."""

from __future__ import annotations

import logging

_STANDARD = frozenset(logging.makeLogRecord({}).__dict__) | {
    "message",
    "asctime",
    "taskName",
    "color_message",
}


class _Lines(logging.Formatter):
    """``time LEVEL logger: message key=value …``."""

    def format(self, record: logging.LogRecord) -> str:
        text = super().format(record)
        values = [f"{key}={value}" for key, value in record.__dict__.items() if key not in _STANDARD]
        if not values:
            return text
        first, *rest = text.split("\n")
        return "\n".join([f"{first}  {' '.join(values)}", *rest])


def set_up() -> None:
    """Log to stderr from INFO on. Others' lines about each step are left out."""
    handler = logging.StreamHandler()
    handler.setFormatter(_Lines("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    for name in ("uvicorn.error", "uvicorn.access", "alembic", "httpx", "httpcore"):
        logging.getLogger(name).setLevel(logging.WARNING)

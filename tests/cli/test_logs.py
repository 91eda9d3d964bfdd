"""Lines of a log."""

from __future__ import annotations

import logging

from cli.logs import Lines


def test_values_stand_after_the_message() -> None:
    record = logging.makeLogRecord({"msg": "a %s happened", "args": ("thing",), "levelname": "INFO"})
    record.action, record.agent = "it.happened", "ada"
    lines = Lines("%(levelname)s %(message)s")
    assert lines.format(record) == "INFO a thing happened  action=it.happened agent=ada"
    assert lines.format(logging.makeLogRecord({"msg": "x", "levelname": "INFO"})) == "INFO x"

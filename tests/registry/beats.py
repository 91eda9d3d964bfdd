"""Beats for tests."""

from __future__ import annotations

import itertools
from typing import Any

from wire import Beat, Said

_numbers = itertools.count(1)


def a_beat(agent_id: str = "1", *, incarnation: str = "one", **fields: Any) -> Beat:
    """A good beat, later than all that were made before."""
    fields.setdefault("sequence", next(_numbers))
    fields.setdefault("status", Said.RUNNING)
    return Beat(agent_id=agent_id, incarnation=incarnation, **fields)

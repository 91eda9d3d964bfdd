"""The phase of a room, seen from outside."""

from __future__ import annotations

import pytest

from rooms.judging import State
from rooms.phases import Phase, phase_of

WELL, LEAVING, DEAD = State.WELL, State.LEAVING, State.DEAD


@pytest.mark.parametrize(
    ("n_humans", "states", "given", "phase"),
    [
        pytest.param(0, [], {}, Phase.EMPTY, id="nobody"),
        pytest.param(0, [], {"had_human": True}, Phase.EMPTY, id="nobody any more"),
        pytest.param(0, [], {"is_joining": True}, Phase.STARTING, id="an agent on its way"),
        pytest.param(
            0, [], {"is_joining": True, "had_human": True}, Phase.EMPTY, id="on its way to nobody any more"
        ),
        pytest.param(0, [WELL], {}, Phase.STARTING, id="an agent waits for the first human"),
        pytest.param(0, [State.FOREIGN], {}, Phase.STARTING, id="another program's agent waits"),
        pytest.param(0, [State.DOUBTED], {}, Phase.STARTING, id="one in doubt waits"),
        pytest.param(0, [WELL], {"had_human": True}, Phase.GRACE_PERIOD, id="all humans left"),
        pytest.param(0, [LEAVING], {"had_human": True}, Phase.CLOSING, id="the agent leaves"),
        pytest.param(0, [LEAVING, WELL], {"had_human": True}, Phase.GRACE_PERIOD, id="one of two leaves"),
        pytest.param(0, [DEAD], {"had_human": True}, Phase.EMPTY, id="a dead agent alone"),
        pytest.param(1, [], {}, Phase.ACTIVE, id="a human alone"),
        pytest.param(1, [WELL], {}, Phase.ACTIVE, id="a human and an agent"),
        pytest.param(1, [LEAVING], {}, Phase.ACTIVE, id="a human and an agent that leaves"),
        pytest.param(1, [DEAD], {}, Phase.ACTIVE, id="a human and a dead agent"),
        pytest.param(1, [WELL], {"is_closed": True}, Phase.CLOSING, id="closed, the agent still there"),
        pytest.param(1, [], {"is_closed": True}, Phase.ACTIVE, id="closed, the agent gone"),
        pytest.param(0, [], {"is_closed": True}, Phase.EMPTY, id="closed and empty"),
    ],
)
def test_phases(n_humans: int, states: list[State], given: dict[str, bool], phase: Phase) -> None:
    facts = {"had_human": bool(n_humans), "is_joining": False, "is_closed": False} | given
    assert phase_of(n_humans=n_humans, states=states, **facts) is phase

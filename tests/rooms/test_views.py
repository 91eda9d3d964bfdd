"""What is told of rooms names what there is."""

from __future__ import annotations

import inspect
import re

from rooms import views
from rooms.decide import Act


def test_a_decisions_description_names_each_act_and_no_other() -> None:
    source = inspect.getsource(views.DecisionView)
    _, _, described = source.partition("action: str")
    words, _, _ = described.partition("why: str")
    assert re.findall(r"`(\w+)`", words) == [act.value for act in Act]

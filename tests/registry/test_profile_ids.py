"""Ids made of names."""

from __future__ import annotations

import pytest

from registry.profile_ids import free_id, slug
from wire import AgentId, parse_agent_id


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("Ada", "ada"), ("Zoë, front desk", "zoe-front-desk"), ("  --x--  ", "x"), ("李", "agent"), ("💬", "agent"),
        ("../../etc/passwd", "etc-passwd"), ("<b>&amp;", "b-amp"), ("ﬁn Ⅳ", "fin-iv"), ("7 up", "7-up"),
        ("long " * 40, "long-" * 11 + "long"),
    ],
)  # fmt: skip
def test_a_name_becomes_an_id(name: str, wanted: str) -> None:
    assert slug(name) == wanted
    assert parse_agent_id(slug(name))


@pytest.mark.parametrize(
    ("wanted", "taken", "free"),
    [
        ("ada", set(), "ada"), ("ada", {"ada"}, "ada-2"), ("ada", {"ada", "ada-2", "ada-3"}, "ada-4"),
        ("ada-2", {"ada-2"}, "ada-3"), ("ada-9", {"ada-9", "ada-10"}, "ada-11"), ("a-0", {"a-0"}, "a-2"),
        ("x" * 128, {"x" * 128}, "x" * 120 + "-2"),
    ],
)  # fmt: skip
def test_a_taken_id_gets_a_number(wanted: str, taken: set[str], free: str) -> None:
    assert free_id(AgentId(wanted), taken) == free
    assert parse_agent_id(free)

"""Whom the agent hears (complaints 2, 3, 4)."""

import pytest

from session.linking import choose_linked
from session.roster import Human, Role


def people(*names: str) -> list[Human]:
    return [
        Human(identity=name, role=Role.COACH if name.startswith("coach-") else Role.CLIENT) for name in names
    ]


@pytest.mark.parametrize(
    ("linked", "humans", "speaking", "chosen"),
    [
        pytest.param(None, [], [], None, id="nobody"),
        pytest.param("bob", [], [], None, id="all left"),
        pytest.param(None, ["bob"], [], "bob", id="the first one"),
        pytest.param("bob", ["bob", "eve"], [], "bob", id="a second one joins"),
        pytest.param("bob", ["eve"], [], "eve", id="the linked one left"),
        pytest.param("bob", ["bob", "eve"], ["eve"], "eve", id="the other one speaks"),
        pytest.param("bob", ["bob", "eve"], ["eve", "bob"], "bob", id="both speak"),
        pytest.param("bob", ["bob", "eve"], ["ai-1-x"], "bob", id="the agent speaks"),
        pytest.param("old", ["old", "new"], ["new"], "new", id="a ghost and its successor"),
        pytest.param("gone", ["old", "new"], [], "new", id="the newest of two"),
        pytest.param(None, ["bob", "coach-eve"], [], "bob", id="a client before a coach"),
        pytest.param(None, ["coach-eve"], [], "coach-eve", id="a coach alone"),
    ],
)
def test_choose_linked(
    linked: str | None, humans: list[str], speaking: list[str], chosen: str | None
) -> None:
    assert choose_linked(linked, people(*humans), speaking=speaking) == chosen


@pytest.mark.parametrize(
    ("linked", "humans", "lost", "chosen"),
    [
        pytest.param("old", ["old", "new"], ["old"], "new", id="a ghost is let go"),
        pytest.param("old", ["old"], ["old"], "old", id="a ghost alone"),
        pytest.param("old", ["old", "new"], ["new"], "old", id="another one is lost"),
        pytest.param("old", ["old", "new"], ["old", "new"], "old", id="everyone is lost"),
        pytest.param(None, ["bob", "eve"], ["eve"], "bob", id="the newest is lost"),
    ],
)
def test_whoever_is_lost_comes_last(
    linked: str | None, humans: list[str], lost: list[str], chosen: str
) -> None:
    assert choose_linked(linked, people(*humans), lost=lost) == chosen

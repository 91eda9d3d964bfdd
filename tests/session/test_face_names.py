"""The faces that the registry lets into profiles are those that calls know."""

from __future__ import annotations

from config.provider_list import FACES
from session.avatar_list import AVATARS


def test_who_may_be_named_can_be_asked() -> None:
    assert set(FACES) == AVATARS.keys()

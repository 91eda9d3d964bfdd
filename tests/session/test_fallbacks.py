"""What a call does otherwise than its profile says, while it is so."""

import logging

import pytest

from session.fallbacks import Fallbacks


def test_it_is_told_once_and_taken_back_once(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    fallbacks, told = Fallbacks(), []
    fallbacks.on_change = lambda: told.append(fallbacks.texts)
    for _ in range(2):
        fallbacks.add("tts", "b")
        fallbacks.add("stt", "a")
    for _ in range(2):
        fallbacks.remove("tts", "b")
    fallbacks.add("tts", "b")
    assert told == [("b",), ("b", "a"), ("a",), ("a", "b")]
    assert [(line.levelname, line.__dict__["action"], line.__dict__["part"]) for line in caplog.records] == [
        ("WARNING", "provider.fallback", "tts"),
        ("WARNING", "provider.fallback", "stt"),
        ("INFO", "provider.back", "tts"),
        ("WARNING", "provider.fallback", "tts"),
    ]

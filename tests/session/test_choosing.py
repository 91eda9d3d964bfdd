"""What a profile chooses, checked on this host and made of a plugin."""

from __future__ import annotations

import sys
from typing import Any

import aiohttp
import pytest

from config import Settings
from config.provider_list import PROVIDERS, Part, Provider, Way
from session.choosing import as_spelled, choice_of, plugin, preload
from session.fallbacks import Fallbacks, UnfitError


@pytest.mark.parametrize(
    ("tag", "form", "spelled"),
    [
        ("es", "tag", "es"),
        ("es", "locale", "es-ES"),
        ("es-MX", "locale", "es-MX"),
        ("pt", "locale", "pt-BR"),
        ("zh-Hans", "locale", "zh-CN"),
        ("es-MX", "language", "es"),
        ("de", "language", "de"),
    ],
)
def test_a_language_is_spelled_as_the_provider_wants_it(tag: str, form: Any, spelled: str) -> None:
    assert as_spelled(tag, Way(language_form=form)) == spelled


@pytest.mark.parametrize(
    ("part", "chosen", "kind", "options"),
    [
        ("stt", "cartesia/ink-2", "STT", {"model": "ink-2"}),
        ("tts", "cartesia", "TTS", {"model": "sonic-3"}),
        ("stt", "elevenlabs", "STT", {"model": "scribe_v2_realtime"}),
        ("tts", "elevenlabs/eleven_v3", "TTS", {"model": "eleven_v3"}),
    ],
)
async def test_the_plugins_take_what_the_table_gives_them(
    part: Part, chosen: str, kind: str, options: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those that come with the extra `voices`."""
    pytest.importorskip("livekit.plugins.cartesia")
    monkeypatch.setenv("CARTESIA_API_KEY", "k")
    monkeypatch.setenv("ELEVEN_API_KEY", "k")
    async with aiohttp.ClientSession() as http:
        choice = choice_of(part, chosen, Settings())
        made = plugin(choice, voice="bob" if part == "tts" else None, language="es-MX", http=http)
    assert type(made).__name__ == kind
    assert {name: getattr(made, name) for name in options} == options


@pytest.mark.parametrize(
    "way",
    [
        Way(module="tests.session.acme_plugin", kind="Nothing"),
        Way(module="tests.session.nowhere", kind="LLM"),
        Way(module="tests.session.acme_plugin", kind="LLM", model="refused"),
    ],
    ids=["no such class", "no such module", "it refuses"],
)
def test_whatever_a_plugin_raises_is_one_error_without_its_words(
    way: Way, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(PROVIDERS, "acme", Provider(title="Acme", ways={"llm": way}))
    monkeypatch.setattr("config.provider_table.is_installed", lambda _: True)
    with pytest.raises(UnfitError, match="llm: acme cannot be used") as raised:
        plugin(choice_of("llm", "acme", Settings()))
    assert "sesame" not in str(raised.value)


def test_only_plugins_with_keys_are_imported_before_a_call(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """And a broken one keeps no call away."""
    (tmp_path / "broken_one.py").write_text("raise KeyError('sesame')")
    (tmp_path / "with_key.py").write_text("")
    (tmp_path / "without_key.py").write_text("raise SystemExit('imported')")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("SESAME", "k")
    for name, key in (
        ("broken_one", "SESAME"),
        ("with_key", "SESAME"),
        ("without_key", "NO_SUCH_KEY"),
        ("nowhere_at_all", "SESAME"),
    ):
        way = Way(module=name, kind="LLM", keys=((key,),))
        monkeypatch.setitem(PROVIDERS, name, Provider(title=name, ways={"llm": way}))

    preload(Settings())
    assert sys.modules.pop("with_key")
    assert "without_key" not in sys.modules
    assert [record.__dict__["plugin"] for record in caplog.records] == ["broken_one"]


def test_a_fallback_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    fallbacks = Fallbacks()
    changes = []
    fallbacks.on_change = lambda: changes.append(fallbacks.texts)
    for text in ("stt: a", "tts: b", "stt: a"):
        fallbacks.add("stt", text)
    assert fallbacks.texts == ("stt: a", "tts: b")
    assert changes == [("stt: a",), ("stt: a", "tts: b")]
    assert [record.__dict__["action"] for record in caplog.records] == ["provider.fallback"] * 2

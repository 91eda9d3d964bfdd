"""What profiles may choose, and what is said about what they may not."""

from __future__ import annotations

from pathlib import Path

import pytest

from config.provider_list import NANO_VOICES, PARTS, PROVIDERS, Part, Provider, Way
from config.provider_table import (
    offers,
    provider_trouble,
    split_choice,
    troubles,
    voice_trouble,
)


@pytest.fixture(autouse=True)
def _acme(monkeypatch: pytest.MonkeyPatch) -> None:
    """A provider whose plugin is nowhere, whatever this machine has."""
    way = Way(module="livekit.plugins.acme", kind="TTS")
    monkeypatch.setitem(
        PROVIDERS, "acme", Provider(title="Acme", package="livekit-plugins-acme", ways={"tts": way})
    )


@pytest.mark.parametrize(
    ("chosen", "message"),
    [
        pytest.param({}, None, id="nothing"),
        pytest.param({"stt": "deepgram", "llm": "openai", "tts": "local"}, None, id="what is always there"),
        pytest.param({"stt": "deepgram/nova-3", "llm": "OpenAI/gpt-4.1"}, None, id="with models"),
        pytest.param(
            {"stt": "hal"}, "stt: 'hal' is no provider; there are local, deepgram, openai", id="unknown"
        ),
        pytest.param({"llm": "deepgram"}, "llm: 'deepgram' does not think; local, openai", id="another part"),
        pytest.param({"stt": "anthropic"}, "stt: 'anthropic' does not hear; ", id="cannot hear"),
        pytest.param(
            {"tts": "acme/model"},
            "tts: 'acme' is not installed on this host; install livekit-plugins-acme here and where the workers "
            "run, or choose local, deepgram",
            id="not installed",
        ),
        pytest.param({"tts": "openai", "voice": "nova"}, None, id="a voice"),
        pytest.param({"tts": "openai", "voice": "voice_0123456789abcdef"}, None, id="a voice of one's own"),
        pytest.param(
            {"tts": "openai/tts-1", "voice": "Bob"},
            "voice: openai has no voice 'Bob'; it has alloy, ash",
            id="no such voice",
        ),
        pytest.param({"tts": "local", "voice": "de_de"}, None, id="spelled otherwise"),
        pytest.param(
            {"tts": "local", "voice": "nova"}, "voice: local has no voice 'nova'", id="another one's voice"
        ),
        pytest.param({"tts": "local/nova"}, "tts: local has no voice 'nova'", id="a voice as a model"),
        pytest.param({"voice": "anything"}, None, id="the host decides"),
        pytest.param({"tts": "deepgram", "voice": "aura-9-new-en"}, None, id="it knows best"),
        pytest.param({"stt": "local", "language": "en-GB"}, None, id="English"),
    ],
)
def test_choices(chosen: dict[str, str], message: str | None) -> None:
    found = troubles(**chosen)
    assert [one.message[: len(message or "")] for one in found] == ([] if message is None else [message])
    assert all(one.is_fatal and one.message.startswith(f"{one.part}: ") for one in found)
    assert all("\n" not in one.message for one in found)


def test_a_language_that_is_not_heard_is_said_and_no_reason_to_refuse() -> None:
    (found,) = troubles(stt="local", language="es")
    assert (found.part, found.is_fatal) == ("language", False)
    assert found.message == "language: local hears English only, not 'es'; choose another stt for it"


def test_all_troubles_are_found_at_once() -> None:
    found = troubles(stt="hal", llm="hal", tts="hal", voice="x", language="es")
    assert [one.part for one in found] == ["stt", "llm", "tts"]


def test_a_long_name_is_shortened() -> None:
    found = provider_trouble("tts", "x" * 200)
    assert found is not None
    assert len(found.message) < 250


def test_a_voice_as_long_as_a_book_is_shortened() -> None:
    found = voice_trouble("openai", "x" * 10_000)
    assert found is not None
    assert len(found.message) < 250


@pytest.mark.parametrize("part", PARTS)
def test_offers_say_what_is_there(part: Part) -> None:
    found = {offer.name: offer for offer in offers(part)}
    assert found["local"].is_installed
    assert found["local"].package is None
    if part == "tts":
        assert not found["acme"].is_installed
        assert found["acme"].package == "livekit-plugins-acme"
        assert found["local"].voices[0] == NANO_VOICES[0]
    else:
        assert "acme" not in found


def test_every_provider_of_a_plugin_says_how_it_is_made_and_what_it_needs() -> None:
    for name, provider in PROVIDERS.items():
        assert provider.ways, name
        for way in provider.ways.values():
            if way.module is not None and name != "acme":
                assert way.kind, name
                assert way.keys, name


def test_the_documentation_knows_every_provider_and_its_keys() -> None:
    text = (Path(__file__).parents[2] / "docs" / "providers.md").read_text(encoding="utf-8")
    rows = {line.split("|")[1].strip(" `"): line for line in text.splitlines() if line.startswith("| `")}
    for name, provider in PROVIDERS.items():
        if name == "acme":
            continue
        keys = {key for way in provider.ways.values() for group in way.keys for key in group}
        assert [key for key in keys if f"`{key}`" not in rows[name] and key != "AZURE_SPEECH_HOST"] == []
        cells = [cell.strip() for cell in rows[name].split("|")[2:5]]
        assert [bool(cell) for cell in cells] == [part in provider.ways for part in PARTS], name


@pytest.mark.parametrize(
    ("choice", "split"),
    [("openai", ("openai", None)), ("OpenAI/gpt-4.1", ("openai", "gpt-4.1")), ("a/b/c", ("a", "b/c"))],
)
def test_split(choice: str, split: tuple[str, str | None]) -> None:
    assert split_choice(choice) == split

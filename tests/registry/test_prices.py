"""Estimates of what a session cost."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest

from registry.prices import LIST_PRICES, Prices, read_prices


def dollars(*usage: dict[str, Any], prices: Prices | None = None) -> list[float | None]:
    return [cost.dollars for cost in (prices or Prices()).estimate(usage).models]


def llm(model: str = "gpt-4.1-mini", provider: str = "api.openai.com", **used: Any) -> dict[str, Any]:
    whole = {"input_tokens": 1_000_000, "output_tokens": 500_000}
    return {"type": "llm_usage", "provider": provider, "model": model, **(whole | used)}


@pytest.mark.parametrize(
    ("used", "expected"),
    [
        pytest.param(llm(), 0.4 + 0.8, id="tokens"),
        pytest.param(llm(input_cached_tokens=400_000), 0.6 * 0.4 + 0.4 * 0.1 + 0.8, id="cached tokens"),
        pytest.param(llm(input_cached_tokens=9e9), 0.1 + 0.8, id="more cached than read"),
        pytest.param(llm("openai/gpt-4.1-mini-2025-04-14"), 1.2, id="with vendor and version"),
        pytest.param(llm("gpt-4.1"), 2.0 + 4.0, id="not the smaller one"),
        pytest.param(llm("gpt-4o-realtime"), None, id="another one of the family"),
        pytest.param(llm("claude-opus-4-9"), None, id="a later one"),
        pytest.param(llm("claude-opus-4-20250514"), 15.0 + 37.5, id="dated"),
        pytest.param(llm("gemini-2.5-flash-latest"), 0.3 + 1.25, id="the latest"),
        pytest.param({"model": "nova-3-general", "audio_duration": 120}, 0.0154, id="minutes heard"),
        pytest.param({"model": "aura-2-thalia-en", "characters_count": 2_000}, 0.06, id="characters spoken"),
        pytest.param(llm("gpt-unheard-of"), None, id="nobody knows"),
        pytest.param(llm(""), None, id="no name"),
        pytest.param(llm("gpt-4.1", "localhost"), 0.0, id="this machine"),
        pytest.param(llm("x", "127.0.0.1:8090"), 0.0, id="this machine by number"),
        pytest.param(llm("x", "[::1]:80"), 0.0, id="this machine by IPv6"),
        pytest.param(llm("x", "http://192.168.1.9:11434/v1"), 0.0, id="this network"),
        pytest.param(llm("x", "gpu.internal"), 0.0, id="this network by name"),
        pytest.param(
            {"model": "nova-3", "audio_duration": 60, "is_local": True}, 0.0, id="said to be one's own"
        ),
    ],
)
def test_what_is_used_has_a_price(used: dict[str, Any], expected: float | None) -> None:
    assert dollars(used) == [pytest.approx(expected) if expected is not None else None]


def test_what_is_charged_by_nothing_is_left_out() -> None:
    assert (
        dollars(
            {"type": "eot_usage", "model": "v1-mini", "total_requests": 44},
            {},
            llm(input_tokens=0, output_tokens=0),
        )
        == []
    )


def test_models_of_this_machine_are_not_called_by_their_protocols_names() -> None:
    heard = {"provider": "Deepgram", "model": "nova-3", "audio_duration": 60, "is_local": True}
    said = {
        "provider": "Deepgram",
        "model": "aura-2-andromeda-en",
        "characters_count": 9,
        "audio_duration": 1.2,
        "is_local": True,
    }
    costs = Prices().estimate([heard, said]).models
    assert [(cost.provider, cost.model) for cost in costs] == [
        ("this machine", "speech to text"),
        ("this machine", "text to speech"),
    ]


def test_the_sum_says_whether_it_is_whole() -> None:
    whole = Prices().estimate([llm(), llm("x", "localhost")])
    assert (whole.dollars, whole.is_whole) == (1.2, True)
    part = Prices().estimate([llm(), llm("x")])
    assert (part.dollars, part.is_whole) == (1.2, False)
    assert Prices().estimate([]).dollars == 0


@pytest.mark.parametrize(
    "odd",
    [
        {"input_tokens": "many"}, {"input_tokens": -5}, {"input_tokens": True}, {"input_tokens": 1e300},
        {"input_tokens": float("nan")}, {"input_tokens": None}, {"input_tokens": [1]},
        {"provider": ["x"], "model": {"a": 1}}, {"model": None},
    ],
    ids=str,
)  # fmt: skip
def test_whatever_an_agent_tells_is_no_error(odd: dict[str, Any]) -> None:
    found = Prices().estimate([llm() | odd])
    assert found.dollars >= 0


def test_what_was_used_is_said_in_words() -> None:
    used = {
        "model": "x",
        "input_tokens": 4_021,
        "output_tokens": 7,
        "characters_count": 12,
        "audio_duration": 90,
    }
    (cost,) = Prices().estimate([used]).models
    assert cost.used == "4,021 tokens read, 7 written; 12 characters spoken; 1.5 min of sound"


def test_one_s_own_prices_come_first(tmp_path: Path) -> None:
    file = tmp_path / "prices.json"
    file.write_text('{"gpt-4.1-mini": {"input": 1, "output": 0}, "My-Voice": {"characters": 0.5}}')
    prices = read_prices(file)
    assert dollars(llm(), llm("gpt-4.1-mini-2025-04-14"), prices=prices) == [1.0, 1.0]
    assert dollars({"model": "my-voice-2", "characters_count": 1000}, prices=prices) == [0.5]
    assert dollars(llm("gpt-4.1"), prices=prices) == dollars(llm("gpt-4.1"))
    assert "prices.json" in prices.as_of


@pytest.mark.parametrize(
    "text",
    ["{", "[]", '{"x": {"inputs": 1}}', '{"x": {"input": -1}}', '{"x": 1}', "\ud800"],
    ids=["cut", "a list", "a slip of the pen", "negative", "a number", "no UTF-8"],
)
def test_a_file_that_cannot_be_read_is_told_and_left_aside(
    text: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "prices.json"
    file.write_bytes(text.encode("utf-8", "surrogatepass"))
    with caplog.at_level(logging.WARNING):
        prices = read_prices(file)
    assert dollars(llm(), prices=prices) == [pytest.approx(1.2)]
    assert [record.__dict__["action"] for record in caplog.records] == ["prices.unread"]


def test_no_file_is_no_trouble(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert dollars(llm(), prices=read_prices(tmp_path / "none.json")) == [pytest.approx(1.2)]
    assert caplog.records == []


def test_every_listed_price_charges_something() -> None:
    for name, price in LIST_PRICES.items():
        assert name == name.lower()
        assert price.input + price.output + price.characters + price.minute > 0, name

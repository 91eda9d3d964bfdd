"""Which language models a profile's call asks, and in which order."""

from __future__ import annotations

from typing import Any, cast

import pytest
from livekit.agents import APIConnectionError, llm

from config import Settings
from config.provider_list import PROVIDERS, Provider, Way
from llm.chunks import Chunk
from llm.endpoints import configured
from llm.errors import NoModelError
from llm.health import State
from llm.models import Models
from session.fallbacks import Fallbacks
from session.thinking import build_model, with_chosen
from tests.session import acme_plugin
from tests.session.fake_models import FakeModels
from wire import Profile

ACME = Way(
    module="tests.session.acme_plugin",
    kind="LLM",
    keys=(("ACME_API_KEY",),),
    model="acme-1",
    limit_as="max_tokens",
    most_temperature=1.0,
)
OURS: list[Chunk] = [
    {"id": "1", "choices": [{"index": 0, "delta": {"content": "Ours."}, "finish_reason": "stop"}]}
]


@pytest.fixture(autouse=True)
def _acme(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(PROVIDERS, "acme", Provider(title="Acme", package="acme", ways={"llm": ACME}))
    monkeypatch.setenv("ACME_API_KEY", "sesame")


class Thinking:
    """The model of a call with this profile."""

    def __init__(self, given: dict[str, Any] | None = None, **profile: Any) -> None:
        self.models = FakeModels()
        self.models.answer = OURS
        self.fallbacks = Fallbacks()
        self.profile = Profile(prompt="x", **profile)
        self.settings = with_chosen(Settings.model_validate(given or {}), self.profile)
        self.model = build_model(
            cast(Models, self.models), self.profile, settings=self.settings, fallbacks=self.fallbacks
        )

    @property
    def plugin(self) -> acme_plugin.LLM:
        assert self.model.first is not None
        return cast(acme_plugin.LLM, self.model.first.model)

    async def ask(self) -> str:
        context = llm.ChatContext.empty()
        context.add_message(role="user", content="Hello?")
        async with self.model.chat(chat_ctx=context) as stream:
            return "".join([chunk.delta.content or "" async for chunk in stream if chunk.delta])


async def test_a_profile_that_says_nothing_asks_as_ever() -> None:
    thinking = Thinking(model="gpt-x")
    assert await thinking.ask() == "Ours."
    (request,) = thinking.models.requests
    assert (request.model, request.prefer) == ("gpt-x", None)
    assert thinking.fallbacks.texts == ()


@pytest.mark.parametrize(
    ("given", "profile", "prefer", "model"),
    [
        pytest.param({}, {"llm": "local"}, "127.0.0.1:8090", None, id="local alone"),
        pytest.param(
            {"openai_api_key": "k"}, {"llm": "local"}, "127.0.0.1:8090", None, id="local beside OpenAI"
        ),
        pytest.param(
            {"openai_api_key": "k", "llm_urls": "http://box:1/v1"},
            {"llm": "openai/gpt-x"},
            "api.openai.com",
            "gpt-x",
            id="OpenAI with a model",
        ),
        pytest.param(
            {"openai_base_url": "http://box:1/v1#llama"},
            {"llm": "openai", "model": "gpt-x"},
            "box:1#llama",
            "gpt-x",
            id="a server of one's own",
        ),
    ],
)
async def test_one_of_our_own_is_asked_first(
    given: dict[str, str], profile: dict[str, str], prefer: str, model: str | None
) -> None:
    thinking = Thinking(given, **profile)
    assert await thinking.ask() == "Ours."
    (request,) = thinking.models.requests
    assert (request.prefer, request.model) == (prefer, model)
    assert prefer in [endpoint.id for endpoint in configured(thinking.settings)]


def test_the_models_of_this_machine_stay_away_unless_a_profile_wants_them() -> None:
    settings = Settings.model_validate({"openai_api_key": "k"})
    assert with_chosen(settings, Profile(prompt="x", llm="openai")) is settings
    wanted = with_chosen(settings, Profile(prompt="x", llm="Local"))
    assert [endpoint.id for endpoint in configured(wanted)] == ["api.openai.com", "127.0.0.1:8090"]
    assert wanted.openai_api_key == settings.openai_api_key


async def test_a_plugins_model_answers_and_ours_are_not_asked() -> None:
    thinking = Thinking(llm="acme/acme-2", temperature=1.7, max_answer_tokens=60)
    thinking.plugin.steps = ("Theirs.",)
    whole = []
    thinking.model.on_whole = lambda: whole.append(True)
    assert await thinking.ask() == "Theirs."
    assert thinking.plugin.options == {"model": "acme-2", "temperature": 1.0, "max_tokens": 60}
    assert (thinking.models.requests, whole) == ([], [True])
    assert (thinking.model.model, thinking.model.provider) == ("acme-2", "acme")


async def test_ours_answer_when_a_plugins_model_does_not() -> None:
    thinking = Thinking(llm="acme", model="acme-2")
    thinking.plugin.steps = (APIConnectionError("gone"),)
    assert await thinking.ask() == "Ours."
    assert await thinking.ask() == "Ours."
    assert thinking.plugin.n_asked == 1, "it rests"
    assert [request.model for request in thinking.models.requests] == [None, None], "ours have no such model"
    assert (thinking.model.model, thinking.model.provider) == ("local", "127.0.0.1:8090")
    (text,) = thinking.fallbacks.texts
    assert text.startswith("llm: acme does not answer")


async def test_it_does_not_rest_when_nobody_else_may_answer() -> None:
    thinking = Thinking(llm="acme")
    thinking.plugin.steps = (APIConnectionError("gone"),)
    thinking.models.answer = NoModelError({})
    thinking.models.become(State.FAILING)
    for _ in range(2):
        with pytest.raises(APIConnectionError):
            await thinking.ask()
    assert thinking.plugin.n_asked == 2
    thinking.plugin.steps = ("Back.",)
    assert await thinking.ask() == "Back."


@pytest.mark.parametrize(
    ("llm_choice", "has_key", "reason"),
    [
        pytest.param("hal", True, "llm: 'hal' is no provider; there are ", id="unknown"),
        pytest.param("deepgram", True, "llm: 'deepgram' does not think", id="does not think"),
        pytest.param(
            "openai", True, "llm: 'openai' has no key on this host; set OPENAI_API_KEY or ", id="no key"
        ),
        pytest.param(
            "acme", False, "llm: 'acme' has no key on this host; set ACME_API_KEY", id="no key of a plugin"
        ),
        pytest.param("acme/refused", True, "llm: acme cannot be used (ValueError)", id="the plugin raises"),
    ],
)
async def test_a_choice_that_cannot_be_had_costs_nothing_but_a_warning(
    llm_choice: str,
    has_key: bool,
    reason: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    if not has_key:
        monkeypatch.delenv("ACME_API_KEY")
    thinking = Thinking(llm=llm_choice)
    assert await thinking.ask() == "Ours."
    (text,) = thinking.fallbacks.texts
    assert text.startswith(reason)
    (record,) = [record for record in caplog.records if record.name == "session.fallbacks"]
    assert record.__dict__["action"] == "provider.fallback"
    assert record.__dict__["part"] == "llm"
    assert "sesame" not in str(record.__dict__)

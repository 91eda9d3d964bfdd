"""Who hears, thinks and speaks, for each mixture of keys."""

import pytest

from config import Settings, resolve_providers

LOCAL = "http://127.0.0.1:8090"
DEEPGRAM = "https://api.deepgram.com"
OPENAI = "https://api.openai.com/v1"


@pytest.mark.parametrize(
    ("given", "stt", "llm", "tts"),
    [
        pytest.param({}, LOCAL, f"{LOCAL}/v1", LOCAL, id="no keys"),
        pytest.param({"openai_api_key": "k"}, LOCAL, OPENAI, OPENAI, id="OpenAI's key"),
        pytest.param({"deepgram_api_key": "k"}, DEEPGRAM, f"{LOCAL}/v1", DEEPGRAM, id="Deepgram's key"),
        pytest.param(
            {"openai_api_key": "k", "deepgram_api_key": "k"}, DEEPGRAM, OPENAI, OPENAI, id="both keys"
        ),
        pytest.param(
            {"openai_api_key": "k", "deepgram_api_key": "k", "tts_provider": "deepgram"},
            DEEPGRAM,
            OPENAI,
            DEEPGRAM,
            id="Deepgram is to speak",
        ),
        pytest.param(
            {"openai_base_url": "http://ollama:11434/v1/"},
            LOCAL,
            "http://ollama:11434/v1",
            LOCAL,
            id="a language model of one's own",
        ),
        pytest.param(
            {"deepgram_base_url": "http://ears:1"},
            "http://ears:1",
            f"{LOCAL}/v1",
            LOCAL,
            id="ears of one's own",
        ),
        pytest.param(
            {"local_models_url": "http://box:9"},
            "http://box:9",
            "http://box:9/v1",
            "http://box:9",
            id="elsewhere",
        ),
    ],
)
def test_providers(given: dict[str, str], stt: str, llm: str, tts: str) -> None:
    providers = resolve_providers(Settings.model_validate(given))
    assert (providers.stt.base_url, providers.llm.base_url, providers.tts.base_url) == (stt, llm, tts)
    assert providers.uses_local_models is any(
        endpoint.is_local for endpoint in (providers.stt, providers.llm, providers.tts)
    )


def test_keys_are_not_shown() -> None:
    settings = Settings.model_validate({"openai_api_key": "sesame", "deepgram_api_key": "sesame"})
    assert "sesame" not in repr(resolve_providers(settings))

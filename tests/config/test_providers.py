"""Who hears, thinks and speaks, for each mixture of keys."""

import pytest

from config import Settings, endpoint_for, missing_keys, resolve_providers
from config.provider_list import PROVIDERS, Part

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


@pytest.mark.parametrize(
    ("given", "part", "name", "url", "model", "voice"),
    [
        pytest.param({}, "stt", "local", LOCAL, None, None, id="local ears"),
        pytest.param({}, "llm", "local", f"{LOCAL}/v1", "local", None, id="a local model"),
        pytest.param({"tts_voice": "en-GB"}, "tts", "local", LOCAL, None, "en-GB", id="the host's voice"),
        pytest.param(
            {"openai_api_key": "k", "tts_voice": "nova", "tts_model": "tts-1"},
            "tts",
            "local",
            LOCAL,
            None,
            None,
            id="another one's voice is not ours",
        ),
        pytest.param(
            {"openai_api_key": "k", "tts_voice": "nova", "tts_model": "tts-1"},
            "tts",
            "openai",
            OPENAI,
            "tts-1",
            "nova",
            id="the host's own",
        ),
        pytest.param(
            {"deepgram_api_key": "k", "stt_model": "nova-2"},
            "stt",
            "deepgram",
            DEEPGRAM,
            "nova-2",
            None,
            id="STT",
        ),
        pytest.param(
            {"openai_api_key": "k"}, "stt", "openai", OPENAI, "gpt-4o-mini-transcribe", None, id="other ears"
        ),
    ],
)
def test_the_server_of_a_choice(
    given: dict[str, str], part: Part, name: str, url: str, model: str | None, voice: str | None
) -> None:
    endpoint = endpoint_for(Settings.model_validate(given), part, name)
    assert (endpoint.base_url, endpoint.model, endpoint.voice) == (url, model, voice)


def test_what_a_profile_names_wins() -> None:
    settings = Settings.model_validate({"openai_api_key": "k", "tts_voice": "nova", "tts_model": "tts-1"})
    endpoint = endpoint_for(settings, "tts", "openai", model="tts-2", voice="ash")
    assert (endpoint.model, endpoint.voice) == ("tts-2", "ash")


@pytest.mark.parametrize(
    ("given", "environment", "missing"),
    [
        pytest.param({}, {}, "OPENAI_API_KEY or OPENAI_BASE_URL", id="none"),
        pytest.param({"openai_base_url": "http://box:1/v1"}, {}, None, id="a URL will do"),
        pytest.param(
            {}, {"OPENAI_API_KEY": "k"}, "OPENAI_API_KEY or OPENAI_BASE_URL", id="the settings decide"
        ),
    ],
)
def test_keys_of_the_settings(
    given: dict[str, str], environment: dict[str, str], missing: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = Settings.model_validate(given)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert missing_keys(settings, PROVIDERS["openai"].ways["llm"]) == missing


def test_keys_that_no_setting_knows(monkeypatch: pytest.MonkeyPatch) -> None:
    way = PROVIDERS["azure"].ways["tts"]
    monkeypatch.delenv("AZURE_SPEECH_KEY", raising=False)
    monkeypatch.setenv("AZURE_SPEECH_REGION", "westeurope")
    assert missing_keys(Settings(), way) == "AZURE_SPEECH_KEY and AZURE_SPEECH_REGION"
    monkeypatch.setenv("AZURE_SPEECH_KEY", "k")
    assert missing_keys(Settings(), way) is None
    assert missing_keys(Settings(), PROVIDERS["local"].ways["tts"]) is None

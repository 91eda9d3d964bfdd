"""Where the settings say that language models are, and how endpoints are called."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import SecretStr

from config import NO_KEY
from llm.endpoints import Endpoint, Source, configured, unique, way_to_name_a_model
from tests.llm.stage import KEY, endpoint, settings_of

CLOUD = "https://cloud.example/v1"
OLLAMA = "http://127.0.0.1:11434/v1"
LOCAL = ("http://127.0.0.1:8090/v1", None, Source.LOCAL)
OPENAI = ("https://api.openai.com/v1", "gpt-4.1-mini", Source.CLOUD)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        pytest.param({}, [LOCAL], id="nothing is set"),
        pytest.param(
            {"local_models_url": "http://box:9/"},
            [("http://box:9/v1", None, Source.LOCAL)],
            id="elsewhere",
        ),
        pytest.param({"openai_api_key": KEY}, [OPENAI], id="OpenAI's key"),
        pytest.param(
            {"openai_api_key": KEY, "llm_model": "gpt-5"},
            [("https://api.openai.com/v1", "gpt-5", Source.CLOUD)],
            id="OpenAI's key and a model",
        ),
        pytest.param({"openai_base_url": OLLAMA}, [(OLLAMA, None, Source.URL)], id="a URL: its own model"),
        pytest.param(
            {"openai_base_url": OLLAMA + "/", "llm_model": "llama3"},
            [(OLLAMA, "llama3", Source.URL)],
            id="a URL and a model",
        ),
        pytest.param(
            {"openai_base_url": "https://proxy.example/v1", "openai_api_key": KEY},
            [("https://proxy.example/v1", None, Source.CLOUD)],
            id="a URL and a key",
        ),
        pytest.param(
            {"llm_urls": f"{OLLAMA}/#llama3, http://10.0.0.7:8000/v1/ ,"},
            [(OLLAMA, "llama3", Source.URL), ("http://10.0.0.7:8000/v1", None, Source.URL)],
            id="a list, with slashes and a model",
        ),
        pytest.param(
            {"llm_urls": "http://a:1/v1#org/model:7b-q4_K"},
            [("http://a:1/v1", "org/model:7b-q4_K", Source.URL)],
            id="a model with a slash",
        ),
        pytest.param(
            {"llm_urls": "http://a:1/v1#"}, [("http://a:1/v1", None, Source.URL)], id="no model after #"
        ),
        pytest.param(
            {"openai_api_key": KEY, "llm_urls": OLLAMA}, [OPENAI, (OLLAMA, None, Source.URL)], id="both"
        ),
        pytest.param(
            {
                "openai_base_url": OLLAMA,
                "llm_urls": f"{OLLAMA},http://a:1/v1#x,http://a:1/v1,http://a:1/v1#x",
            },
            [
                (OLLAMA, None, Source.URL),
                ("http://a:1/v1", "x", Source.URL),
                ("http://a:1/v1", None, Source.URL),
            ],
            id="each server once for each model",
        ),
        pytest.param(
            {
                "use_cloud_llm": True,
                "cloud_chat_ui_url": f"{CLOUD}/#big",
                "openai_base_url": f"{OLLAMA}#small",
            },
            [(CLOUD, "big", Source.CLOUD), (OLLAMA, "small", Source.URL)],
            id="a model after any URL",
        ),
        pytest.param(
            {"openai_base_url": f"{OLLAMA}#small", "llm_model": "other"},
            [(OLLAMA, "small", Source.URL)],
            id="the model after the URL before LLM_MODEL",
        ),
        pytest.param(
            {"use_cloud_llm": True, "cloud_chat_ui_url": CLOUD},
            [(CLOUD, None, Source.CLOUD)],
            id="the cloud alone",
        ),
        pytest.param(
            {"use_cloud_llm": True, "cloud_chat_ui_url": CLOUD, "openai_api_key": KEY, "llm_urls": OLLAMA},
            [(CLOUD, None, Source.CLOUD), OPENAI, (OLLAMA, None, Source.URL)],
            id="the cloud before all others",
        ),
        pytest.param({"cloud_chat_ui_url": CLOUD}, [LOCAL], id="a cloud that is not wanted"),
        pytest.param({"use_cloud_llm": True}, [LOCAL], id="a cloud without a URL"),
        pytest.param(
            {"llm_urls": "http://[::1]:11434/v1#m,http://[2001:db8::7]/v1"},
            [("http://[::1]:11434/v1", "m", Source.URL), ("http://[2001:db8::7]/v1", None, Source.URL)],
            id="IPv6",
        ),
    ],
)
def test_each_mixture_of_settings(
    fields: dict[str, Any], expected: list[tuple[str, str | None, Source]]
) -> None:
    found = configured(settings_of(**fields))
    assert [(one.base_url, one.model, one.source) for one in found] == expected


def test_each_key_goes_to_its_own_server() -> None:
    settings = settings_of(
        use_cloud_llm=True,
        cloud_chat_ui_url=CLOUD,
        cloud_chat_ui_auth_token="cloud's",
        openai_api_key=KEY,
        llm_urls=OLLAMA,
    )
    keys = [one.api_key.get_secret_value() for one in configured(settings)]
    assert keys == ["cloud's", KEY, NO_KEY.get_secret_value()]
    assert configured(settings_of(use_cloud_llm=True, cloud_chat_ui_url=CLOUD))[0].api_key == NO_KEY


def test_the_environment_says_where_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LLM_URLS", "http://a:1/v1#x,http://b:2/v1")
    monkeypatch.setenv("OPENAI_BASE_URL", OLLAMA)
    assert [(one.id, one.model) for one in configured(settings_of())] == [
        ("127.0.0.1:11434", None),
        ("a:1#x", "x"),
        ("b:2", None),
    ]


@pytest.mark.parametrize(
    ("base_url", "deploy_id", "id_", "host"),
    [
        ("http://127.0.0.1:11434/v1", None, "127.0.0.1:11434", "127.0.0.1:11434"),
        ("https://api.openai.com/v1", None, "api.openai.com", "api.openai.com:443"),
        ("https://h:8443/v1", None, "h:8443", "h:8443"),
        ("http://h/v1", None, "h", "h:80"),
        ("http://h:80/v1", None, "h", "h:80"),
        ("http://h:443/v1", None, "h:443", "h:443"),
        ("https://h/openai/v1", None, "h/openai", "h:443"),
        ("https://h/v1beta/openai", None, "h/v1beta/openai", "h:443"),
        ("http://h:1/v1", "seven", "h:1/seven", "h:1"),
        ("http://H:1/v1", None, "h:1", "h:1"),
        ("http://[::1]:11434/v1", None, "[::1]:11434", "[::1]:11434"),
        ("http://[2001:db8::7]/v1", None, "[2001:db8::7]", "[2001:db8::7]:80"),
    ],
)
def test_an_endpoint_has_a_readable_name(base_url: str, deploy_id: str | None, id_: str, host: str) -> None:
    one = Endpoint(base_url=base_url, source=Source.URL, deploy_id=deploy_id)
    assert (one.id, one.host) == (id_, host)


def test_two_models_of_one_server_have_two_names() -> None:
    found = configured(settings_of(llm_urls="http://a:1/v1#x,http://a:1/v1#org/y:7b"))
    assert [(one.id, one.host) for one in found] == [("a:1#x", "a:1"), ("a:1#org/y:7b", "a:1")]
    assert endpoint("a:1", model="x").id == "a:1", "elsewhere a model changes no name"


@pytest.mark.parametrize(
    ("source", "words"),
    [
        (Source.URL, "LLM_MODEL"),
        (Source.CLOUD, "LLM_MODEL"),
        (Source.LOCAL, "LLM_URLS"),
        (Source.CONTAINER, "LLM_URLS"),
        (Source.DISCOVERED, "LLM_URLS"),
        (Source.BACKEND, "AGENT_BACKEND_URL"),
    ],
)
def test_the_way_to_name_a_model_is_one_that_works(source: Source, words: str) -> None:
    assert words in way_to_name_a_model(endpoint(source=source))


def test_a_key_is_shown_nowhere() -> None:
    one = endpoint(api_key=SecretStr(KEY))
    assert KEY not in f"{one!r} {one} {one.id} {one.host}"


@pytest.mark.parametrize(
    ("base_url", "source", "is_local"),
    [
        ("http://127.0.0.1:1/v1", Source.URL, True),
        ("http://[::1]:1/v1", Source.DISCOVERED, True),
        ("http://box:9/v1", Source.LOCAL, True),
        ("http://172.17.0.2:8000/v1", Source.CONTAINER, True),
        ("http://172.17.0.2:8000/v1", Source.DISCOVERED, False),
        ("https://api.openai.com/v1", Source.CLOUD, False),
    ],
)
def test_what_is_near_costs_nothing_to_ask(base_url: str, source: Source, is_local: bool) -> None:
    assert Endpoint(base_url=base_url, source=source).is_local is is_local


def test_of_endpoints_with_one_name_the_first_stays() -> None:
    a, b, again = endpoint("a", model="x"), endpoint("b"), endpoint("a", model="y")
    assert unique([a, b, again]) == (a, b)
    assert unique([]) == ()

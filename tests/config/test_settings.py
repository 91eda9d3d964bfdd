"""Settings: where they come from, and what is said of wrong ones."""

import os
from pathlib import Path

import pytest

from config import SENDER_SETTINGS, Settings, SettingsError, load_settings, reload_settings
from config.settings import SECRETS

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.model_fields:
        # Set first, so that what a test's .env adds is taken away again afterwards.
        monkeypatch.setenv(name.upper(), "")
        monkeypatch.delenv(name.upper())


def test_the_defaults_need_no_environment(tmp_path: Path) -> None:
    settings = load_settings(tmp_path)
    assert (settings.grace_period, settings.first_human_timeout, settings.disconnected_timeout) == (
        60,
        120,
        300,
    )


def test_the_environment_wins_over_env_local_and_that_over_env(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".env").write_text("GRACE_PERIOD=1\nMAX_SESSION=11\nJOURNAL_DAYS=5\n")
    (tmp_path / ".env.local").write_text("GRACE_PERIOD=2\nMAX_SESSION=22\n")
    monkeypatch.setenv("GRACE_PERIOD", "3")
    settings = load_settings(tmp_path)
    assert (settings.grace_period, settings.max_session, settings.journal_days) == (3, 22, 5)
    assert os.environ["MAX_SESSION"] == "22", "child processes must see the same"


def test_an_empty_value_is_no_value(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIVEKIT_URL", "")
    monkeypatch.setenv("GRACE_PERIOD", "")
    settings = load_settings(tmp_path)
    assert (settings.livekit_url, settings.grace_period) == (None, 60)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("GRACE_PERIOD", "abc"),
        ("GRACE_PERIOD", "-1"),
        ("GRACE_PERIOD", "nan"),
        ("GRACE_PERIOD", "inf"),
        ("MAX_CALLS", "0"),
        ("MAX_CALLS", "1.5"),
        ("LIVEKIT_URL", "localhost:7880"),
        ("LIVEKIT_URL", "ftp://host"),
        ("LIVEKIT_URL", "ws://"),
        ("LIVEKIT_URL", "ws://host:78800"),
        ("LOCAL_MODELS_PORT", "70000"),
        ("TTS_PROVIDER", "espeak"),
    ],
)
def test_a_wrong_setting_is_named_with_its_value_in_one_line(
    name: str, value: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError) as error:
        load_settings(tmp_path)
    assert str(error.value).startswith(f"{name}={value!r}: ")
    assert "\n" not in str(error.value)


def test_all_wrong_settings_are_told_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRACE_PERIOD", "abc")
    monkeypatch.setenv("MAX_CALLS", "none")
    with pytest.raises(SettingsError) as error:
        load_settings(tmp_path)
    assert [line.split("=")[0] for line in str(error.value).split("\n")] == ["GRACE_PERIOD", "MAX_CALLS"]


@pytest.mark.parametrize("name", ["LIVEKIT_API_SECRET", "OPENAI_API_KEY", "DEEPGRAM_API_KEY"])
def test_secrets_are_not_shown(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, "sesame-open")
    settings = load_settings(tmp_path)
    assert "sesame" not in repr(settings)
    assert "sesame" not in str(settings)


def test_what_is_secret_is_known_by_its_type() -> None:
    """Whoever adds a field with a key finds it here; whoever loses one, too."""
    assert {
        "livekit_api_secret",
        "openai_api_key",
        "deepgram_api_key",
        "registry_token",
        "database_url",
        "cloud_chat_ui_auth_token",
        "jwt_secret",
        "tavily_api_key",
        "e2b_api_key",
    } == SECRETS


def test_the_login_is_whole_or_says_what_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIVEKIT_API_KEY", "key")
    with pytest.raises(SettingsError, match=r"^LIVEKIT_URL and LIVEKIT_API_SECRET are not set"):
        load_settings(tmp_path).livekit_login()
    monkeypatch.setenv("LIVEKIT_API_SECRET", "secret")
    with pytest.raises(SettingsError, match=r"^LIVEKIT_URL is not set"):
        load_settings(tmp_path).livekit_login()
    monkeypatch.setenv("LIVEKIT_URL", "ws://host:7880/")
    login = load_settings(tmp_path).livekit_login()
    assert (login.url, login.api_key, login.api_secret.get_secret_value()) == (
        "ws://host:7880",
        "key",
        "secret",
    )


def test_a_replaced_setting_is_checked_like_the_rest(tmp_path: Path) -> None:
    settings = load_settings(tmp_path)
    assert settings.replace(livekit_url="ws://other").livekit_url == "ws://other"
    with pytest.raises(SettingsError, match=r"^LIVEKIT_URL='other': must be a URL that begins with ws://"):
        settings.replace(livekit_url="other")


def test_the_example_and_the_readme_name_every_setting() -> None:
    for document in (".env.example", "README.md"):
        text = (ROOT / document).read_text()
        assert [name for name in Settings.model_fields if name.upper() not in text] == [], document


def test_a_password_in_a_url_is_refused_and_not_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", "https://user:sesame@host/v1")
    with pytest.raises(SettingsError, match=r"^OPENAI_BASE_URL=\*\*\*: must hold no user name") as error:
        load_settings(tmp_path)
    assert "sesame" not in str(error.value)


def test_what_another_program_is_told_wrongly_is_none_of_this_ones_business(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", "mysql://root@db/app")
    monkeypatch.setenv("GRACE_PERIOD", "soon")
    monkeypatch.setenv("AGENT_HOST", "box")
    settings = load_settings(tmp_path, only=SENDER_SETTINGS)
    assert (settings.agent_host, settings.database_url, settings.grace_period) == ("box", None, 60)
    monkeypatch.setenv("HEARTBEAT_INTERVAL", "0")
    with pytest.raises(SettingsError, match=r"HEARTBEAT_INTERVAL="):
        load_settings(tmp_path, only=SENDER_SETTINGS)


def test_an_empty_registry_url_means_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert load_settings(tmp_path).web_ui_url == "http://localhost:3026"
    monkeypatch.setenv("WEB_UI_URL", "")
    assert load_settings(tmp_path).web_ui_url is None


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("REGISTRY_TOKEN", "short", "8 or more ASCII characters"),
        ("REGISTRY_TOKEN", "with a blank in it", "8 or more ASCII characters"),
        ("DATABASE_URL", "mysql://root:sesame@db/app", "postgresql:// or sqlite:///"),
    ],
)
def test_a_wrong_secret_is_refused_and_not_shown(
    name: str, value: str, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError) as error:
        load_settings(tmp_path)
    assert str(error.value).startswith(f"{name}=***: ")
    assert words in str(error.value)
    assert value not in str(error.value)


def test_files_are_read_again_and_the_environment_still_wins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GRACE_PERIOD", "5")
    for name in ("MAX_CALLS", "LLM_URLS"):
        monkeypatch.setenv(name, "")  # so that it is put back at the end
        monkeypatch.delenv(name)
    file = tmp_path / ".env"
    file.write_text("GRACE_PERIOD=9\nMAX_CALLS=3\n")
    before = load_settings(tmp_path)
    assert (before.grace_period, before.max_calls, before.llm_urls) == (5, 3, ())
    file.write_text("GRACE_PERIOD=9\nLLM_URLS=http://a:1/v1\n")
    after = reload_settings(tmp_path)
    assert (after.grace_period, after.max_calls, after.llm_urls) == (5, None, ("http://a:1/v1",))
    file.write_text("MAX_CALLS=many\n")
    with pytest.raises(SettingsError, match=r"^MAX_CALLS='many'"):
        reload_settings(tmp_path)
    assert load_settings(tmp_path / "elsewhere").llm_urls == ("http://a:1/v1",)


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("LLM_URLS", "a:1/v1", "must be a URL that begins with http:// or https://"),
        ("AGENT_DISCOVERY_PORTS", "80,99999", "less than or equal to 65535"),
        ("JWT_SECRET", "short", "32 bytes or more"),
        ("LLM_FIRST_TOKEN_TIMEOUT", "0", "greater than or equal to 0.1"),
    ],
)
def test_a_wrong_setting_of_language_models_is_told(
    name: str, value: str, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError, match=words) as caught:
        load_settings(tmp_path)
    assert name in str(caught.value)
    assert name != "JWT_SECRET" or value not in str(caught.value)


def test_a_file_that_is_no_text_is_told_and_nothing_is_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MAX_CALLS", "")
    monkeypatch.delenv("MAX_CALLS")
    (tmp_path / ".env").write_text("MAX_CALLS=3\n")
    load_settings(tmp_path)
    (tmp_path / ".env").write_bytes(b"MAX_CALLS=\xff\xfe\n")
    with pytest.raises(SettingsError, match=r"^\.env cannot be read"):
        reload_settings(tmp_path)
    assert os.environ["MAX_CALLS"] == "3"


def test_replacing_a_setting_sets_no_other(tmp_path: Path) -> None:
    assert load_settings(tmp_path).replace(max_calls=3).model_fields_set == {"max_calls"}

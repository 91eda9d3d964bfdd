"""What a worker looks at before it takes calls, and says in one line where a person must do something."""

from __future__ import annotations

import logging
from urllib.parse import urlsplit

import aiohttp

from config import Providers, Settings, SettingsError
from session.server_api import refusal

logger = logging.getLogger(__name__)


class WrongSettingError(Exception):
    """The message is one line: the setting, what is wrong, the way out."""


async def check_login(settings: Settings) -> None:
    """See whether LiveKit takes the keys; go on, and say so, when it is merely down.

    Raises:
        WrongSettingError: It never will.
    """
    try:
        login = settings.livekit_login()
        why = await refusal(login)
    except SettingsError as error:
        raise WrongSettingError(str(error)) from error
    except ConnectionError as error:
        logger.warning(
            "LiveKit does not answer; the worker tries for ever",
            extra={"action": "worker.waiting", "LIVEKIT_URL": settings.livekit_url, "error": str(error)},
        )
        return
    if why is not None:
        raise WrongSettingError(why)


async def check_local_models(settings: Settings) -> None:
    """Say so when the models of this machine do not answer. They may come."""
    url = settings.local_models_url
    try:
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=2)) as http,
            http.get(f"{url}/healthz") as answer,
        ):
            answer.raise_for_status()
    except (aiohttp.ClientError, OSError, TimeoutError) as error:
        logger.warning(
            "no local models answer at LOCAL_MODELS_URL; start them with `python -m local_models`, "
            "or set OPENAI_API_KEY and DEEPGRAM_API_KEY",
            extra={"action": "worker.no_local_models", "LOCAL_MODELS_URL": url, "error": str(error)},
        )


def say_providers(providers: Providers) -> None:
    """Say who hears, thinks and speaks."""
    logger.info(
        "providers",
        extra={
            "action": "worker.providers",
            **{
                part: f"{endpoint.protocol} at {urlsplit(endpoint.base_url).hostname}"
                for part, endpoint in (
                    ("stt", providers.stt),
                    ("llm", providers.llm),
                    ("tts", providers.tts),
                )
            },
        },
    )

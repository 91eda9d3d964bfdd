"""The one table of providers: who can hear, think and speak, by which plugin, with which keys. Data only."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, get_args

Part = Literal["stt", "llm", "tts"]

PARTS: tuple[Part, ...] = get_args(Part)

NANO_VOICES = ("en-US", "en-GB", "de-DE", "es-ES", "fr-FR", "it-IT")
"""Of this machine's own synthesizer; the first is its default."""

MAC_VOICES = ("Samantha", "Daniel", "Karen")
"""Of the same on macOS."""

_OPENAI_VOICES = (
    "alloy", "ash", "ballad", "cedar", "coral", "echo", "fable", "marin", "nova", "onyx", "sage", "shimmer", "verse",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """How a provider does one part: a class of a LiveKit plugin, and the names of what it takes.

    The providers with `module` None are built by hand: their servers stand in the settings.
    """

    module: str | None = None
    kind: str = ""
    """Name of the class, or of what makes one of it: ``LLM.with_azure``."""

    keys: tuple[tuple[str, ...], ...] = ()
    """Variables of the environment that it needs: all of one of these groups. None at all when empty."""

    model: str | None = None
    """When the profile names none; None = what the plugin takes by itself."""

    voice: str | None = None
    """Likewise."""

    model_as: str | None = "model"
    """The class's name for its model; None = it takes none."""

    voice_as: str = "voice"
    language_as: str | None = "language"
    limit_as: str = "max_completion_tokens"
    """Its name for the longest answer."""

    language_form: Literal["tag", "language", "locale"] = "tag"
    """How it wants ``es``: as it is, without a region, or with one (``es-ES``)."""

    most_temperature: float = 2.0
    takes_http: bool = False
    """It can use an HTTP session that somebody else owns."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    title: str
    """For people."""

    package: str | None = None
    """What must be installed beside Roomkeeper, by its name on PyPI."""

    ways: dict[Part, Way] = field(default_factory=dict)
    voices: tuple[str, ...] = ()
    """All that it has, where they are few and fixed; empty = it knows best."""

    voice_is_model: bool = False
    """Its voices are its models: ``deepgram/aura-2-thalia-en`` names one."""


_DEEPGRAM_KEYS = (("DEEPGRAM_API_KEY",), ("DEEPGRAM_BASE_URL",))
_OPENAI_KEYS = (("OPENAI_API_KEY",), ("OPENAI_BASE_URL",))
_AZURE_SPEECH_KEYS = (("AZURE_SPEECH_KEY", "AZURE_SPEECH_REGION"),)
# Google's own client would look for other credentials on the network, for seconds, while a human waits.
_GOOGLE_SPEECH_KEYS = (("GOOGLE_APPLICATION_CREDENTIALS",),)

PROVIDERS: dict[str, Provider] = {
    "local": Provider(
        title="Models of this machine",
        ways={
            "stt": Way(model="whisper-tiny.en"),
            "llm": Way(),
            "tts": Way(voice=NANO_VOICES[0]),
        },
        voices=(*NANO_VOICES, *MAC_VOICES),
        voice_is_model=True,
    ),
    "deepgram": Provider(
        title="Deepgram",
        ways={
            "stt": Way(keys=_DEEPGRAM_KEYS, model="nova-3"),
            "tts": Way(keys=_DEEPGRAM_KEYS, voice="aura-2-andromeda-en"),
        },
        voice_is_model=True,
    ),
    "openai": Provider(
        title="OpenAI",
        ways={
            "stt": Way(keys=_OPENAI_KEYS, model="gpt-4o-mini-transcribe", language_form="language"),
            "llm": Way(keys=_OPENAI_KEYS, model="gpt-4.1-mini"),
            "tts": Way(keys=_OPENAI_KEYS, model="gpt-4o-mini-tts", voice="ash"),
        },
        voices=_OPENAI_VOICES,
    ),
    "anthropic": Provider(
        title="Anthropic",
        package="livekit-plugins-anthropic",
        ways={
            "llm": Way(
                module="livekit.plugins.anthropic",
                kind="LLM",
                keys=(("ANTHROPIC_API_KEY",),),
                model="claude-sonnet-4-6",
                limit_as="max_tokens",
                most_temperature=1.0,
            ),
        },
    ),
    "google": Provider(
        title="Google",
        package="livekit-plugins-google",
        ways={
            "stt": Way(
                module="livekit.plugins.google",
                kind="STT",
                keys=_GOOGLE_SPEECH_KEYS,
                model="latest_long",
                language_as="languages",
                language_form="locale",
            ),
            "llm": Way(
                module="livekit.plugins.google",
                kind="LLM",
                keys=(("GOOGLE_API_KEY",), ("GOOGLE_GENAI_USE_VERTEXAI", "GOOGLE_CLOUD_PROJECT")),
                model="gemini-3.8-flash",
                limit_as="max_output_tokens",
            ),
            "tts": Way(
                module="livekit.plugins.google",
                kind="TTS",
                keys=_GOOGLE_SPEECH_KEYS,
                model_as="model_name",
                voice_as="voice_name",
                language_form="locale",
            ),
        },
    ),
    "cartesia": Provider(
        title="Cartesia",
        package="livekit-plugins-cartesia",
        ways={
            "stt": Way(
                module="livekit.plugins.cartesia",
                kind="STT",
                keys=(("CARTESIA_API_KEY",),),
                language_form="language",
                takes_http=True,
            ),
            "tts": Way(
                module="livekit.plugins.cartesia",
                kind="TTS",
                keys=(("CARTESIA_API_KEY",),),
                model="sonic-3",
                language_form="language",
                takes_http=True,
            ),
        },
    ),
    "elevenlabs": Provider(
        title="ElevenLabs",
        package="livekit-plugins-elevenlabs",
        ways={
            "stt": Way(
                module="livekit.plugins.elevenlabs",
                kind="STT",
                keys=(("ELEVEN_API_KEY",),),
                model="scribe_v2_realtime",
                language_as="language_code",
                language_form="language",
                takes_http=True,
            ),
            "tts": Way(
                module="livekit.plugins.elevenlabs",
                kind="TTS",
                keys=(("ELEVEN_API_KEY",),),
                model="eleven_turbo_v2_5",
                voice_as="voice_id",
                language_form="language",
                takes_http=True,
            ),
        },
    ),
    "azure": Provider(
        title="Azure",
        package="livekit-plugins-azure",
        ways={
            "stt": Way(
                module="livekit.plugins.azure",
                kind="STT",
                keys=(*_AZURE_SPEECH_KEYS, ("AZURE_SPEECH_HOST",)),
                model_as=None,
                language_form="locale",
            ),
            # Azure's language models are OpenAI's, under the name of a deployment.
            "llm": Way(
                module="livekit.plugins.openai",
                kind="LLM.with_azure",
                keys=(("AZURE_OPENAI_API_KEY", "AZURE_OPENAI_ENDPOINT", "OPENAI_API_VERSION"),),
                model="gpt-4o",
            ),
            "tts": Way(
                module="livekit.plugins.azure",
                kind="TTS",
                keys=_AZURE_SPEECH_KEYS,
                voice="en-US-JennyNeural",
                model_as=None,
                language_form="locale",
                takes_http=True,
            ),
        },
    ),
}
"""By their names in profiles."""

FACES = ("bithuman", "bey", "tavus")
"""Who makes faces. How they are asked is in `session.avatar_list`."""

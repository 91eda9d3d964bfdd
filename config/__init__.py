"""Every setting, with its unit and its reason. The only reader of the environment."""

from config.errors import SettingsError
from config.folders import cache_folder, state_folder
from config.providers import NO_KEY, Endpoint, Providers, resolve_providers
from config.settings import (
    SENDER_SETTINGS,
    LiveKitLogin,
    Settings,
    load_settings,
    process_environment,
    reload_settings,
)

__all__ = [
    "NO_KEY",
    "SENDER_SETTINGS",
    "Endpoint",
    "LiveKitLogin",
    "Providers",
    "Settings",
    "SettingsError",
    "cache_folder",
    "load_settings",
    "process_environment",
    "reload_settings",
    "resolve_providers",
    "state_folder",
]

"""Every setting, with its unit and its reason. The only reader of the environment."""

from config.errors import SettingsError
from config.folders import cache_folder, state_folder
from config.keys import read_key
from config.providers import NO_KEY, Endpoint, Providers, endpoint_for, missing_keys, resolve_providers
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
    "endpoint_for",
    "load_settings",
    "missing_keys",
    "process_environment",
    "read_key",
    "reload_settings",
    "resolve_providers",
    "state_folder",
]

"""What can be wrong with settings."""


class SettingsError(ValueError):
    """One or more settings are wrong. The message has one line for each: name, value, what it takes."""

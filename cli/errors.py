"""Why a command cannot do what it is asked for. Each class has its exit code."""

from __future__ import annotations


class CommandError(Exception):
    """The message is one sentence for the person at the terminal: what is wrong, and the way out."""

    exit_code = 1


class UsageError(CommandError):
    """The command, or a setting, is wrong."""

    exit_code = 2


class UnreachableError(CommandError):
    """No registry answers, or what answers is none."""

    exit_code = 3


class RefusedError(CommandError):
    """The registry answered with an error.

    Args:
        code: The registry's word for it, like ``unknown_agent``.
        status: Of HTTP.
        retry_after: Seconds to wait before the next try; None = trying again does not help.
    """

    def __init__(self, message: str, *, code: str, status: int, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.status = status
        self.retry_after = retry_after
        if self.is_about_access or status == 400:
            self.exit_code = UsageError.exit_code

    @property
    def is_about_access(self) -> bool:
        """A setting is wrong: the token, or the URL's host name."""
        return self.status in (401, 403)

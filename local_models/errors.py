"""What can go wrong, and for whom: the person who starts the server, or the client that asks."""

from __future__ import annotations


class LocalModelsError(Exception):
    """Base of all errors of this package. The message is one sentence with the value and the way out."""


class StartError(LocalModelsError):
    """The server cannot start: weights, packages or the port. It ends with exit code 2."""


class RequestError(LocalModelsError):
    """A client asked for something that cannot be done.

    Args:
        message: One sentence, shown to the client.
        code: A word for programs, like ``invalid_value``.
        param: The parameter that is wrong; None when it is not one.
        status: HTTP status, 4xx.
    """

    def __init__(self, message: str, *, code: str, param: str | None = None, status: int = 400) -> None:
        super().__init__(message)
        self.code = code
        self.param = param
        self.status = status

"""What can go wrong when a language model is asked."""

from __future__ import annotations

from collections.abc import Mapping


class LlmError(Exception):
    """Of this package. The message is one line for people, and holds no secret."""


class NoModelError(LlmError):
    """No language model answers now.

    Args:
        reasons: Why not, by the id of each endpoint; empty when none is known. None quotes a request.
    """

    def __init__(self, reasons: Mapping[str, str]) -> None:
        self.reasons = dict(reasons)
        words = "; ".join(f"{name}: {reason}" for name, reason in self.reasons.items())
        super().__init__(
            f"no language model answers now ({words})" if words else "no language model is known"
        )


class BrokenStreamError(LlmError):
    """An answer broke off after its first words were passed on: another model cannot take it up."""


class TooLongError(BrokenStreamError):
    """An answer took all the time that it may take: begun again, it would take as long."""


class BadRequestError(LlmError):
    """The request itself is refused, and would be by every model.

    Args:
        message: The server's words, which may quote the request: for the one who asked, and for no log.
        status: HTTP status that it answered, 400 to 422.
        endpoint_id: Who refused; None = there is only one who could.
    """

    def __init__(self, message: str, *, status: int, endpoint_id: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.endpoint_id = endpoint_id


class UnknownModelError(LlmError):
    """Nothing has the id or name that was asked for; the message lists what there is.

    Args:
        is_endpoint_known: It is the model's name that is wrong.
    """

    def __init__(self, message: str, *, is_endpoint_known: bool = False) -> None:
        super().__init__(message)
        self.is_endpoint_known = is_endpoint_known

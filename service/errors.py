"""Why the agent service does not do what it is asked for."""

from __future__ import annotations


class ServiceError(Exception):
    """The message is one sentence with the value and the way out.

    Args:
        message: For people.
        param: The field that is wrong, where it is one.
        retry_after: Seconds; None = trying again does not help.
    """

    code = "error"
    http_status = 400

    def __init__(self, message: str, *, param: str | None = None, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.param = param
        self.retry_after = retry_after


class NotJsonError(ServiceError):
    code = "not_json"


class FieldError(ServiceError):
    """A field is missing, or holds what it may not."""

    code = "bad_field"
    http_status = 422


class RefusedError(ServiceError):
    """The language models refuse the request itself, and would again."""

    code = "refused"

    def __init__(self, message: str, *, status: int) -> None:
        super().__init__(message)
        self.http_status = status


class BadRequestError(ServiceError):
    """A field is wrong, where OpenAI's clients expect a 400 for it."""

    code = "bad_request"


class TooLargeError(ServiceError):
    code = "too_large"
    http_status = 413


class SlowError(ServiceError):
    code = "too_slow"
    http_status = 408


class TokenError(ServiceError):
    """No token, or one that does not count."""

    code = "token"
    http_status = 401

    def __init__(self, message: str, *, is_missing: bool = False) -> None:
        super().__init__(message)
        self.is_missing = is_missing


class ForeignError(ServiceError):
    """A request from where none may come: another site's page, another name of this machine."""

    code = "foreign"
    http_status = 403


class ScopeError(ServiceError):
    """A token that is good, but not for this."""

    code = "scope"
    http_status = 403


class UnknownError(ServiceError):
    """Nothing has this address, id or name."""

    code = "not_found"
    http_status = 404


class BusyError(ServiceError):
    """Others speak in the same thread, for longer than anybody waits."""

    code = "busy"
    http_status = 409


class MethodError(ServiceError):
    code = "method"
    http_status = 405


class WrongSettingsError(ServiceError):
    """The settings were read again, are wrong, and were left alone."""

    code = "settings"
    http_status = 422

    def __init__(self, lines: list[str]) -> None:
        super().__init__("the settings are wrong, and the old ones stay: " + " | ".join(lines))
        self.lines = lines


class NoModelError(ServiceError):
    """No language model answers now."""

    code = "no_model"
    http_status = 503


class BrokenAnswerError(ServiceError):
    """A language model began to answer and did not end."""

    code = "broken_answer"
    http_status = 502


class EndingError(ServiceError):
    """The service ends, and takes the answer with it."""

    code = "ending"
    http_status = 503

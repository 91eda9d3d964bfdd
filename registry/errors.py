"""Why the registry does not do what it is asked for."""

from __future__ import annotations


class RegistryError(Exception):
    """The message is one sentence with the value and the way out."""

    code = "error"
    http_status = 400

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after
        """Seconds; None = trying again does not help."""


class BadRequestError(RegistryError):
    code = "bad_request"


class BadBeatError(RegistryError):
    code = "bad_beat"


class TooLargeError(RegistryError):
    code = "too_large"
    http_status = 413


class UnknownAgentError(RegistryError):
    code = "unknown_agent"
    http_status = 404


class UnknownRoomError(RegistryError):
    code = "unknown_room"
    http_status = 404


class UnknownSessionError(RegistryError):
    code = "unknown_session"
    http_status = 404


class ChangedError(RegistryError):
    """What was to be changed is not what the caller has seen."""

    code = "changed"
    http_status = 412


class UnknownProfileError(RegistryError):
    """None is stored, so the agent has the default one."""

    code = "unknown_profile"
    http_status = 404


class SupersededError(RegistryError):
    """Another process has this id now."""

    code = "superseded"
    http_status = 409


class StoppedError(RegistryError):
    """This incarnation has said goodbye."""

    code = "stopped"
    http_status = 409


class NotRunningError(RegistryError):
    """Nobody is there to take an order."""

    code = "not_running"
    http_status = 409


class AliveError(RegistryError):
    """A living agent is not removed by mistake."""

    code = "alive"
    http_status = 409


class NoLineError(RegistryError):
    code = "no_line"
    http_status = 409


class TooManyError(RegistryError):
    code = "too_many"
    http_status = 429


class DatabaseError(RegistryError):
    """What must be durable cannot be written now."""

    code = "database"
    http_status = 503


class NotKeepingError(RegistryError):
    """This registry keeps no rooms."""

    code = "not_keeping"
    http_status = 409


class LiveKitError(RegistryError):
    """LiveKit is out of reach, or did not do it."""

    code = "livekit"
    http_status = 502


class ForgedError(RegistryError):
    """A webhook that is not LiveKit's."""

    code = "forged"
    http_status = 401


class TokenError(RegistryError):
    code = "token"
    http_status = 401


class ForeignError(RegistryError):
    """A request from where none may come: another site's page, another name of this machine."""

    code = "foreign"
    http_status = 403


class NoAnswerError(RegistryError):
    """An agent was asked and says nothing."""

    code = "no_answer"
    http_status = 504


class NotJsonError(BadRequestError):
    code = "not_json"


class NoProcedureError(RegistryError):
    code = "not_found"
    http_status = 404


class MethodError(RegistryError):
    code = "method"
    http_status = 405


class MediaTypeError(RegistryError):
    code = "media_type"
    http_status = 415

"""What a program has said of itself so far. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace

from heartbeat.facts import Facts
from wire import Hint, Said

MEMORY = 300.0
"""Seconds that a warning or an error counts, unless it is said again. The registry remembers errors as long."""

ERROR_POINTS = 10
"""Health that an error takes beside the 15 points of the registry: together enough for the status `warning`."""

_ERROR_WORDS = "it reported an error, and has not said since that it runs"

_MOST_NOTES = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """A warning, and when it was given."""

    hint: Hint
    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """A program by its own account. Every input gives a new one, so that a thread may read while another writes.

    Moments are seconds on any monotonic clock, the same for all.
    """

    basis: Facts
    """Who it is, and the status that it gave itself."""

    notes: tuple[Note, ...] = ()
    """Warnings, the oldest first."""

    error_at: float | None = None
    active_at: float | None = None

    def with_status(self, status: Said, reason: str | None, hints: tuple[Hint, ...]) -> Program:
        """It says how it is. `running` settles what it warned of before; the last error stays to be read."""
        notes = () if status is Said.RUNNING else self.notes
        return replace(
            self, basis=replace(self.basis, status=status, reason=reason, hints=hints), notes=notes
        )

    def with_warning(self, hint: Hint, *, now: float) -> Program:
        """It warns. The same words again count anew, and not twice."""
        others = tuple(note for note in self.notes if note.hint.text != hint.text)
        return replace(self, notes=(*others, Note(hint=hint, at=now))[-_MOST_NOTES:])

    def with_error(self, text: str, *, is_fatal: bool, now: float) -> Program:
        """It failed at something; fatally: it does not do its work any more."""
        basis = replace(self.basis, last_error=text)
        if is_fatal:
            return replace(self, basis=replace(basis, status=Said.ERROR, reason=text), error_at=now)
        warned = self.with_warning(Hint(points=ERROR_POINTS, text=_ERROR_WORDS), now=now)
        return replace(warned, basis=basis, error_at=now)

    def with_activity(self, *, now: float) -> Program:
        """It has just done something."""
        return replace(self, active_at=now)

    def facts(self, *, now: float) -> Facts:
        """What a beat says at `now`."""
        fresh = tuple(note.hint for note in self.notes if now - note.at < MEMORY)
        return replace(
            self.basis,
            hints=(*self.basis.hints, *fresh),
            error_age=None if self.error_at is None else now - self.error_at,
            idle=None if self.active_at is None else now - self.active_at,
        )

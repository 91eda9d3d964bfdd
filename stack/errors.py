"""What can go wrong while the stack is started or waited for."""

from __future__ import annotations


class StackError(Exception):
    """Something did not start, did not happen in time, or ended too early. The message says where to look."""


class LateError(StackError):
    """A time limit passed. Whoever waits may treat it as an answer: it did not happen."""

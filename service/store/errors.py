"""What can go wrong with the conversations' database."""

from __future__ import annotations


class StoreError(Exception):
    """The database did not do it. The message is one line for people: which database, what happened, the way out.

    It never holds a password. What was to be written is not written; the next call tries anew.
    """

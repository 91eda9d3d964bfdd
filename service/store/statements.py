"""The statements of the store, for one kind of database. Built once: that takes longer than to answer them."""

from __future__ import annotations

import sqlalchemy as sa

from service.store.database import Database
from service.store.tables import MESSAGES, THREADS, Moment

_NOW = sa.bindparam("now", type_=Moment)
_MOST = sa.bindparam("most", type_=sa.BigInteger)


class Statements:
    """Those with the parameter `rows` take many rows at once; see `Given`."""

    def __init__(self, database: Database) -> None:
        given = database.given
        owner, thread_id = given.column(0, sa.Text), given.column(1, sa.Text)
        is_given = sa.and_(THREADS.c.owner == owner, THREADS.c.thread_id == thread_id)

        self.read = database.as_json(
            sa.select(
                THREADS.c.owner, THREADS.c.thread_id, MESSAGES.c.number, MESSAGES.c.role, MESSAGES.c.content
            )
            .where(
                is_given,
                THREADS.c.heard_at > sa.bindparam("since", type_=Moment),
                MESSAGES.c.thread == THREADS.c.id,
                MESSAGES.c.number > THREADS.c.messages - _MOST,
            )
            .subquery("found")
        )
        """Messages of the threads `rows` (owner, thread id) that were heard after `since`: the last `most` of each.

        As JSON: owner, thread id, number, role, content; in any order.
        """

        touched = database.insert(THREADS).from_select(
            ["owner", "thread_id", "messages", "heard_at"],
            # A condition, or SQLite would take the ON of what follows for a join's.
            sa.select(owner, thread_id, given.column(2, sa.BigInteger), _NOW).where(sa.true()),
        )
        self.touch = touched.on_conflict_do_update(
            index_elements=["owner", "thread_id"],
            set_={"messages": THREADS.c.messages + touched.excluded.messages, "heard_at": _NOW},
        )
        """Makes the threads `rows` (owner, thread id, messages that come), or counts these on, heard `now`."""

        self.find = database.as_json(
            sa.select(THREADS.c.id, THREADS.c.owner, THREADS.c.thread_id, THREADS.c.messages)
            .where(is_given)
            .subquery("found")
        )
        """As JSON: id, owner, thread id, messages, of the threads `rows` (owner, thread id)."""

        self.add = sa.insert(MESSAGES).from_select(
            ["thread", "number", "role", "content", "said_at"],
            sa.select(
                given.column(0, sa.BigInteger),
                given.column(1, sa.BigInteger),
                given.column(2, sa.Text),
                given.column(3, sa.Text),
                _NOW,
            ),
        )
        """Adds the messages `rows` (thread, number, role, content), said `now`."""

        n_messages = sa.select(THREADS.c.messages).where(THREADS.c.id == MESSAGES.c.thread).scalar_subquery()
        self.trim = sa.delete(MESSAGES).where(
            MESSAGES.c.thread.in_(sa.select(given.column(0, sa.BigInteger))),
            MESSAGES.c.number <= n_messages - _MOST,
        )
        """Leaves the last `most` messages of the threads `rows` (thread)."""

        # Rows that another process works on are left to it: waiting for each other would be a deadlock.
        silent = sa.select(THREADS.c.id).where(THREADS.c.heard_at <= sa.bindparam("before", type_=Moment))
        self.expire = sa.delete(THREADS).where(THREADS.c.id.in_(silent.with_for_update(skip_locked=True)))
        """Deletes threads that have been silent since `before`."""

        newest = (THREADS.c.heard_at.desc(), THREADS.c.id.desc())
        ranked = sa.select(
            THREADS.c.id,
            THREADS.c.heard_at,
            sa.func.row_number().over(partition_by=THREADS.c.owner, order_by=newest).label("rank"),
        ).subquery("ranked")
        surplus = (
            sa.select(ranked.c.id)
            .order_by(ranked.c.rank, ranked.c.heard_at.desc(), ranked.c.id.desc())
            .offset(_MOST)
        )
        # In two steps, for PostgreSQL locks no rows of a query that ranks them.
        locked = sa.select(THREADS.c.id).where(THREADS.c.id.in_(surplus)).with_for_update(skip_locked=True)
        self.shrink = sa.delete(THREADS).where(THREADS.c.id.in_(locked))
        """Leaves `most` threads: everybody's newest, then everybody's second newest, and so on.

        Whoever has the most loses the oldest of theirs first, so nobody can take away the others' by making many.
        """

        self.count = sa.select(sa.func.count()).select_from(THREADS)

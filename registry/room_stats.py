"""How well rooms are kept: what the keeper has counted, and the sessions of the last 24 hours. Pure."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from itertools import accumulate

from registry.session_records import LOST, Ending
from rooms.tally import Counts, average, percentile
from rooms.views import DispatchStats, GraceStats, RecoveryStats, RoomStats

STATS_PERIOD = timedelta(hours=24)

LONGEST_SAVED = timedelta(hours=4)
"""Most that one agent's leaving counts for: somebody would have ended the process after that."""

BY_THEMSELVES = frozenset({"humans_left", "never_joined"})
"""Close reasons of agents that left because nobody was there."""

UNKNOWN = "unknown"
"""Exit code of a session that did not say it."""


def room_stats(
    counts: Counts,
    *,
    since: datetime,
    ended: Sequence[Ending],
    going: Iterable[tuple[str, datetime]],
    n_started: int,
    now: datetime,
) -> RoomStats:
    """The statistics.

    Args:
        since: The date of `counts.since`.
        ended: Sessions that ended within `STATS_PERIOD`.
        going: Room and start of those that go on.
        n_started: Sessions that began within `STATS_PERIOD`.
    """
    return RoomStats(
        since=since,
        phases=counts.phases,
        without_agent=counts.without_agent,
        grace=GraceStats(
            started=counts.grace_started,
            cancelled=counts.grace_cancelled,
            expired=counts.grace_expired,
            average_seconds=_rounded(average(counts.grace_lengths)),
        ),
        recoveries=RecoveryStats(
            count=counts.recoveries,
            failed=counts.recoveries_failed,
            average_seconds=_rounded(average(counts.recovery_lengths)),
        ),
        dispatches=DispatchStats(
            sent=counts.dispatches,
            answered=counts.dispatches_answered,
            p50_seconds=_rounded(percentile(counts.dispatch_lengths, 0.5)),
            p95_seconds=_rounded(percentile(counts.dispatch_lengths, 0.95)),
        ),
        sessions=n_started,
        exit_codes=exit_codes(ended),
        crash_rate=crash_rate(ended),
        minutes_saved=minutes_saved(ended, going, now=now),
    )


def exit_codes(ended: Iterable[Ending]) -> dict[str, int]:
    """How many sessions ended with which exit code; `lost` = their process died, `unknown` = they did not say."""
    return dict(sorted(Counter(exit_code(one) for one in ended).items()))


def crash_rate(ended: Sequence[Ending]) -> float | None:
    """Share of those that ended by an error or were lost, 0 to 1; None = none ended."""
    if not ended:
        return None
    return sum(exit_code(one) not in ("0", UNKNOWN) for one in ended) / len(ended)


def minutes_saved(ended: Sequence[Ending], going: Iterable[tuple[str, datetime]], *, now: datetime) -> float:
    """Minutes that rooms stayed empty after their agents left by themselves, until an agent was there again."""
    forever = datetime.max.replace(tzinfo=now.tzinfo)
    spans: dict[str, list[tuple[datetime, datetime]]] = {}
    left: dict[str, set[datetime]] = {}
    for one in ended:
        spans.setdefault(one.room, []).append((one.started_at, one.ended_at))
        if one.close_reason in BY_THEMSELVES:
            left.setdefault(one.room, set()).add(one.ended_at)
    for room, started_at in going:
        spans.setdefault(room, []).append((started_at, forever))
    saved = sum((_empty(left[room], spans[room], now=now) for room in left), timedelta())
    return round(saved.total_seconds() / 60, 1)


def _empty(left: Iterable[datetime], spans: list[tuple[datetime, datetime]], *, now: datetime) -> timedelta:
    """How long no agent was in a room after each moment of `left`, `LONGEST_SAVED` at most for each."""
    spans.sort()
    starts = [started_at for started_at, _ in spans]
    latest_ends = list(accumulate((ended_at for _, ended_at in spans), max))
    saved = timedelta()
    for left_at in left:
        n_begun = bisect_right(starts, left_at)
        if latest_ends[n_begun - 1] > left_at:
            continue  # another agent was there
        until = min(now, left_at + LONGEST_SAVED, *starts[n_begun : n_begun + 1])
        saved += max(timedelta(), until - left_at)
    return saved


def exit_code(one: Ending) -> str:
    """Of a session that ended; `lost` or `unknown` where there is none."""
    if one.close_reason == LOST:
        return LOST
    return UNKNOWN if one.exit_code is None else str(one.exit_code)


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 3)

"""What a further report of a session changes in what is kept of it. Pure."""

from __future__ import annotations

import dataclasses

from registry.session_records import LOST, SessionRow


def merged(kept: SessionRow, report: SessionRow) -> SessionRow:
    """`kept`, after `report`. Reports may be repeated, and one may come after a later one.

    An end is final, but for one that was only thought of: a session that was given up as lost and reports
    again goes on, or has ended in the way it says.
    """
    is_final = kept.ended_at is not None and kept.close_reason != LOST
    is_late = is_final and report.ended_at is None
    end = kept if is_final else report
    return dataclasses.replace(
        report,
        room_sid=report.room_sid or kept.room_sid,
        job_id=report.job_id or kept.job_id,
        host=kept.host if report.host is None else report.host,
        resumes=kept.resumes if report.resumes is None else report.resumes,
        started_at=min(kept.started_at, report.started_at),  # an age is rounded, and its way here takes time
        heard_at=max(kept.heard_at, report.heard_at),
        most_humans=max(kept.most_humans, report.most_humans),
        n_turns=kept.n_turns,
        usage=kept.usage if is_late else report.usage or kept.usage,
        ended_at=end.ended_at,
        close_reason=end.close_reason,
        exit_code=report.exit_code if end.exit_code is None else end.exit_code,
        first_audio=report.first_audio if kept.first_audio is None else kept.first_audio,
        more_events=max(kept.more_events, report.more_events),
    )

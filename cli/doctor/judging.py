"""What is good and what is not, of what was seen of LiveKit and the settings. Pure."""

from __future__ import annotations

from cli.doctor.livekit import Entry, Refusal
from cli.doctor.verdicts import Verdict, fail, ok, warn

MOST_SKEW = 30.0
"""Seconds that two clocks may differ. Tokens of room keeping live so long."""

MARGIN = 5.0
"""Seconds that a room must stay open beyond the grace period, so that no hold is needed (`session/room_hold`)."""

TESTED_WITH = (1, 13, 5)
"""livekit-server that all this was measured with."""

_KEYS = "LIVEKIT_API_KEY and LIVEKIT_API_SECRET"
_KEYS_WAY_OUT = "take the pair from LiveKit's configuration (`keys:`) or its dashboard"
_REFUSALS = {
    Refusal.UNKNOWN_KEY: ("LiveKit knows no such LIVEKIT_API_KEY", _KEYS_WAY_OUT),
    Refusal.WRONG_SECRET: ("LIVEKIT_API_SECRET is not the secret of that LIVEKIT_API_KEY", _KEYS_WAY_OUT),
    Refusal.CLOCK: (
        "LiveKit takes the tokens for expired, or for not valid yet",
        "set this machine's clock, or LiveKit's, by NTP",
    ),
}


def judge_settings(trouble: str) -> list[Verdict]:
    """The settings as a whole.

    Args:
        trouble: A line for each that is wrong; empty = none is.
    """
    if not trouble:
        return [ok("settings", "all can be read (environment, .env.local, .env)")]
    return [
        fail("settings", line, "mend it in the environment, .env.local or .env")
        for line in trouble.splitlines()
    ]


def judge_agent_name(name: str | None) -> list[Verdict]:
    """LIVEKIT_AGENT_NAME, which is often left over from an example."""
    if not name:
        return []
    return [
        warn(
            "agent name",
            f"LIVEKIT_AGENT_NAME={name!r} is set: LiveKit sends no agent by itself when a human joins a room",
            "unset it, unless your own dispatches name it",
        )
    ]


def looks_swapped(api_key: str, api_secret: str) -> bool:
    """Whether what stands as the secret looks like a key: those begin with ``API``, and are the shorter ones."""
    if api_key.startswith("API"):
        return False
    return api_secret.startswith("API") or len(api_secret) < len(api_key)


def judge_entry(entry: Entry, *, url: str, is_swapped: bool) -> Verdict:
    """Whether LiveKit answers and takes the keys.

    Args:
        is_swapped: It takes them the other way round.
    """
    if not entry.is_livekit:
        return fail(
            "LiveKit",
            f"LIVEKIT_URL={url} answers, but not as LiveKit does (HTTP {entry.status})",
            "give the URL of livekit-server, like ws://127.0.0.1:7880",
        )
    if entry.refusal is None:
        return ok("LiveKit", f"{url} answers and takes the keys")
    if is_swapped:
        return fail("LiveKit", f"{_KEYS} are swapped", "give each the other's value")
    text, way_out = _REFUSALS.get(
        entry.refusal, (f"{url} refuses {_KEYS} (HTTP {entry.status})", _KEYS_WAY_OUT)
    )
    return fail("LiveKit", text, way_out)


def judge_clock(whose: str, skew: float | None) -> list[Verdict]:
    """A clock beside ours.

    Args:
        skew: Seconds that it is ahead of ours; None = it does not tell its time.
    """
    if skew is None:
        return []
    if abs(skew) <= MOST_SKEW:
        return [ok("clock", f"{whose} and this machine agree")]
    way = "ahead of" if skew > 0 else "behind"
    return [
        warn(
            "clock",
            f"{whose} is {abs(skew):.0f} s {way} this machine; tokens live 30 to 60 s",
            "let both set their clocks by NTP",
        )
    ]


def judge_version(version: str) -> list[Verdict]:
    """livekit-server's version; empty = it does not tell."""
    if not version:
        return [ok("version", "LiveKit does not tell its version")]
    tested = ".".join(str(part) for part in TESTED_WITH)
    numbers = _numbers(version)
    if numbers is not None and numbers < TESTED_WITH:
        return [
            warn(
                "version",
                f"livekit-server {version} is older than {tested}, which all this is tested with",
                f"update it to {tested} or later",
            )
        ]
    return [ok("version", f"livekit-server {version}")]


def judge_rpc(*, is_known: bool) -> Verdict:
    """Whether agents can be asked how they are through LiveKit."""
    if is_known:
        return ok("agent calls", "LiveKit can ask agents how they are (PerformRpc)")
    return fail(
        "agent calls",
        "this LiveKit cannot ask agents how they are (no RoomService/PerformRpc): it is too old",
        f"update livekit-server to {'.'.join(str(part) for part in TESTED_WITH)} or later",
    )


def judge_departure(departure_timeout: float | None, *, grace_period: float) -> Verdict:
    """Whether rooms stay open as long as agents wait for humans to come back."""
    if departure_timeout is None:
        return warn(
            "departure timeout",
            "LiveKit does not say how long its rooms stay open without humans",
            "let the keys make rooms (grant roomCreate)",
        )
    if departure_timeout >= grace_period + MARGIN:
        return ok(
            "departure timeout",
            f"rooms stay open for {departure_timeout:g} s, longer than GRACE_PERIOD={grace_period:g}",
        )
    wanted = f"{grace_period + MARGIN:g}"
    return warn(
        "departure timeout",
        f"new rooms close {departure_timeout:g} s after the last human, before GRACE_PERIOD={grace_period:g} is over; "
        "agents keep them open by a hidden participant",
        f"`room: {{departure_timeout: {wanted}}}` in LiveKit's configuration does it without",
    )


def _numbers(version: str) -> tuple[int, ...] | None:
    parts = version.removeprefix("v").partition("-")[0].split(".")
    return tuple(int(part) for part in parts) if all(part.isdecimal() for part in parts) else None

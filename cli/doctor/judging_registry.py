"""What is good and what is not, of what the registry tells. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from cli.answers import Agent
from cli.doctor.tokens import http_url
from cli.doctor.verdicts import Verdict, fail, ok, warn
from cli.durations import ago, between
from cli.room_answers import Keeper, Room
from cli.terminal import one_line

_MOST_NAMES = 3


def judge_readiness(status: int, text: str) -> Verdict:
    """The registry's database, by its `/readyz`.

    Args:
        status: Of HTTP.
        text: What it answers.
    """
    if status == 200:
        return ok("database", "the registry reads and writes it, and its tables are up to date")
    if status == 503:
        return fail("database", one_line(text)[:300], "see DATABASE_URL at the registry, and its log")
    return fail("database", f"the registry does not tell (HTTP {status})", "update the registry")


def judge_workers(workers: Sequence[Agent]) -> list[Verdict]:
    """The workers that beat to the registry: without one, no agent comes to any room."""
    alive = [worker for worker in workers if not worker.is_over]
    if not alive:
        what = "no worker beats to the registry" if not workers else "no worker is alive"
        return [
            fail(
                "worker",
                what,
                "start one: `python agent.py start`; it beats to WEB_UI_URL, as set where it runs",
            )
        ]
    good = [worker for worker in alive if worker.status == "running"]
    verdicts = []
    if good:
        n = len(good)
        verdicts.append(ok("worker", f"{n} worker{'s are' if n != 1 else ' is'} taken by LiveKit and well"))
    for worker in alive:
        if worker.status != "running":
            found = f"{one_line(worker.agent_id)} is {worker.status}"
            why = one_line(worker.why)
            verdict = warn if good else fail
            verdicts.append(
                verdict(
                    "worker",
                    f"{found}: {why}" if why else found,
                    f"see `roomkeeper agents show {one_line(worker.agent_id)}`, and its log",
                )
            )
    return verdicts


def judge_foreign(rooms: Sequence[Room]) -> list[Verdict]:
    """Agents of other programs in rooms of ours: LiveKit shares rooms out among all workers without a name."""
    names = [
        room.name
        for room in rooms
        if room.agent_id is not None and any(agent.health == "foreign" for agent in room.agents)
    ]
    if not names:
        return []
    return [
        warn(
            "other workers",
            f"agents of another program are in {_some(names)}: its worker takes rooms of this LiveKit project too",
            "stop it, or give it an agent name of its own (LIVEKIT_AGENT_NAME there)",
        )
    ]


def judge_waiting(rooms: Sequence[Room]) -> list[Verdict]:
    """Rooms in which a human waits."""
    names = [room.name for room in rooms if room.human_waits]
    if not names:
        return []
    return [
        warn(
            "rooms", f"a human waits for an agent in {_some(names)}", f"`roomkeeper why {one_line(names[0])}`"
        )
    ]


def judge_keeper(keeper: Keeper, *, livekit_url: str | None) -> list[Verdict]:
    """The room keeper, but for webhooks.

    Args:
        livekit_url: LIVEKIT_URL here; None = not set.
    """
    if not keeper.is_on:
        return [
            warn(
                "room keeping",
                one_line(keeper.trouble or "it is off at the registry: no agent is brought back into a room"),
                "set LIVEKIT_URL, LIVEKIT_API_KEY and LIVEKIT_API_SECRET at the registry, and ROOM_KEEPING=true",
            )
        ]
    verdicts = []
    if not keeper.is_reachable:
        where = one_line(keeper.livekit_url or "its URL")
        verdicts.append(
            fail(
                "room keeping",
                f"LiveKit does not answer the registry at {where}" + _because(keeper.trouble),
                "start LiveKit, or mend LIVEKIT_URL at the registry",
            )
        )
    elif keeper.trouble:
        verdicts.append(fail("room keeping", one_line(keeper.trouble), "see the registry's log"))
    elif keeper.is_leading:
        verdicts.append(ok("room keeping", "the registry keeps the rooms"))
    else:
        verdicts.append(ok("room keeping", "another registry on the same database keeps the rooms"))
    if livekit_url and keeper.livekit_url and not _is_same(livekit_url, keeper.livekit_url):
        verdicts.append(
            warn(
                "room keeping",
                f"the registry keeps the rooms of {one_line(keeper.livekit_url)}, but LIVEKIT_URL={livekit_url} here",
                "give both the same LIVEKIT_URL, unless these are two names of one server",
            )
        )
    return verdicts


def judge_webhooks(keeper: Keeper, *, now: datetime) -> list[Verdict]:
    """LiveKit's webhooks, which only make the keeper quicker.

    Args:
        now: By the registry's clock.
    """
    if not keeper.is_on:
        return []
    verdicts = []
    if keeper.webhook_seen_at is None:
        verdicts.append(
            warn(
                "webhooks",
                "none has come to the registry: it sees joins only when it looks, every few seconds",
                "`webhook: {api_key: …, urls: [http://REGISTRY/api/livekit/webhook]}` in LiveKit's configuration",
            )
        )
    else:
        verdicts.append(ok("webhooks", f"the last one came {ago(between(keeper.webhook_seen_at, now))}"))
    if keeper.forged_webhooks:
        n = keeper.forged_webhooks
        verdicts.append(
            warn(
                "webhooks",
                f"{n} {'was' if n == 1 else 'were'} refused for a wrong signature",
                "let LiveKit sign them with the key that the registry has (`webhook: {api_key: …}`)",
            )
        )
    return verdicts


def _is_same(one: str, other: str) -> bool:
    return _plain(one) == _plain(other)


def _plain(url: str) -> str:
    return http_url(url).rstrip("/").replace("//localhost", "//127.0.0.1")


def _because(trouble: str | None) -> str:
    return f": {one_line(trouble)}" if trouble else ""


def _some(names: Sequence[str]) -> str:
    shown = ", ".join(one_line(name) for name in names[:_MOST_NAMES])
    return shown if len(names) <= _MOST_NAMES else f"{shown} and {len(names) - _MOST_NAMES} more"

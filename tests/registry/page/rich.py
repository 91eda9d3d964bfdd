"""A lot to see: every phase, every state, long names, trouble. For looking at the page, and for axe."""

from __future__ import annotations

from datetime import timedelta

from processes import State
from registry.session_records import EventRow, ProfileRow, RoomEvent, Timed, TurnRow
from rooms.views import ClosureView, DecisionView, FactView, WhyView
from tests.registry.page.conftest import Kept
from tests.registry.page.pretend_keeping import a_process, a_room, a_session, ago, an_agent, stats
from wire import DEFAULT_PROFILE, Delays

RED = "agent-frontdesk-room"
SESSION = "a3a1a0e4-51cd-4b0b-b6a7-8b9d6f6f9a10"
LONG = "agent-a.rather_long-id-that-somebody-has-made-of-a-whole-sentence-and-a-uuid-0f3b2c77-room"


def fill(kept: Kept) -> None:
    """Rooms, their history, sessions and what was said in them, processes, a profile."""
    _rooms(kept)
    _why(kept)
    _sessions(kept)
    _processes(kept)
    kept.store.profiles.put(
        ProfileRow(agent_id="7", profile=DEFAULT_PROFILE, updated_at=ago(4_000), updated_by="Ann")
    )


def _rooms(kept: Kept) -> None:
    asked = DecisionView(at=ago(3), action="dispatch", why="a human has been without an agent for 2 s")
    content = DecisionView(at=ago(44), action="nothing", why="one agent, and it is well")
    kept.keeper.put(
        a_room(
            RED,
            humans=["guest-4711", "coach-maria"],
            phase="starting",
            trouble="no agent came in 3 tries: LiveKit has no worker for this room; start one, or look at its log",
            last_decision=asked,
            attempts=3,
            agent_id="frontdesk",
        ),
        a_room("agent-7-room", humans=["guest"], agents=(an_agent("ai-7-AJ_x8Yh2"),), last_decision=content),
        a_room(
            "agent-8-room",
            phase="grace_period",
            grace_ends_at=ago(-42),
            agents=(
                an_agent("ai-8-AJ_k2", row_id="8"),
                an_agent("ai-8-AJ_k3", health="suspect", row_id=None),
            ),
            last_decision=DecisionView(at=ago(1), action="ask", why="the line of ai-8-AJ_k3 broke"),
        ),
        a_room(
            "agent-9-room",
            phase="closing",
            agents=(an_agent("ai-9-AJ_k2", leaving="humans_left", row_id="9", health="stopped"),),
            closed=ClosureView(by="Ann", reason="the hotel is closed", at=ago(300)),
        ),
        a_room(LONG, agent_id=None, phase="empty", agents=(an_agent("another-program", health="foreign"),)),
        *(a_room(f"agent-1{n}-room", humans=["guest"], agents=(an_agent(),)) for n in range(4)),
    )
    kept.keeper.counts = stats(without_agent=1)
    kept.keeper.is_now(forged_webhooks=2, webhook_seen_at=ago(7))


def _why(kept: Kept) -> None:
    kept.keeper.whys[RED] = WhyView(
        room=RED,
        answer="Nobody answers: three agents were asked for, and none came.",
        facts=(
            FactView(at=ago(65), source="livekit", text="guest-4711 joined"),
            FactView(at=ago(60), source="keeper", text="asked for an agent (try 1); none came within 5 s"),
            FactView(at=ago(40), source="beats", text="no worker beats here", is_bad=True),
            FactView(at=ago(20), source="livekit", text="3 dispatches wait for a worker", is_bad=True),
            FactView(at=None, source="operator", text="nobody has closed the room"),
        ),
        next_step="ask for an agent again",
        next_at=ago(-12),
        events=(),
    )
    kept.store.rooms.add_events(
        [
            RoomEvent(
                at=ago(130), room=RED, sid="RM_1", kind="human_came", text="a client came", by="livekit"
            ),
            RoomEvent(
                at=ago(128),
                room=RED,
                sid="RM_1",
                kind="dispatch",
                text="an agent was asked for: a human has been without one for 2 s",
                by="keeper",
                evidence={"humans": 1, "agents": [], "dispatchId": "AD_x7", "tries": 1, "tookMs": 7.2},
            ),
            RoomEvent(
                at=ago(127), room=RED, sid="RM_1", kind="agent_came", text="an agent came", by="livekit"
            ),
            RoomEvent(
                at=ago(80),
                room=RED,
                sid="RM_1",
                kind="recover",
                text="ai-frontdesk-AJ_1 was removed and another one asked for: its process is gone",
                by="keeper",
                evidence={"incarnation": "0f3b", "asked": ["silent", "silent"], "worker": "says it is gone"},
            ),
            RoomEvent(at=ago(60), room=RED, sid="RM_1", kind="phase", text="active → starting", by="keeper"),
        ]
    )


USAGE = (
    {
        "type": "llm_usage", "provider": "api.openai.com", "model": "gpt-4.1-mini-2025-04-14",
        "input_tokens": 40_210, "input_cached_tokens": 12_000, "output_tokens": 3_770,
    },
    {"type": "stt_usage", "provider": "Deepgram", "model": "nova-3", "audio_duration": 812.5, "is_local": True},
    {"type": "tts_usage", "provider": "Acme", "model": "voice-of-tomorrow", "characters_count": 8_400},
    {"type": "eot_usage", "provider": "livekit", "model": "v1-mini", "total_requests": 44},
)  # fmt: skip

EVENTS = (
    ("recovered", "", 0), ("human_came", "client; 1 human is there now", 1), ("interrupted", "", 300),
    ("human_came", "coach; 2 humans are there now", 500), ("provider_failed", "thinking", 900),
    ("model_switched", "http://one.example/v1 → http://two.example/v1: no answer", 905),
    ("provider_recovered", "thinking", 950), ("reconnecting", "", 1_200), ("reconnected", "", 1_203),
    ("human_left", "coach; 1 human is there now", 1_500), ("human_left", "client; 0 humans are there now", 1_600),
    ("grace_began", "for 60 s", 1_600), ("human_came", "client; 1 human is there now", 1_640),
    ("grace_ended", "a human is there again", 1_640), ("note", "the avatar is absent", 1_700),
)  # fmt: skip


def _sessions(kept: Kept) -> None:
    first = a_session(
        "2f6c1f0e-7d4c-4a53-8f6e-0f7f5c1f3a55", room=RED, agent_id="frontdesk", started_at=ago(4_000),
        ended_at=ago(3_100), close_reason="lost", heard_at=ago(3_100), host="north",
    )  # fmt: skip
    second = a_session(
        SESSION, room=RED, agent_id="frontdesk", resumes=first.id,
        started_at=ago(3_099), host="north", room_sid="RM_1", job_id="AJ_2", most_humans=2, row_id="frontdesk",
        first_audio=0.64, more_events=3, usage=USAGE,
    )  # fmt: skip
    said = [
        ("assistant", "Hello, this is Ada at Harbour Hotel. How can I help you?"),
        ("user", "When is breakfast, and is there a pool that is open in the evening?"),
        ("assistant", "Breakfast is served from seven to ten on the ground"),
        ("user", "And the pool?"),
    ]
    kept.store.sessions.report(first, _turns(first.id, said[:3], at=3_900))
    kept.store.sessions.report(second, [*_turns(second.id, said[3:] + said[:1], at=3_000), *_talk(second.id)])
    kept.store.sessions.happened(
        second.id,
        [
            EventRow(session_id=second.id, number=number, kind=kind, text=text, at=ago(3_099 - after))
            for number, (kind, text, after) in enumerate(EVENTS)
        ],
    )
    kept.sessions.measured = (
        [
            Timed(ago(1_800 * n), Delays(stt=0.3 + n % 3 / 10, llm=0.2, tts=0.1, total=0.8 + n % 7 / 5))
            for n in range(60)
        ],
        [(ago(3_600 * n), 0.6 + n % 4 / 10) for n in range(30)],
    )
    for number, (reason, code) in enumerate([("humans_left", 0), ("operator", 0), ("failed", 1)]):
        done = a_session(
            f"done-{number}", room=f"agent-{number}-room", started_at=ago(9_000 + number), ended_at=ago(8_000),
            close_reason=reason, exit_code=code,
        )  # fmt: skip
        kept.store.sessions.report(done, [])
    kept.store.sessions.report(a_session("long", room=LONG, agent_id="a.rather_long-id"), [])


def _talk(session_id: str) -> list[TurnRow]:
    """Turns with all their times."""
    return [
        TurnRow(
            session_id=session_id,
            number=number,
            role="assistant" if number % 2 else "user",
            text="The pool is on the fifth floor and is open until nine." if number % 2 else "And the pool?",
            is_kept=True,
            at=ago(3_099 - 100 * number - 4),
            started=100.0 * number,
            duration=4.2,
            delays=Delays(llm=0.21, tts=0.13, total=0.84)
            if number % 2
            else Delays(stt=0.31, end_of_turn=0.5),
        )
        for number in range(2, 30)
    ]


def _turns(session_id: str, said: list[tuple[str, str]], *, at: float) -> list[TurnRow]:
    return [
        TurnRow(
            session_id=session_id, number=number, role=role, text=text, interrupted=text.endswith("ground"),
            at=ago(at) + timedelta(seconds=7 * number),
        )
        for number, (role, text) in enumerate(said)
    ]  # fmt: skip


def _processes(kept: Kept) -> None:
    kept.children.put(
        a_process("front-desk"),
        a_process(
            "night-desk",
            state=State.BACKOFF,
            retry_at=ago(-17),
            exit_code=1,
            restarts=4,
            trouble="it ended with exit code 1 after 0.4 s, five times in a row; look at its last lines",
        ),
        a_process("spa", state=State.STOPPED, exit_code=0),
        a_process("old", state=State.EXITED, exit_code=-9, trouble="was ended by SIGKILL"),
        a_process("young", state=State.STARTING),
        a_process("leaving", state=State.STOPPING, command="python " + "--a-long-option " * 12),
    )
    kept.children.rows = {"front-desk": ("front-desk", "7", "8", "9", "10")}
    kept.children.supervisor.trouble = "agents.toml: agents.spa.comand: no such key (is command meant?)"
    kept.children.supervisor.log = {"night-desk": [f"line {n}: it says something" for n in range(60)]}

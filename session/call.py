"""One call: an agent in a room, from connecting to the end of its process."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine

from livekit import rtc
from livekit.agents import JobContext

from config import LiveKitLogin, Settings
from lifecycle import CloseReason, Phase, RoomLife, RoomLimits, Watchdog, watch
from session import duplicates, rpc
from session.beating import Beating
from session.call_state import CallState
from session.conversation import Conversation
from session.journal import Journal
from session.leaving import LEAVING_TIMEOUT, Step, take_steps
from session.linking import choose_linked
from session.room_end import leave_behind
from session.room_hold import RoomHold, needs_hold
from session.roster import Human, humans_among
from session.server_api import ServerApi
from wire import INCARNATION, LEAVING, STATUS_METHOD, AgentId

logger = logging.getLogger(__name__)

RECOUNT_INTERVAL = 5.0
"""Seconds between two looks at the roster without an event. Events can be lost."""

BACKSTOP = 15.0
"""Seconds that the watchdog gives the event loop to keep a limit by itself."""

GOODBYE_TIMEOUT = 1.3
"""Seconds to say goodbye to the registry. A human may wait for a successor, so one that hangs is not waited for."""


class Call:
    """One agent in one room. `start` returns when the agent is there; the call then lives by itself.

    Args:
        ctx: The job's.
        agent_id: Which agent this is.
        settings: Limits.
        conversation: The pipeline and what is said in it.
        journal: Where the conversation is written.
        login: Where LiveKit is.
        server_api: LiveKit's, for this project.
        watchdog: Ends the process when the event loop does not.
        beating: Keeps the registry told; begun by the call when it is sure to stay.
    """

    def __init__(
        self,
        ctx: JobContext,
        *,
        agent_id: AgentId,
        settings: Settings,
        conversation: Conversation,
        journal: Journal,
        login: LiveKitLogin,
        server_api: ServerApi,
        watchdog: Watchdog,
        beating: Beating,
    ) -> None:
        self._ctx = ctx
        self._room = ctx.room
        self._room_name = ctx.job.room.name
        self._agent_id = agent_id
        self._settings = settings
        self._conversation = conversation
        self._journal = journal
        self._login = login
        self._server_api = server_api
        self._watchdog = watchdog
        self._beating = beating
        self._loop = asyncio.get_running_loop()
        self._life = RoomLife(
            RoomLimits(
                grace_period=settings.grace_period,
                first_human_timeout=settings.first_human_timeout,
                disconnected_timeout=settings.disconnected_timeout,
                max_session=settings.max_session,
            ),
            now=self._loop.time(),
        )
        self._changed = asyncio.Event()
        self._hold = RoomHold(self._join_as_hold)
        self._humans: list[Human] = []
        self._speaking: list[str] = []
        self._lost: set[str] = set()
        self._loop_lag = 0.0
        self._is_entered = False
        self._elders = duplicates.Elders(
            self._room, ask=self._ask_elder, on_alive=self._yield, on_ghost=self._on_ghost
        )
        self._helpers: list[asyncio.Task[None]] = []
        self._life_task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Connect to the room and start the pipeline, both at once.

        Raises:
            Exception: Whatever the room or the pipeline raised; `finish` must still be called.
        """
        self._watchdog.limit("max_session", self._settings.max_session + BACKSTOP)
        self._watchdog.limit("loop", self._settings.disconnected_timeout + BACKSTOP)
        self._listen()
        self._life_task = asyncio.create_task(self._live(), name="call-life")
        self._help(self._recount_always(), "call-recount")
        self._help(self._hold.run(), "call-hold")
        self._help(self._journal.run(), "call-journal")
        # Not a TaskGroup: it would cancel Room.connect, which ends the process 15 s later.
        entering = asyncio.create_task(self._enter(), name="call-enter")
        starting = asyncio.create_task(self._conversation.start(self._room), name="call-pipeline")
        await asyncio.wait({entering, starting})
        try:
            await entering
            await starting
        except Exception:
            self.close(CloseReason.FAILED)
            raise
        self._beating.tell()
        self._recount()  # the pipeline links the first participant by itself, human or not

    async def finish(self) -> CloseReason:
        """Wait until the agent has left, and say why it did. May be called twice.

        When nothing has ended the call yet, the worker is being stopped, and that ends it.
        """
        self.close(CloseReason.WORKER_SHUTDOWN)
        if self._life_task is not None:
            await asyncio.wait({self._life_task})
        assert self._life.close_reason is not None  # noqa: S101  # `close` has just seen to it
        return self._life.close_reason

    def close(self, reason: CloseReason) -> None:
        """Begin to leave. The first reason counts."""
        self._life.close(reason, now=self._loop.time())
        self._changed.set()

    def status(self) -> dict[str, object]:
        """What `roomkeeper.status` answers."""
        return self.state().as_status(
            agent_id=self._agent_id,
            incarnation=self._incarnation,
            is_held=self._hold.is_held,
            loop_lag=self._loop_lag,
        )

    def state(self) -> CallState:
        """The call now. May be asked from any thread: it only reads."""
        now = self._loop.time()
        grace_ends_at = self._life.grace_ends_at
        trouble = self._conversation.trouble
        return CallState(
            room_name=self._room_name,
            phase=self._life.phase,
            humans=tuple(self._humans),
            since=max(0.0, now - self._life.phase_since),
            grace_left=None if grace_ends_at is None else max(0.0, grace_ends_at - now),
            is_ready=self._is_entered and self._conversation.is_running,
            failing=trouble.failing,
            last_error=trouble.last_error,
            error_age=None if trouble.last_error is None else max(0.0, now - trouble.failed_at),
            idle=max(0.0, now - max(self._conversation.active_at, self._life.phase_since)),
        )

    @property
    def _incarnation(self) -> str:
        return self._room.local_participant.attributes.get(INCARNATION, "") if self._is_entered else ""

    def _help(self, work: Coroutine[None, None, None], name: str) -> None:
        helper = asyncio.create_task(work, name=name)
        helper.add_done_callback(_say_broken)
        self._helpers.append(helper)

    # -- the room

    def _listen(self) -> None:
        """Register for everything that can change who is there. Before connecting: nothing is told twice."""
        for event in ("participant_connected", "participant_disconnected", "participant_attributes_changed"):
            self._room.on(event, self._recount)
        self._room.on("active_speakers_changed", self._on_speakers)
        self._room.on("connection_quality_changed", self._on_quality)
        self._room.on("reconnecting", self._on_reconnecting)
        self._room.on("reconnected", self._on_reconnected)
        self._room.on("disconnected", self._on_disconnected)
        self._conversation.on_closed = self._on_pipeline_closed
        self._conversation.trouble.on_change = self._beating.tell

    async def _enter(self) -> None:
        await self._ctx.connect()
        self._is_entered = True
        rpc.register(
            self._room.local_participant,
            room_name=self._room.name,
            server_api=self._server_api,
            status=self.status,
            leave=lambda: self.close(CloseReason.OPERATOR),
        )
        logger.info(
            "agent is in the room",
            extra={
                "action": "call.entered",
                "incarnation": self._incarnation,
                "departure_timeout": self._ctx.job.room.departure_timeout,
            },
        )
        self._recount()
        if not self._elders.is_asking:
            self._beating.begin(self._incarnation)

    def _recount(self, *_: object) -> None:
        """Count the humans anew from the roster, and follow them. Never by adding up events."""
        if self._life.is_disconnected or not self._is_entered:
            return
        # A participant is told of before its `joined_at` order is known here: the dict keeps arrival order.
        humans = humans_among(self._room.remote_participants.values())
        is_changed = humans != self._humans
        self._humans = humans
        if is_changed:
            self._beating.tell()
        self._lost &= {human.identity for human in self._humans}
        self._life.roster(len(self._humans), now=self._loop.time())
        self._changed.set()
        self._follow()
        self._elders.look()

    async def _recount_always(self) -> None:
        while True:
            wake_at = self._loop.time() + RECOUNT_INTERVAL
            await asyncio.sleep(RECOUNT_INTERVAL)
            self._loop_lag = max(0.0, self._loop.time() - wake_at)
            self._watchdog.limit("loop", self._settings.disconnected_timeout + BACKSTOP)
            self._recount()

    def _follow(self) -> None:
        linked = choose_linked(
            self._conversation.linked, self._humans, speaking=self._speaking, lost=self._lost
        )
        if linked is not None:
            self._conversation.link(linked)

    def _on_speakers(self, speakers: list[rtc.Participant]) -> None:
        self._speaking = [speaker.identity for speaker in speakers]
        if not self._life.is_disconnected:
            self._follow()

    def _on_quality(self, participant: rtc.Participant, quality: int) -> None:
        if quality == rtc.ConnectionQuality.QUALITY_LOST:
            self._lost.add(participant.identity)
        else:
            self._lost.discard(participant.identity)
        if not self._life.is_disconnected:
            self._follow()

    def _on_reconnecting(self) -> None:
        logger.warning("LiveKit is out of reach, reconnecting", extra={"action": "room.reconnecting"})
        self._life.disconnected(now=self._loop.time())
        self._watchdog.limit("disconnected", self._settings.disconnected_timeout + BACKSTOP)
        self._changed.set()

    def _on_reconnected(self) -> None:
        logger.info("LiveKit is back", extra={"action": "room.reconnected"})
        self._watchdog.clear("disconnected")
        self._life.reconnected(now=self._loop.time())
        self._recount()

    def _on_disconnected(self, reason: rtc.DisconnectReason.ValueType) -> None:
        logger.info(
            "the room is closed",
            extra={"action": "room.disconnected", "reason": rtc.DisconnectReason.Name(reason)},
        )
        self.close(CloseReason.DISCONNECTED if self._life.is_disconnected else CloseReason.ROOM_CLOSED)

    def _on_pipeline_closed(self, *, is_error: bool) -> None:
        # A close that nobody here asked for and that is no error is the job being ended from outside.
        self.close(CloseReason.PIPELINE_ENDED if is_error else CloseReason.WORKER_SHUTDOWN)

    async def _ask_elder(self, elder: str) -> str:
        return await self._room.local_participant.perform_rpc(
            destination_identity=elder,
            method=STATUS_METHOD,
            payload=rpc.payload(self._server_api, self._room.name),
            response_timeout=duplicates.ASK_TIMEOUT,
        )

    def _yield(self) -> None:
        logger.warning("an older agent is in the room", extra={"action": "call.duplicate"})
        self.close(CloseReason.DUPLICATE)

    def _on_ghost(self) -> None:
        # Not before: a duplicate would take the elder's row in the registry.
        self._beating.begin(self._incarnation)

    async def _join_as_hold(self) -> rtc.Room:
        room = rtc.Room()
        room.on("disconnected", lambda _: self._hold.lost(room))
        await room.connect(
            self._login.url,
            self._server_api.hold_token(self._room.name, self._ctx.job.id),
            rtc.RoomOptions(auto_subscribe=False),
        )
        return room

    # -- the life

    async def _live(self) -> None:
        try:
            reason = await watch(
                self._life, changed=self._changed, confirm=self._humans_on_the_list, on_phase=self._on_phase
            )
        except Exception:
            logger.exception("the call's life broke", extra={"action": "call.broke"})
            self.close(CloseReason.FAILED)
            reason = CloseReason.FAILED
        await self._leave(reason)
        self._ctx.shutdown(reason.value)

    async def _humans_on_the_list(self) -> int | None:
        humans = await self._server_api.humans(self._room.name)
        return None if humans is None else len(humans)

    def _on_phase(self, phase: Phase) -> None:
        logger.info(
            "room phase",
            extra={"action": "room.phase", "phase": phase.value, "humans": len(self._humans)},
        )
        self._beating.tell()
        self._conversation.set_audience(phase is Phase.ACTIVE)
        grace_ends_at = self._life.grace_ends_at
        self._hold.wish(
            grace_ends_at is not None
            and needs_hold(
                departure_timeout=self._ctx.job.room.departure_timeout,
                grace_left=grace_ends_at - self._loop.time(),
            )
        )

    async def _leave(self, reason: CloseReason) -> None:
        self._watchdog.limit("leaving", LEAVING_TIMEOUT + BACKSTOP / 3)
        logger.info("agent leaves", extra={"action": "call.leaving", "reason": reason.value})
        started_at = self._loop.time()
        steps = [
            Step(name="hush", limit=0.5, run=self._conversation.hush),
            Step(name="announce", limit=1.0, run=lambda: self._announce(reason)),
            Step(name="pipeline", limit=4.0, run=self._conversation.stop),
            Step(name="journal", limit=1.0, run=lambda: self._write_end(reason)),
            Step(name="helpers", limit=1.0, run=self._end_helpers),
            Step(
                name="goodbye",
                limit=GOODBYE_TIMEOUT + 0.2,
                run=lambda: self._beating.say_goodbye(reason.value),
            ),
            Step(name="hold", limit=2.0, run=self._hold.release),
            Step(name="room", limit=4.0, run=lambda: leave_behind(self._server_api, self._ctx.job, reason)),
            Step(name="disconnect", limit=2.0, run=self._room.disconnect),
        ]
        failed = await take_steps(steps)
        logger.info(
            "agent has left",
            extra={
                "action": "call.left",
                "reason": reason.value,
                "took_ms": round(1000 * (self._loop.time() - started_at)),
                "failed_steps": failed,
            },
        )

    async def _announce(self, reason: CloseReason) -> None:
        if self._is_entered and self._room.isconnected():
            await self._room.local_participant.set_attributes({LEAVING: reason.value})

    async def _write_end(self, reason: CloseReason) -> None:
        self._journal.write({"event": "ended", "reason": reason.value, "usage": self._conversation.usage()})
        await self._journal.flush()

    async def _end_helpers(self) -> None:
        for helper in self._helpers:
            helper.cancel()
        await asyncio.wait(self._helpers)
        await self._elders.aclose()


def _say_broken(helper: asyncio.Task[None]) -> None:
    if not helper.cancelled() and (error := helper.exception()) is not None:
        logger.error(
            "a part of the call broke",
            exc_info=error,
            extra={"action": "call.broke", "part": helper.get_name()},
        )

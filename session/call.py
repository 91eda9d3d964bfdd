"""One call: an agent in a room, from connecting to the end of its process."""

from __future__ import annotations

import asyncio
import logging

from livekit import rtc
from livekit.agents import JobContext

from config import LiveKitLogin, Settings
from lifecycle import CloseReason, Phase, RoomLife, RoomLimits, Watchdog, watch
from session import duplicates, rpc
from session.background import Background
from session.beating import Beating
from session.call_state import CallState
from session.conversation import Conversation
from session.journal import Journal
from session.leaving import LEAVING_TIMEOUT, Step, take_steps
from session.notes import Notes
from session.phase_log import PhaseLog
from session.presence import Presence
from session.reporting import Reporting
from session.room_end import leave_behind, sends_successor
from session.room_hold import RoomHold, join_as_hold, needs_hold
from session.server_api import ServerApi
from wire import INCARNATION, LEAVING, AgentId

logger = logging.getLogger(__name__)

RECOUNT_INTERVAL = 5.0
"""Seconds between two looks at the roster without an event. Events can be lost."""

BACKSTOP = 15.0
"""Seconds that the watchdog gives the event loop to keep a limit by itself."""

GOODBYE_TIMEOUT = 1.3
"""Seconds to say goodbye to the registry. A human may wait for a successor, so one that hangs is not waited for."""

REPORT_TIMEOUT = 0.8
"""Seconds to tell the registry the end of the conversation, likewise."""


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
        beating: Keeps the registry told how the call is; begun by the call when it is sure to stay.
        reporting: Tells it the conversation, likewise.
        notes: Tells the room how the agent is.
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
        reporting: Reporting,
        notes: Notes,
    ) -> None:
        self._ctx = ctx
        self._room = ctx.room
        self._room_name = ctx.job.room.name
        self._agent_id = agent_id
        self._settings = settings
        self._conversation = conversation
        self._journal = journal
        self._server_api = server_api
        self._watchdog = watchdog
        self._beating = beating
        self._reporting = reporting
        self._notes = notes
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
        self._began_at = self._loop.time()
        self._changed = asyncio.Event()
        self._hold = RoomHold(
            lambda: join_as_hold(
                login.url, server_api.hold_token(self._room_name, ctx.job.id), on_lost=self._hold.lost
            )
        )
        self._presence = Presence(
            self._room,
            conversation,
            is_frozen=lambda: self._life.is_disconnected or not self._is_entered,
            on_counted=self._on_counted,
        )
        self._phase_log = PhaseLog(reporting.story.happened)
        self._loop_lag = 0.0
        self._is_entered = False
        self._incarnation = ""
        self._is_end_told = False
        self._elders = duplicates.Elders(
            self._room,
            ask=lambda elder: duplicates.ask(self._room, elder, rpc.payload(server_api, self._room_name)),
            on_alive=self._yield,
            on_eldest=self._begin_to_tell,
        )
        self._background = Background()
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
        self._background.run(self._recount_always(), name="call-recount")
        self._background.run(self._hold.run(), name="call-hold")
        self._background.run(self._journal.run(), name="call-journal")
        self._background.run(self._reporting.run(), name="call-reports")
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
        self._presence.count()  # the pipeline links the first participant by itself, human or not

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
        self._beating.tell()

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
            humans=tuple(self._presence.humans),
            since=max(0.0, now - self._life.phase_since),
            grace_left=None if grace_ends_at is None else max(0.0, grace_ends_at - now),
            is_ready=self._is_entered and self._conversation.is_running,
            failing=trouble.failing,
            last_error=trouble.last_error,
            error_age=None if trouble.last_error is None else max(0.0, now - trouble.failed_at),
            idle=max(0.0, now - max(self._conversation.active_at, self._life.phase_since)),
            is_connected=not self._life.is_disconnected,
            closing=self._life.close_reason,
        )

    # -- the room

    def _listen(self) -> None:
        self._presence.listen()
        self._room.on("reconnecting", self._on_reconnecting)
        self._room.on("reconnected", self._on_reconnected)
        self._room.on("disconnected", self._on_disconnected)
        self._conversation.on_closed = self._on_pipeline_closed
        self._conversation.trouble.on_change = self._on_trouble

    async def _enter(self) -> None:
        await self._ctx.connect()
        self._is_entered = True
        self._incarnation = self._room.local_participant.attributes.get(INCARNATION, "")
        self._notes.begin(self._room.local_participant)
        rpc.register(
            self._room.local_participant,
            room_name=self._room.name,
            server_api=self._server_api,
            status=self.status,
            leave=self.close,
        )
        logger.info(
            "agent is in the room",
            extra={
                "action": "call.entered",
                "incarnation": self._incarnation,
                "departure_timeout": self._ctx.job.room.departure_timeout,
            },
        )
        self._presence.count()
        if not self._elders.is_asking:
            self._begin_to_tell()

    def _on_trouble(self) -> None:
        self._beating.tell()
        self._notes.wait_for(self._conversation.trouble.failing)

    def _begin_to_tell(self) -> None:
        """Not before it is sure that this agent stays: a duplicate would take the elder's row in the registry."""
        self._beating.begin(self._incarnation)
        self._reporting.begin(self._incarnation, usage=self._conversation.usage)

    def _on_counted(self, is_news: bool) -> None:
        n_humans = len(self._presence.humans)
        self._reporting.count(self._presence.humans)
        if is_news:
            self._beating.tell()
        self._life.roster(n_humans, now=self._loop.time())
        self._changed.set()
        self._elders.look()

    async def _recount_always(self) -> None:
        while True:
            wake_at = self._loop.time() + RECOUNT_INTERVAL
            await asyncio.sleep(RECOUNT_INTERVAL)
            self._loop_lag = max(0.0, self._loop.time() - wake_at)
            self._watchdog.limit("loop", self._settings.disconnected_timeout + BACKSTOP)
            self._presence.count()
            self._conversation.look_for_voice()

    def _on_reconnecting(self) -> None:
        logger.warning("LiveKit is out of reach, reconnecting", extra={"action": "room.reconnecting"})
        self._life.disconnected(now=self._loop.time())
        self._watchdog.limit("disconnected", self._settings.disconnected_timeout + BACKSTOP)
        self._changed.set()
        self._beating.tell()

    def _on_reconnected(self) -> None:
        logger.info("LiveKit is back", extra={"action": "room.reconnected"})
        self._watchdog.clear("disconnected")
        self._life.reconnected(now=self._loop.time())
        self._beating.tell()
        self._notes.again()
        self._presence.count()

    def _on_disconnected(self, reason: rtc.DisconnectReason.ValueType) -> None:
        logger.info(
            "the room is closed",
            extra={"action": "room.disconnected", "reason": rtc.DisconnectReason.Name(reason)},
        )
        if reason == rtc.DisconnectReason.PARTICIPANT_REMOVED:
            self.close(CloseReason.REMOVED)
        else:
            self.close(CloseReason.DISCONNECTED if self._life.is_disconnected else CloseReason.ROOM_CLOSED)

    def _on_pipeline_closed(self, *, is_error: bool) -> None:
        # A close that nobody here asked for and that is no error is the job being ended from outside.
        self.close(CloseReason.PIPELINE_ENDED if is_error else CloseReason.WORKER_SHUTDOWN)

    def _yield(self) -> None:
        logger.warning("an older agent is in the room", extra={"action": "call.duplicate"})
        self.close(CloseReason.DUPLICATE)

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
        self._beating.tell()
        if phase is Phase.CLOSING:
            self._conversation.leave(hears_out=bool(self._presence.humans))
        else:
            self._conversation.set_audience(phase is Phase.ACTIVE)
        grace_ends_at = self._life.grace_ends_at
        grace_left = None if grace_ends_at is None else grace_ends_at - self._loop.time()
        self._hold.wish(
            grace_left is not None
            and needs_hold(departure_timeout=self._ctx.job.room.departure_timeout, grace_left=grace_left)
        )
        self._phase_log.entered(
            phase,
            n_humans=len(self._presence.humans),
            grace_left=grace_left,
            reason=self._life.close_reason,
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
            Step(name="report", limit=REPORT_TIMEOUT + 0.2, run=lambda: self._report_end(reason)),
            Step(name="background", limit=1.0, run=self._end_background),
            Step(
                name="goodbye",
                limit=GOODBYE_TIMEOUT + 0.2,
                run=lambda: self._beating.say_goodbye(reason.value),
            ),
            Step(name="hold", limit=2.0, run=self._hold.release),
            Step(name="room", limit=4.0, run=lambda: self._leave_behind(reason)),
            Step(name="disconnect", limit=2.0, run=self._room.disconnect),
            Step(name="connections", limit=0.5, run=self._close_connections),
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

    async def _report_end(self, reason: CloseReason) -> None:
        is_answering = self._reporting.is_heard or self._beating.is_heard
        self._is_end_told = await self._reporting.end(
            reason.value,
            exit_code=int(reason.is_error),
            timeout=REPORT_TIMEOUT if is_answering else 0.0,
        )

    async def _leave_behind(self, reason: CloseReason) -> None:
        await leave_behind(
            self._server_api,
            self._ctx.job,
            reason,
            agent_id=self._agent_id,
            incarnation=self._incarnation,
            is_followed=sends_successor(
                reason,
                lasted=self._loop.time() - self._began_at,
                has_keeper=self._is_end_told and self._reporting.keeps_rooms and self._beating.is_heard,
            ),
        )

    async def _close_connections(self) -> None:
        await self._reporting.aclose()
        await self._server_api.aclose()

    async def _end_background(self) -> None:
        await self._background.aclose()
        await self._elders.aclose()
        await self._notes.aclose()

"""The LiveKit worker: takes calls while it has a place, and ends politely."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import functools
import logging
import math
import os
import signal
import socket
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
import psutil
from livekit.agents import NOT_GIVEN, AgentServer, NotGivenOr
from livekit.protocol import agent

from config import Settings, SettingsError, resolve_providers, state_folder
from heartbeat import Facts
from llm.models import Models
from session import job, journal, load, logs, profiles, starting
from session.beat_facts import WorkerState, worker_facts
from session.beating import Beating
from session.fetched_profiles import FetchedProfiles
from session.joining import JoiningRooms
from session.leaving import LEAVING_TIMEOUT
from session.own_agent import own_agent, own_settings
from session.registry_api import registry_api
from session.requests import Requests
from session.server_api import ServerApi, is_dispatch_deleted
from session.starting import WrongSettingError
from wire import DEFAULT_PROFILE, AgentId, Command, Order, Outcome, Profile

logger = logging.getLogger(__name__)

_PRELOADED = ["session.job"]
"""Imported once, for all job processes."""

CLOSE_TIMEOUT = LEAVING_TIMEOUT - 0.5
"""Seconds that all calls have to leave when the worker ends."""

_PORT_TROUBLE = {errno.EADDRINUSE, errno.EADDRNOTAVAIL, errno.EACCES}

GOODBYE_TIMEOUT = 1.0
"""Seconds that an ending worker gives the registry to take its goodbye."""

DEFAULT_AGENT = AgentId("default")
"""Whose profile a worker's own row is named after."""

_LOGIN = {"ws_url", "api_key", "api_secret"}

_SIGNALS = (signal.SIGTERM, signal.SIGINT)

WRONG_SETTINGS = 2
"""Exit code for what only a person can mend."""

FAILED = 1
"""Exit code for what a supervisor may try again."""


class Worker(AgentServer):
    """livekit-agents' worker, with our own load, our own end, and words for what is wrong.

    Args:
        settings: As loaded. URL and keys may still be replaced by the command line.
        run: What a job does, importable by name from its process; ours unless you wrap it.
        profile: Be only this agent, whatever profile is stored for it; None = be every agent that is asked for.
            `run` is then given it as `profile`.
        agent_id: Whose rooms to serve with `profile`; jobs for others are left to other workers. `ValueError` for one
            of these two without the other, and for an id that is none.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        run: Callable[..., Awaitable[None]] = job.run,
        profile: Profile | None = None,
        agent_id: str | None = None,
    ) -> None:
        self._own = own_agent(profile, agent_id)
        if self._own is not None:
            settings = own_settings(settings, self._own)
            run = functools.partial(run, profile=self._own.profile)  # job processes get it by pickle
        secret = settings.livekit_api_secret.get_secret_value() if settings.livekit_api_secret else None
        super().__init__(
            ws_url=settings.livekit_url,
            api_key=settings.livekit_api_key,
            api_secret=secret,
            setup_fnc=job.prepare,
            load_fnc=self._load,
            load_threshold=math.inf,  # the worker refuses by itself: see session.load
            num_idle_processes=settings.idle_processes,
            job_memory_warn_mb=settings.job_memory_limit_mb * 0.8 or 1_000,
            job_memory_limit_mb=settings.job_memory_limit_mb,
            drain_timeout=settings.drain_timeout,
            shutdown_process_timeout=LEAVING_TIMEOUT,
            session_end_timeout=LEAVING_TIMEOUT + 5,
            max_retry=1_000_000_000,  # a server that is down comes back; a worker that gave up does not
            host=settings.worker_host,
            port=settings.worker_port,
            preload_modules=_PRELOADED,
        )
        self._settings = settings
        self._exit_code = 0
        self._beating: Beating | None = None
        self._profile = DEFAULT_PROFILE
        self._is_registered = False
        self._is_ending = False  # a signal has come, or was sent
        self._devmode = False
        self._hurry: asyncio.Event | None = None  # while it drains: set to let calls leave now
        self._main_loop: asyncio.AbstractEventLoop | None = None
        self._is_leaving_now = False  # an operator's stop: calls are not waited for
        self.on("worker_registered", self._on_registered)
        self._max_calls = settings.max_calls or max(10, load.CALLS_PER_CORE * (os.cpu_count() or 1))
        self._joining = JoiningRooms(
            running=lambda: [info.job.id for info in self.active_jobs], on_change=self._beat
        )
        self._models = Models(settings, board_folder=state_folder() / "llm")
        self._registry = registry_api(settings)
        self._fetched = (
            None
            if self._registry is None or self._own is not None
            else FetchedProfiles(self._registry, folder=state_folder() / "profiles" / profiles.FETCHED)
        )
        self._requests = Requests(
            is_full=self._is_full,
            load_profile=self._load_profile,
            joining=self._joining,
            ask_again=self._ask_again,
            only=None if self._own is None else self._own.agent_id,
        )
        self.rtc_session(run, on_request=self._requests.answer, on_session_end=job.end)

    def update_options(self, **options: Any) -> None:
        """As livekit-agents' own; its command line calls it with `ws_url`, `api_key` and `api_secret`."""
        given = {
            f"livekit_{name.removeprefix('ws_')}": value for name, value in options.items() if name in _LOGIN
        }
        try:
            self._settings = self._settings.replace(**given)
        except SettingsError as error:
            logger.critical(str(error), extra={"action": "worker.wrong_settings"})
            raise SystemExit(WRONG_SETTINGS) from error
        super().update_options(**options)

    async def run(self, *, devmode: bool = False, unregistered: bool = False) -> None:
        """Work until stopped, or until a setting turns out to be wrong, which is said in one line.

        Returns early then, and `aclose` ends the process with the exit code: livekit-agents' command line
        would end it with 0, and raising here would add a traceback.
        """
        try:
            await self._run(devmode=devmode, unregistered=unregistered)
        except WrongSettingError as error:
            logger.critical(str(error), extra={"action": "worker.wrong_settings"})
            self._exit_code = WRONG_SETTINGS
        except Exception:
            logger.exception("the worker failed", extra={"action": "worker.failed"})
            self._exit_code = FAILED

    async def _run(self, *, devmode: bool, unregistered: bool) -> None:
        self._devmode = devmode
        self._main_loop = asyncio.get_running_loop()
        logs.quiet()
        providers = resolve_providers(self._settings)
        if not unregistered:
            await starting.check_login(self._settings)
        starting.say_providers(providers)
        if self._settings.livekit_agent_name:
            logger.warning(
                "LIVEKIT_AGENT_NAME is set: LiveKit sends this worker only jobs that name it, "
                "and none when a human joins a room; unset it for automatic dispatch",
                extra={"action": "worker.agent_name"},
            )
        if providers.uses_local_models:
            await starting.check_local_models(self._settings)
        await self._models.start()
        self._models.subscribe(self._beat)
        self._begin_to_beat()
        forgetting = journal.keep_forgetting(state_folder() / "journal", days=self._settings.journal_days)
        background = {
            asyncio.create_task(self._joining.run(), name="worker-joining"),
            asyncio.create_task(forgetting, name="worker-forgetting"),
        }
        try:
            await super().run(devmode=devmode, unregistered=unregistered)
        except OSError as error:
            if error.errno not in _PORT_TROUBLE and not isinstance(error, socket.gaierror):
                raise
            raise WrongSettingError(
                f"WORKER_HOST={self._settings.worker_host}, WORKER_PORT={self._settings.worker_port}: {error}; "
                "choose another port, or 0 for any free one"
            ) from error
        finally:
            for task in background:
                task.cancel()
            await asyncio.wait(background)

    async def drain(self, timeout: NotGivenOr[int | None] = NOT_GIVEN) -> None:
        """Take no more calls and wait for those there are; a second signal asks them to leave now."""
        if self._exit_code:
            return
        self._is_ending = True
        hurry = self._hurry = asyncio.Event()
        if self._is_leaving_now:
            hurry.set()
        self._on_signals(hurry.set)
        self._beat()
        logger.info(
            "the worker stops when its calls have ended; signal again to end them now",
            extra={"action": "worker.drain", "calls": len(self.active_jobs)},
        )
        draining = asyncio.create_task(super().drain(timeout), name="worker-drain")
        hurrying = asyncio.create_task(hurry.wait(), name="worker-hurry")
        try:
            await asyncio.wait({draining, hurrying}, return_when=asyncio.FIRST_COMPLETED)
            if draining.done():
                await draining
                return
            logger.warning(
                "calls are asked to leave now",
                extra={"action": "worker.hurry", "calls": len(self.active_jobs)},
            )
        finally:
            for task in (draining, hurrying):
                task.cancel()
            await asyncio.wait({draining, hurrying})

    async def aclose(self) -> None:
        """End all calls politely, within 10 s.

        Raises:
            SystemExit: The worker did not end because it was asked to: 2 for a wrong setting, 1 for a failure.
        """
        self._is_ending = True
        self._on_signals(
            lambda: logger.warning("calls are leaving, at most 10 s", extra={"action": "worker.closing"})
        )
        if self._exit_code:
            await self._say_goodbye(
                "a setting is wrong"
                if self._exit_code == WRONG_SETTINGS
                else "the worker failed; see its log"
            )
            raise SystemExit(self._exit_code)  # `run` has ended; there is nothing to close
        # livekit-agents itself waits a minute for a pipeline that does not close.
        closing = asyncio.create_task(super().aclose(), name="worker-close")
        done, _ = await asyncio.wait({closing}, timeout=CLOSE_TIMEOUT)
        if done:
            await self._say_goodbye("it was asked to stop")
            await closing
            return
        stuck = psutil.Process().children(recursive=True)
        logger.error(
            "calls did not leave in time, their processes are ended",
            extra={"action": "worker.killed_calls", "calls": len(self.active_jobs)},
        )
        for process in stuck:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        await self._say_goodbye("it was asked to stop, and calls did not leave in time")
        closing.cancel()
        await asyncio.wait({closing}, timeout=1)

    async def _handle_termination(self, msg: agent.JobTermination) -> None:
        """End a job because LiveKit says so, if somebody deleted its dispatch or its room.

        When an agent reconnects fully, livekit-server 1.13.5 takes the end of its old connection for the agent
        leaving and ends the job (`pkg/rtc/room.go`, AGENT_LEFT_ROOM), a moment before the agent is back. livekit-agents
        obeys, and has no public way to say no. An agent that is really out of its room ends its job by itself.
        """
        running = next((info for info in self.active_jobs if info.job.id == msg.job_id), None)
        if running is not None and not await is_dispatch_deleted(
            self._settings.livekit_login(),
            room_name=running.job.room.name,
            dispatch_id=running.job.dispatch_id,
        ):
            logger.info(
                "LiveKit has ended a job that nobody asked to end; the agent decides by itself",
                extra={"action": "job.kept", "room": running.job.room.name, "job_id": msg.job_id},
            )
            return
        await super()._handle_termination(msg)

    async def _ask_again(self, job: agent.Job) -> None:
        server_api = ServerApi(self._settings.livekit_login(), http=aiohttp.ClientSession)
        try:
            if await server_api.needs_agent(job.room.name):
                await server_api.dispatch(job.room.name, agent_name=job.agent_name, metadata=job.metadata)
        finally:
            await server_api.aclose()

    def _begin_to_beat(self) -> None:
        self._profile = self._stored_profile(DEFAULT_AGENT)
        self._beating = Beating(
            self._settings,
            describe=self._facts,
            on_orders={Order.STOP: self._on_stop, Order.DRAIN: self._on_drain},
            goodbye_timeout=GOODBYE_TIMEOUT,
        )
        self._beating.begin()

    def _facts(self) -> Facts:
        """For a beat. Called in the sender's thread; it only reads."""
        return worker_facts(
            WorkerState(
                n_calls=self._n_calls,
                max_calls=self._max_calls,
                is_registered=self._is_registered,
                is_connected=not self._connecting,  # livekit-agents tells nobody that LiveKit is out of reach
                is_draining=self._hurry is not None,
                is_full=self._is_full(),
                joining=self._joining.rooms(),
            ),
            profile=self._profile,
            settings=self._settings,
            models=self._models,
        )

    def _beat(self) -> None:
        if self._beating is not None:
            self._beating.tell()

    async def _say_goodbye(self, reason: str) -> None:
        if self._beating is not None:
            await self._beating.say_goodbye(reason)
        if self._fetched is not None:
            await self._fetched.aclose()
        if self._registry is not None:
            await self._registry.aclose()
        await self._models.aclose()

    async def _load_profile(self, agent_id: AgentId) -> Profile:
        """For an agent that is about to join: what the registry has by now."""
        if self._fetched is not None:
            await self._fetched.refresh(agent_id)
        return await asyncio.to_thread(self._stored_profile, agent_id)

    def _stored_profile(self, agent_id: AgentId) -> Profile:
        if self._own is not None:
            return self._own.profile
        return profiles.load_profile(
            agent_id, folder=state_folder() / "profiles", has_registry=self._registry is not None
        )

    def _on_registered(self, *_: object) -> None:
        self._is_registered = True
        # Told before livekit-agents itself takes the connection for made.
        asyncio.get_running_loop().call_soon(self._beat)

    def _on_drain(self, command: Command) -> Outcome:
        """An operator's wish. Once only: to a worker that drains, another signal says that calls must leave."""
        if self._is_ending:
            return Outcome(id=command.id, ok=True, detail="it is ending already")
        if self._devmode:
            return Outcome(id=command.id, ok=False, detail="a worker in dev mode does not drain; stop it")
        self._end()
        return Outcome(id=command.id, ok=True)

    def _on_stop(self, command: Command) -> Outcome:
        """As `_on_drain`, but calls leave now."""
        self._is_leaving_now = True
        if self._hurry is not None and self._main_loop is not None:
            self._main_loop.call_soon_threadsafe(self._hurry.set)
        elif not self._is_ending:
            self._end()
        return Outcome(id=command.id, ok=True, detail="calls are asked to leave")

    def _end(self) -> None:
        """A signal to itself is what the command line knows how to take."""
        self._is_ending = True
        os.kill(os.getpid(), signal.SIGTERM)

    def _on_signals(self, act: Any) -> None:
        """Replace the command line's handler, which ends the process at once and leaves ghosts in the rooms."""
        loop = asyncio.get_running_loop()
        for number in _SIGNALS:
            loop.add_signal_handler(number, act)

    def _load(self) -> float:
        n_calls = self._n_calls
        return load.load(n_calls=n_calls, max_calls=self._max_calls, full=self._is_full())

    def _is_full(self) -> bool:
        return load.is_full(
            n_calls=self._n_calls,
            max_calls=self._max_calls,
            free_mb=psutil.virtual_memory().available / 2**20,
            min_free_mb=self._settings.min_free_memory_mb,
        )

    @property
    def _n_calls(self) -> int:
        return len(self.active_jobs) + self._requests.n_launching

"""Which jobs a worker takes, and with what words it refuses the others."""

import asyncio
import logging
import uuid
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

import pytest
from livekit.agents import AssignmentTimeoutError, JobRequest
from livekit.agents.job import JobAcceptArguments
from livekit.protocol import agent, models

from session.joining import JoiningRooms
from session.requests import Requests
from wire import DEFAULT_PROFILE, AgentId, Profile


@dataclass
class Answer:
    """What LiveKit was told of one request."""

    accepted: JobAcceptArguments | None = None
    terminated: bool | None = None


def request(
    room: str, metadata: str = "", *, launching: asyncio.Event | None = None
) -> tuple[JobRequest, Answer]:
    answer = Answer()

    async def accept(arguments: JobAcceptArguments) -> None:
        answer.accepted = arguments
        if launching is not None:
            await launching.wait()

    async def reject(terminate: bool) -> None:
        answer.terminated = terminate

    job = agent.Job(id="AJ_1", room=models.Room(name=room), metadata=metadata)
    on_accept: Callable[[JobAcceptArguments], Coroutine[Any, Any, None]] = accept
    return JobRequest(job=job, on_reject=reject, on_accept=on_accept), answer


async def profile_of(agent_id: AgentId) -> Profile:
    await asyncio.sleep(0)
    return DEFAULT_PROFILE.model_copy(update={"name": f"Agent {agent_id}"})


class AskedAgain:
    """The jobs that another agent was asked for."""

    def __init__(self) -> None:
        self.jobs: list[str] = []

    async def append_job(self, job: agent.Job) -> None:
        self.jobs.append(job.id)


def joining_rooms() -> JoiningRooms:
    return JoiningRooms(running=list, on_change=lambda: None)


def requests_to(
    joining: JoiningRooms | None = None,
    *,
    is_full: Callable[[], bool] = lambda: False,
    asked_again: AskedAgain | None = None,
    only: str | None = None,
) -> Requests:
    return Requests(
        is_full=is_full,
        load_profile=profile_of,
        joining=joining or joining_rooms(),
        ask_again=asked_again.append_job if asked_again is not None else AskedAgain().append_job,
        only=None if only is None else AgentId(only),
    )


async def test_a_room_of_ours_is_taken() -> None:
    job, answer = request("agent-7-room")
    await requests_to().answer(job)
    assert answer.accepted is not None
    assert (answer.accepted.identity, answer.accepted.name) == ("ai-7-AJ_1", "Agent 7")
    attributes = answer.accepted.attributes or {}
    assert attributes["roomkeeper.agent_id"] == "7"
    assert uuid.UUID(attributes["roomkeeper.incarnation"])


@pytest.mark.parametrize(
    ("room", "metadata", "identity"),
    [
        pytest.param("lobby", '{"agent_id": "9"}', "ai-9-AJ_1", id="metadata alone"),
        pytest.param("agent-7-room", '{"agent_id": "9"}', "ai-9-AJ_1", id="metadata wins"),
        pytest.param("agent-7-room", "not JSON", "ai-7-AJ_1", id="metadata that is not JSON"),
        pytest.param("agent-7-room", '{"agent_id": "a/b"}', "ai-7-AJ_1", id="metadata with a bad id"),
    ],
)
async def test_metadata_names_the_agent(room: str, metadata: str, identity: str) -> None:
    job, answer = request(room, metadata)
    await requests_to().answer(job)
    assert answer.accepted is not None
    assert answer.accepted.identity == identity


@pytest.mark.parametrize("room", ["lobby", "agent--room", "agent-a/b-room", f"agent-{'x' * 300}-room"])
async def test_another_room_is_left_to_other_workers_with_a_line(
    room: str, caplog: pytest.LogCaptureFixture
) -> None:
    job, answer = request(room)
    with caplog.at_level(logging.INFO):
        await requests_to().answer(job)
    assert answer == Answer(terminated=False)
    assert [record.__dict__["action"] for record in caplog.records] == ["job.refused"]


@pytest.mark.parametrize(
    ("room", "metadata", "is_taken"),
    [
        ("agent-7-room", "", True),
        ("lobby", '{"agent_id": "7"}', True),
        ("agent-8-room", "", False),
        ("agent-7-room", '{"agent_id": "8"}', False),
        ("lobby", "", False),
    ],
)
async def test_a_worker_that_is_one_agent_leaves_others_to_other_workers(
    room: str, metadata: str, is_taken: bool, caplog: pytest.LogCaptureFixture
) -> None:
    job, answer = request(room, metadata)
    with caplog.at_level(logging.INFO):
        await requests_to(only="7").answer(job)
    assert (answer.accepted is not None) is is_taken
    assert answer.terminated is (None if is_taken else False)
    assert [record.__dict__["action"] for record in caplog.records] == ([] if is_taken else ["job.refused"])


async def test_a_full_worker_leaves_the_job_to_others() -> None:
    job, answer = request("agent-7-room")
    await requests_to(is_full=lambda: True).answer(job)
    assert answer == Answer(terminated=False)


async def test_a_burst_takes_just_as_many_as_there_are_places() -> None:
    launching = asyncio.Event()
    requests = requests_to(is_full=lambda: requests.n_launching >= 3)
    burst = [request(f"agent-{number}-room", launching=launching) for number in range(10)]
    answering = [asyncio.create_task(requests.answer(job)) for job, _ in burst]
    await asyncio.sleep(0)
    assert requests.n_launching == 3
    launching.set()
    await asyncio.gather(*answering)
    assert requests.n_launching == 0
    assert [answer.accepted is not None for _, answer in burst] == [True] * 3 + [False] * 7


async def test_a_job_that_fails_to_launch_frees_its_place() -> None:
    async def fail(_: object) -> None:
        raise RuntimeError("no process")

    job = agent.Job(id="AJ_1", room=models.Room(name="agent-7-room"))
    joining = joining_rooms()
    requests = requests_to(joining)
    with pytest.raises(RuntimeError):
        await requests.answer(JobRequest(job=job, on_reject=fail, on_accept=fail))
    assert requests.n_launching == 0
    assert joining.rooms() == ()


async def test_a_taken_room_is_told_before_livekit_is() -> None:
    launching = asyncio.Event()
    told: list[str] = []
    joining = JoiningRooms(running=list, on_change=lambda: told.extend(one.room for one in joining.rooms()))
    job, answer = request("agent-7-room", launching=launching)
    answering = asyncio.create_task(requests_to(joining).answer(job))
    await asyncio.sleep(0)
    assert (told, answer.accepted) == (["agent-7-room"], None)
    launching.set()
    await answering
    assert [one.room for one in joining.rooms()] == ["agent-7-room"]


async def test_a_refused_room_is_nobodys() -> None:
    joining = joining_rooms()
    await requests_to(joining, is_full=lambda: True).answer(request("agent-7-room")[0])
    await requests_to(joining).answer(request("lobby")[0])
    assert joining.rooms() == ()


async def test_a_job_that_livekit_gave_up_is_asked_for_again(caplog: pytest.LogCaptureFixture) -> None:
    async def accept(_: JobAcceptArguments) -> None:
        raise AssignmentTimeoutError

    async def reject(_: bool) -> None:
        raise AssertionError("an accepted job cannot be refused any more")

    job = agent.Job(id="AJ_1", room=models.Room(name="agent-7-room"))
    joining, asked_again = joining_rooms(), AskedAgain()
    requests = requests_to(joining, asked_again=asked_again)
    await requests.answer(JobRequest(job=job, on_reject=reject, on_accept=accept))
    assert asked_again.jobs == ["AJ_1"]
    assert (requests.n_launching, joining.rooms()) == (0, ())
    assert [record.__dict__["action"] for record in caplog.records] == ["job.lost"]

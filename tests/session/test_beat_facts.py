"""What a worker and its calls tell the registry of themselves."""

from __future__ import annotations

import socket
from typing import Any, cast

import pytest

from config import Settings, resolve_providers
from heartbeat import Facts
from lifecycle import CloseReason, Phase
from llm.health import State
from llm.models import Models
from session.beat_facts import WorkerState, call_facts, row_id, worker_facts
from session.call_state import CallState
from session.roster import Human, Role
from session.trouble import Part
from tests.session.fake_models import FakeModels
from wire import DEFAULT_PROFILE, AgentId, Deployment, Guest, Joining, Kind, Said

SETTINGS = Settings(agent_host="box", agent_port=8080)


def models(state: State = State.HEALTHY) -> Models:
    return cast(Models, FakeModels(state))


def call(settings: Settings = SETTINGS, *, llm: State = State.HEALTHY, **fields: Any) -> Facts:
    state = CallState(
        **{
            "room_name": "agent-7-room",
            "phase": Phase.ACTIVE,
            "humans": (Human(identity="guest", role=Role.CLIENT), Human(identity="coach-1", role=Role.COACH)),
            "since": 12.0,
            "grace_left": None,
            "is_ready": True,
            "failing": {},
            "last_error": None,
            "error_age": None,
            "idle": 3.0,
            "is_connected": True,
            "closing": None,
            **fields,
        }
    )
    return call_facts(
        state,
        agent_id=AgentId("7"),
        profile=DEFAULT_PROFILE,
        providers=resolve_providers(settings),
        settings=settings,
        models=models(llm),
    )


def worker(settings: Settings = SETTINGS, *, llm: State = State.HEALTHY, **fields: Any) -> Facts:
    state = {
        "n_calls": 2,
        "max_calls": 24,
        "is_registered": True,
        "is_connected": True,
        "is_draining": False,
        "is_full": False,
    }
    return worker_facts(
        WorkerState(**{**state, **fields}), profile=DEFAULT_PROFILE, settings=settings, models=models(llm)
    )


def test_a_call_tells_its_room_and_its_humans_with_their_roles() -> None:
    facts = call()
    assert (facts.agent_id, facts.kind, facts.status, facts.name) == ("7", Kind.SESSION, Said.RUNNING, "Ada")
    assert facts.call is not None
    assert (facts.call.room, facts.call.phase, facts.call.llm) == ("agent-7-room", "active", "local")
    assert facts.call.humans == (Guest(identity="guest"), Guest(identity="coach-1", role="coach"))
    assert (facts.host, facts.port, facts.deployment) == ("box", 8080, Deployment.LOCAL)


def test_a_call_tells_its_model_and_how_it_is() -> None:
    facts = call()
    assert facts.call is not None
    assert (facts.model, facts.call.llm_state) == ("local", "healthy")
    assert [(model.id, model.state, model.is_current) for model in facts.models] == [
        ("127.0.0.1:8090", "healthy", True)
    ]
    assert [(switch.target, switch.reason) for switch in facts.switches] == [("127.0.0.1:8090", "it answers")]


def test_a_call_without_a_model_says_that_it_waits() -> None:
    facts = call(llm=State.FAILING)
    assert facts.call is not None
    assert facts.call.llm_state == "none"
    assert [(model.state, model.reason) for model in facts.models] == [("failing", "cannot connect")]


def test_a_worker_without_a_model_says_so_and_loses_health() -> None:
    assert worker().hints == ()
    (hint,) = worker(llm=State.FAILING).hints
    assert hint.points > 0
    assert "no language model answers" in hint.text


def test_a_call_that_is_not_ready_is_starting() -> None:
    assert call(is_ready=False).status is Said.STARTING


def test_a_call_tells_that_livekit_is_away_and_why_it_leaves() -> None:
    well, ill = call().call, call(is_connected=False, closing=CloseReason.OPERATOR).call
    assert well is not None
    assert ill is not None
    assert (well.is_connected, well.closing) == (True, None)
    assert (ill.is_connected, ill.closing) == (False, "operator")


def test_status_answers_why_the_agent_leaves() -> None:
    def closing(reason: CloseReason | None) -> object:
        state = CallState(
            room_name="r",
            phase=Phase.CLOSING,
            humans=(),
            since=0,
            grace_left=None,
            is_ready=True,
            failing={},
            last_error=None,
            error_age=None,
            idle=0,
            is_connected=True,
            closing=reason,
        )
        return state.as_status(agent_id=AgentId("7"), incarnation="x", is_held=False, loop_lag=0)["closing"]

    assert closing(CloseReason.DUPLICATE) == "duplicate"
    assert closing(None) is None


def test_a_worker_tells_which_agents_are_on_their_way() -> None:
    joining = (Joining(room="agent-7-room", age=1.0),)
    assert worker(joining=joining).joining == joining


@pytest.mark.parametrize(
    ("fields", "takes_jobs"),
    [
        ({}, True),
        ({"is_full": True}, True),
        ({"is_registered": False}, False),
        ({"is_connected": False}, False),
        ({"is_draining": True}, False),
    ],
)
def test_a_worker_tells_whether_livekit_can_give_it_jobs(fields: dict[str, Any], takes_jobs: bool) -> None:
    assert worker(**fields).takes_jobs is takes_jobs
    assert call().takes_jobs is None


def test_a_failing_provider_costs_health_and_is_named() -> None:
    facts = call(
        failing={Part.LLM: "APIConnectionError"}, last_error="llm: APIConnectionError", error_age=2.0
    )
    assert [(hint.points, hint.text) for hint in facts.hints] == [
        (30, "the language model fails: APIConnectionError")
    ]
    assert (facts.last_error, facts.error_age) == ("llm: APIConnectionError", 2.0)


@pytest.mark.parametrize(
    ("room", "row"),
    [
        ("agent-7-room", "7"),
        ("lobby", "7@lobby"),
        ("agent-8-room", "7@agent-8-room"),
        ("x" * 256, "7@" + "x" * 198),
    ],
)
def test_each_room_of_an_agent_is_a_row_of_its_own(room: str, row: str) -> None:
    assert row_id(AgentId("7"), room) == row


def test_a_prompt_is_not_sent_whole_every_few_seconds() -> None:
    profile = DEFAULT_PROFILE.model_copy(update={"prompt": "x" * 30_000})
    state = CallState(
        room_name="r",
        phase=Phase.STARTING,
        humans=(),
        since=0,
        grace_left=None,
        is_ready=True,
        failing={},
        last_error=None,
        error_age=None,
        idle=0,
        is_connected=True,
        closing=None,
    )
    facts = call_facts(
        state,
        agent_id=AgentId("7"),
        profile=profile,
        providers=resolve_providers(SETTINGS),
        settings=SETTINGS,
        models=models(),
    )
    assert len(facts.prompt or "") == 4_000


@pytest.mark.parametrize(
    ("fields", "status", "words"),
    [
        ({}, Said.RUNNING, "2 calls of 24"),
        ({"n_calls": 1}, Said.RUNNING, "1 call of 24"),
        ({"is_registered": False, "is_connected": False}, Said.STARTING, "waits for LiveKit"),
        ({"is_draining": True}, Said.WARNING, "takes no new calls, and ends when 2 calls have ended"),
    ],
)
def test_a_worker_says_what_it_does(fields: dict[str, Any], status: Said, words: str) -> None:
    facts = worker(**fields)
    assert facts.status is status
    assert words in (facts.reason or "")


def test_a_worker_without_livekit_or_without_a_place_says_so() -> None:
    assert [hint.points for hint in worker(is_connected=False).hints] == [50]
    assert [hint.points for hint in worker(is_full=True).hints] == [10]
    assert worker(is_registered=False, is_connected=False).hints == (), "it has only just started"


def test_a_workers_row_has_a_name_of_its_own_or_the_hosts() -> None:
    assert worker().agent_id == "worker-box"
    assert worker(Settings()).agent_id == f"worker-{socket.gethostname()}"
    named = worker(Settings(agent_id="blue", agent_name="Blue", agent_deployment="cloud"))
    assert (named.agent_id, named.name, named.deployment) == ("blue", "Blue", Deployment.CLOUD)

"""A worker that is one agent only."""

from __future__ import annotations

import functools
import pickle

import pytest

from config import Settings
from session import Worker, job
from session.own_agent import OwnAgent, own_agent, own_settings
from wire import AgentId, AgentIdError, Profile

BO = Profile(name="Bo", prompt="You are Bo.")


def settings(**fields: object) -> Settings:
    usual = {"agent_host": "north", "web_ui_url": "http://localhost:1", "agent_deployment": "cloud"}
    return Settings.model_validate(usual | fields)


def test_both_or_neither_are_given() -> None:
    assert own_agent(None, None) is None
    assert own_agent(BO, "ada") == OwnAgent(agent_id=AgentId("ada"), profile=BO)
    for profile, agent_id in ((BO, None), (None, "ada")):
        with pytest.raises(ValueError, match="needs both"):
            own_agent(profile, agent_id)
    with pytest.raises(AgentIdError, match="'a/b'"):
        own_agent(BO, "a/b")


@pytest.mark.parametrize(
    ("fields", "row_id"),
    [
        ({}, "worker-north/ada"),
        ({"agent_id": "desk", "agent_name": "Desk"}, "desk/ada"),
        ({"agent_id": "x" * 200}, "x" * 196 + "/ada"),
    ],
)
def test_its_row_is_its_own_and_says_local(fields: dict[str, object], row_id: str) -> None:
    own = own_settings(settings(**fields), OwnAgent(agent_id=AgentId("ada"), profile=BO))
    assert (own.agent_id, own.agent_name, own.agent_deployment) == (row_id, "Bo", "local")


def test_job_processes_get_the_profile_by_pickle() -> None:
    sent = pickle.loads(pickle.dumps(functools.partial(job.run, profile=BO)))
    assert sent.func is job.run
    assert sent.keywords == {"profile": BO}


@pytest.mark.parametrize(("profile", "agent_id"), [(BO, None), (None, "ada"), (BO, "a/b")])
def test_a_worker_is_not_made_of_half_an_agent(profile: Profile | None, agent_id: str | None) -> None:
    with pytest.raises(ValueError, match="agent"):
        Worker(settings(), profile=profile, agent_id=agent_id)

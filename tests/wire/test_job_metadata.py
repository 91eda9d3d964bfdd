"""What a dispatch tells the agent that it asks for."""

from __future__ import annotations

import json

import pytest

from wire import AgentId, agent_id_in_metadata, job_metadata, resumes_in, successors_metadata

SEVEN = AgentId("7")


@pytest.mark.parametrize("resumes", [None, "a-life"])
def test_what_is_written_is_read(resumes: str | None) -> None:
    metadata = job_metadata(SEVEN, resumes=resumes)
    assert (agent_id_in_metadata(metadata), resumes_in(metadata)) == (SEVEN, resumes)


@pytest.mark.parametrize(
    "metadata",
    [
        *("", " ", "{", "7", "[]", "null", "{}", '{"resumes": 7}', '{"resumes": ""}', "[" * 100_000),
        json.dumps({"resumes": "x" * 65}),
        json.dumps({"resumes": "a\nb"}),
        json.dumps({"resumes": "a/b"}),
    ],
    ids=lambda text: text[:20],
)
def test_anything_else_goes_on_with_nothing(metadata: str) -> None:
    assert resumes_in(metadata) is None


@pytest.mark.parametrize(
    ("metadata", "resumes", "successors"),
    [
        pytest.param("", None, "", id="nothing"),
        pytest.param("", "me", '{"agent_id":"7","resumes":"me"}', id="goes on"),
        pytest.param('{"a": 1}', None, '{"a": 1}', id="somebody's own"),
        pytest.param("plain", None, "plain", id="somebody's own, no JSON"),
        pytest.param("plain", "me", '{"agent_id":"7","resumes":"me"}', id="no JSON, goes on"),
        pytest.param("[1]", "me", '{"agent_id":"7","resumes":"me"}', id="no object, goes on"),
        pytest.param('{"a":1,"resumes":"x"}', None, '{"a":1}', id="begins anew"),
        pytest.param(
            '{"a":1,"resumes":"x"}', "me", '{"a":1,"resumes":"me","agent_id":"7"}', id="goes on again"
        ),
        pytest.param('{"agent_id":"a/b"}', "me", '{"agent_id":"7","resumes":"me"}', id="a bad id"),
        pytest.param("[" * 100_000, "me", '{"agent_id":"7","resumes":"me"}', id="deep"),
    ],
)
def test_a_successor_gets_the_same_but_for_whose_conversation_it_goes_on_with(
    metadata: str, resumes: str | None, successors: str
) -> None:
    assert successors_metadata(metadata, agent_id=SEVEN, resumes=resumes) == successors

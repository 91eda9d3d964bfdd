"""Who counts as human (complaint 6), in the SDK's numbering and in the server's."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import pytest
from livekit import api, rtc

from session.roster import RTC_HUMAN_KINDS, Human, Role, humans_among
from session.server_api import API_HUMAN_KINDS
from wire import is_human

Kind = rtc.ParticipantKind


@dataclass
class Someone:
    kind: int
    identity: str = "guest"
    attributes: Mapping[str, str] = field(default_factory=dict)


@pytest.mark.parametrize(
    ("someone", "human"),
    [
        pytest.param(Someone(Kind.PARTICIPANT_KIND_STANDARD), True, id="a person in a browser"),
        pytest.param(Someone(Kind.PARTICIPANT_KIND_SIP), True, id="a person on the phone"),
        pytest.param(Someone(Kind.PARTICIPANT_KIND_CONNECTOR), True, id="a person over a connector"),
        pytest.param(Someone(Kind.PARTICIPANT_KIND_STANDARD, "coach-eve"), True, id="a coach"),
        pytest.param(Someone(Kind.PARTICIPANT_KIND_AGENT), False, id="an agent"),
        pytest.param(Someone(Kind.PARTICIPANT_KIND_EGRESS), False, id="a recorder"),
        pytest.param(Someone(Kind.PARTICIPANT_KIND_INGRESS), False, id="a stream"),
        pytest.param(Someone(Kind.PARTICIPANT_KIND_STANDARD, "ai-1-x"), False, id="one of ours"),
        pytest.param(Someone(Kind.PARTICIPANT_KIND_STANDARD, "ai-hold-x"), False, id="a room hold"),
        pytest.param(
            Someone(Kind.PARTICIPANT_KIND_STANDARD, "face", {"lk.publish_on_behalf": "ai-1"}),
            False,
            id="an avatar",
        ),
        pytest.param(
            Someone(Kind.PARTICIPANT_KIND_STANDARD, "sim", {"lk.simulator": "true"}), False, id="a simulator"
        ),
        pytest.param(
            Someone(Kind.PARTICIPANT_KIND_STANDARD, "guest", {"lk.publish_on_behalf": ""}),
            True,
            id="an empty mark",
        ),
        pytest.param(Someone(Kind.PARTICIPANT_KIND_STANDARD, "aida"), True, id="a name like ours"),
    ],
)
def test_is_human(someone: Someone, human: bool) -> None:
    assert (
        is_human(
            human_kinds=RTC_HUMAN_KINDS,
            kind=someone.kind,
            identity=someone.identity,
            attributes=someone.attributes,
        )
        is human
    )


def test_roles_and_order() -> None:
    people = [
        Someone(Kind.PARTICIPANT_KIND_STANDARD, name) for name in ("bob", "coach-eve", "ai-1-x", "alice")
    ]
    assert humans_among(people) == [
        Human(identity="bob", role=Role.CLIENT),
        Human(identity="coach-eve", role=Role.COACH),
        Human(identity="alice", role=Role.CLIENT),
    ]


def test_the_servers_numbers_are_not_the_sdks() -> None:
    """CONNECTOR is 5 in the SDK and 7 on the server; 5 on the server is something else."""
    connector = Someone(api.ParticipantInfo.Kind.CONNECTOR)
    assert humans_among([connector], human_kinds=API_HUMAN_KINDS)
    assert not humans_among([Someone(Kind.PARTICIPANT_KIND_CONNECTOR)], human_kinds=API_HUMAN_KINDS)

"""Which of the humans the agent listens to."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from session.roster import Human, Role


def choose_linked(
    linked: str | None,
    humans: Sequence[Human],
    *,
    speaking: Collection[str] = (),
    lost: Collection[str] = (),
) -> str | None:
    """The identity whose microphone the pipeline should hear; None when there is no human.

    LiveKit's pipeline hears one participant, the first, for ever. Here it follows: whoever speaks while
    the linked human is silent is heard from then on (so a caller who came back under a new identity is
    not drowned by the ghost of the old one), and someone is always linked while a human is there.

    Args:
        linked: Whom the pipeline hears now.
        humans: Everyone human in the room, in order of arrival.
        speaking: Identities that LiveKit calls active speakers, loudest first.
        lost: Identities whose connection LiveKit calls lost, some seconds before it takes them off its list.
    """
    present = {human.identity for human in humans}
    heard = [who for who in speaking if who in present]
    if heard:
        return linked if linked in heard else heard[0]
    reachable = [human for human in humans if human.identity not in lost]
    if linked in present and (linked not in lost or not reachable):
        return linked
    # The newest client: whoever just came back is more likely to talk than whoever is left over.
    humans = reachable or humans
    clients = [human.identity for human in humans if human.role is Role.CLIENT]
    return next(reversed(clients or [human.identity for human in humans]), None)

"""Which profile a call runs with."""

from __future__ import annotations

import logging
from pathlib import Path

from wire import DEFAULT_PROFILE, AgentId, Profile, ProfileError, parse_profile

logger = logging.getLogger(__name__)

FETCHED = "fetched"
"""Folder of the copies of the registry's profiles, in the folder of the others."""


def load_profile(agent_id: AgentId, *, folder: Path, has_registry: bool) -> Profile:
    """The profile of `agent_id`: the registry's, else ``<folder>/<agent id>.json``, else ``default.json``, else Ada.

    Never raises: a call with the default profile is better than none. What is wrong with a file is
    logged with its path.

    Args:
        agent_id: Checked, so it cannot lead out of the folder.
        folder: Of JSON files with the keys of `wire.Profile`.
        has_registry: Copies of a registry's profiles count; without one they are only what is left of it.
    """
    paths = (folder / FETCHED / f"{agent_id}.json",) if has_registry else ()
    for path in (*paths, folder / f"{agent_id}.json", folder / "default.json"):
        try:
            return parse_profile(path.read_bytes())
        except FileNotFoundError:
            continue
        except (OSError, ProfileError) as error:
            logger.error(  # the one line says it all
                "a profile cannot be read; the call goes on without it",
                extra={"action": "profile.failed", "path": str(path), "error": str(error)},
            )
    return DEFAULT_PROFILE

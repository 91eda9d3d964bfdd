"""Finds out what keeps agents from their rooms, and says the way out."""

from cli.doctor.checks import Checks
from cli.doctor.verdicts import Level, Verdict
from cli.doctor.world import World

__all__ = ["Checks", "Level", "Verdict", "World"]

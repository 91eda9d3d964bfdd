"""When a call ends: the room's phases, their one timer, the watchdog. Knows no LiveKit."""

from lifecycle.driver import watch
from lifecycle.machine import CloseReason, Phase, RoomLife, RoomLimits
from lifecycle.watchdog import Watchdog

__all__ = ["CloseReason", "Phase", "RoomLife", "RoomLimits", "Watchdog", "watch"]

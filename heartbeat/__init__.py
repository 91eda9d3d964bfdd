"""Tells the registry how this process is, and never hurts it."""

from heartbeat.commands import OnOrder
from heartbeat.errors import HeartbeatError, StatusError
from heartbeat.facts import Facts
from heartbeat.masking import secrets_in
from heartbeat.running import RunningAgent, running_agent
from heartbeat.sender import GOODBYE_TIMEOUT, Sender
from heartbeat.status import (
    mark_agent_started,
    mark_agent_stopped,
    report_error,
    report_warning,
    send_heartbeat,
    update_agent_status,
)

__all__ = [
    "GOODBYE_TIMEOUT",
    "Facts",
    "HeartbeatError",
    "OnOrder",
    "RunningAgent",
    "Sender",
    "StatusError",
    "mark_agent_started",
    "mark_agent_stopped",
    "report_error",
    "report_warning",
    "running_agent",
    "secrets_in",
    "send_heartbeat",
    "update_agent_status",
]

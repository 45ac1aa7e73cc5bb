"""The agent's decisions: events in, commands out, time passed in; no threads, no clock, no I/O."""

from htcgrid_agent.core.agent import AgentCore
from htcgrid_agent.core.policy import AgentPolicy

__all__ = ["AgentCore", "AgentPolicy"]

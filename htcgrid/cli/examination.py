"""What ``htcgrid doctor`` tries: each part of a grid, one by one, in ways that do no harm."""

import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from datetime import timedelta
from enum import StrEnum
from secrets import token_hex

import msgspec

from htcgrid.cli.checked import CheckedConfig
from htcgrid.config import AgentSettings, Config
from htcgrid.cores import allotted, usable_cores
from htcgrid.errors import ConfigError, HtcGridError
from htcgrid.findings.phrasing import counted, listed, span
from htcgrid.findings.pool import code_findings, starting, version_findings
from htcgrid.interfaces import Provided, StateStore
from htcgrid.model import AgentId, AgentStatus, BundleKey, Lease, SessionId, SessionStatus, utcnow
from htcgrid.secrets import Secrets

#: Clocks that differ by less are taken for equal.
_SKEW = timedelta(seconds=5)


#: Most handlers whose code is told of.
_CODE = 5


class Level(StrEnum):
    """How bad it is."""

    OK = "OK"
    WARN = "WARN"
    FAIL = "FAIL"


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one check."""

    #: What was checked, in a word.
    name: str
    level: Level
    message: str
    #: What to do; empty when all is well.
    advice: str = ""


class Examination:
    """Checks a grid, part by part; what one part shows, later ones use.

    Costs about a dozen requests, and 1 per 100 agents that reported in the last day. It leaves nothing behind: the
    object that it writes is deleted again.
    """

    def __init__(self, checked: CheckedConfig, config: Config, *, version: str, python: str) -> None:
        self._checked = checked
        self._config = config
        self._secrets = Secrets(checked.document)
        self._client = {"version": version, "python": python}
        self._agents: Sequence[AgentStatus] | None = None
        self._newest: SessionStatus | None = None
        #: What providers say of their services; those of several tables may be one.
        self._concerns: dict[str, Check] = {}

    def checks(self) -> Iterator[Check]:
        """Yield what became of each check, as soon as it is known, without values from the environment."""
        hidden = self._secrets.hidden
        for check in self._checks():
            yield msgspec.structs.replace(check, message=hidden(check.message), advice=hidden(check.advice))

    def _checks(self) -> Iterator[Check]:
        parts = (
            ("state", self._state),
            ("queue", self._queue),
            ("payloads", self._payloads),
            ("compute", self._compute),
        )
        for name, part in parts:
            known = len(self._concerns)
            yield self._tried(name, part)
            yield from list(self._concerns.values())[known:]
        yield from self._handlers()
        yield self._workers()
        if self._agents is not None:
            yield from self._pools(self._agents)
            yield from self._versions(self._agents)
            yield from self._code(self._agents)
            yield self._clocks(self._agents)

    def _tried(self, name: str, part: Callable[[], Check]) -> Check:
        try:
            return part()
        except HtcGridError as error:
            message = f"{type(error).__name__}: {error}"
            advice = f"correct [{name}] in grid.toml" if isinstance(error, ConfigError) else _ADVICE[name]
            return Check(name=name, level=Level.FAIL, message=message, advice=advice)

    def _note(self, name: str, provided: Provided) -> bool:
        """Take in what a provider says of its service; return whether it says anything."""
        concerns = provided.concerns()
        for concern in concerns:
            level = Level.FAIL if concern.grave else Level.WARN
            check = Check(name=name, level=level, message=concern.message, advice=concern.advice)
            self._concerns.setdefault(concern.message, check)
        return bool(concerns)

    def _state(self) -> Check:
        began = time.monotonic()
        with closing(self._config.open_state()) as state:
            newest = state.sessions(limit=1).sessions
            # Of a lease that nobody has: it changes nothing, and goes the way of what is written.
            nobodys = BundleKey(SessionId(f"doctor-{token_hex(8)}"), 0)
            state.renew([Lease(key=nobodys, agent=AgentId("doctor"), attempt=1, nonce=token_hex(8))])
            self._agents = _agents(state)
            told_more = self._note("state", state)
            durable = state.limits.durable or told_more
        self._newest = newest[0] if newest else None
        told = f"the newest session is {newest[0].session.id}" if newest else "there is no session"
        message = f"opened, read and written to in {_since(began)}; {told}"
        if durable:
            return Check(name="state", level=Level.OK, message=message)
        lost = "what it acknowledges may be lost when power is: submit again under the session's id, then"
        return Check(name="state", level=Level.WARN, message=message, advice=lost)

    def _queue(self) -> Check:
        began = time.monotonic()
        with closing(self._config.open_queue()) as queue:
            depth = queue.depth(self._config.agent.pool)
            self._note("queue", queue)
        told = "it cannot tell how many hints wait" if depth is None else f"about {counted(depth, 'hint')} in it"
        return Check(name="queue", level=Level.OK, message=f"opened and asked in {_since(began)}; {told}")

    def _payloads(self) -> Check:
        began = time.monotonic()
        key, data = f"doctor/{token_hex(8)}", os.urandom(1024)
        with closing(self._config.open_payloads()) as payloads:
            try:
                payloads.put({key: data})
                found = payloads.get([key]).get(key)
            finally:
                payloads.delete([key])
            left = payloads.get([key])
            self._note("payloads", payloads)
        if found != data:
            what = "is not there" if found is None else "has other bytes"
            message = f"the object {key!r} was put, and {what} when it is read"
            return Check(name="payloads", level=Level.FAIL, message=message, advice=_ADVICE["payloads"])
        message = f"1 KiB written, read and deleted in {_since(began)}"
        if left:
            message = f"the object {key!r} was put and read, and is still there after it was deleted"
            advice = "let this client delete objects, else old sessions are never removed"
            return Check(name="payloads", level=Level.WARN, message=message, advice=advice)
        return Check(name="payloads", level=Level.OK, message=message)

    def _compute(self) -> Check:
        table = next(table for table in self._checked.tables if table.table == "compute")
        if table.provider is None:
            message = "the provider of [state] starts no agents: they are started by hand"
            return Check(name="compute", level=Level.OK, message=message)
        pool = self._config.agent.pool
        with closing(self._config.open_compute()) as compute:
            count = len(compute.agents(pool))
        return Check(name="compute", level=Level.OK, message=f"it runs {counted(count, 'agent')} of pool {pool}")

    def _handlers(self) -> Iterator[Check]:
        agent = self._config.agent
        patterns = ", ".join(map(repr, agent.handlers))
        if patterns:
            yield Check(name="handlers", level=Level.OK, message=f"agents on this file allow {patterns}")
        else:
            message = "agents on this file allow no handler, so that every task fails on them"
            advice = 'add patterns to [agent], as handlers = ["pricing:*"]'
            yield Check(name="handlers", level=Level.WARN, message=message, advice=advice)
        for folder in (self._config.folder / folder for folder in agent.path):
            if not folder.is_dir():
                message = f"the folder {folder} in 'path' of [agent] is not there"
                advice = "make it, or correct 'path'; on another machine that runs agents it may be there"
                yield Check(name="handlers", level=Level.WARN, message=message, advice=advice)
        if not agent.reaper:
            message = "agents on this file do not run the reaper"
            yield Check(
                name="reaper", level=Level.OK, message=message, advice="see that 'htcgrid reaper' runs somewhere"
            )

    def _workers(self) -> Check:
        settings = self._agent_settings()
        found = allotted(usable_cores(), settings.workers, {**os.environ, **settings.environment})
        threads = "" if found.threads is None else f" with {counted(found.threads, 'thread')} each"
        message = f"'htcgrid agent' here runs {counted(found.workers, 'worker')}{threads}: {found.reason}"
        return Check(name="workers", level=Level.OK, message=message)

    def _agent_settings(self) -> AgentSettings:
        try:
            return self._config.agent_settings()
        except ConfigError:
            # Of a variable that only agents need, and that is not set here, it was told already.
            return self._config.agent

    def _pools(self, agents: Sequence[AgentStatus]) -> Iterator[Check]:
        pools: dict[str, list[AgentStatus]] = {self._config.agent.pool: []}
        for agent in agents:
            pools.setdefault(agent.report.pool, []).append(agent)
        for pool, members in pools.items():
            yield _pool(pool, members)
            for agent in members:
                if agent.alive and not agent.report.handlers:
                    message = f"agent {agent.report.id} of pool {pool} allows no handler"
                    advice = "add patterns to 'handlers' of [agent] in its grid.toml, and start it again"
                    yield Check(name="agents", level=Level.WARN, message=message, advice=advice)

    def _versions(self, agents: Sequence[AgentStatus]) -> Iterator[Check]:
        found = list(version_findings(agents, **self._client))
        for finding in found:
            yield Check(name="versions", level=Level.WARN, message=finding.message, advice=finding.advice)
        if not found and any(agent.alive for agent in agents):
            message = f"agents run htcgrid {self._client['version']} and the Python of this client"
            yield Check(name="versions", level=Level.OK, message=message)

    def _code(self, agents: Sequence[AgentStatus]) -> Iterator[Check]:
        found = list(code_findings(agents))
        for finding in found:
            yield Check(name="code", level=Level.WARN, message=finding.message, advice=finding.advice)
        known = {name: code for agent in agents if agent.alive for name, code in agent.report.code.items()}
        if known and not found:
            shown = [f"{name} {code}" for name, code in sorted(known.items())]
            message = f"agents have run {listed(shown[:_CODE], len(shown[_CODE:]))}"
            yield Check(name="code", level=Level.OK, message=message)

    def _clocks(self, agents: Sequence[AgentStatus]) -> Check:
        now = utcnow()
        # An agent had started before it reported, and a session was made before it was read.
        ahead = {f"agent {agent.report.id}": agent.report.started - (now - agent.silent) for agent in agents}
        if self._newest is not None:
            name = f"the client that made session {self._newest.session.id}"
            ahead[name] = self._newest.session.created - now
        name, most = max(ahead.items(), key=lambda item: item[1], default=("", timedelta(0)))
        if most < _SKEW:
            return Check(name="clocks", level=Level.OK, message="no clock is seen to be ahead of this machine's")
        message = f"the clock of {name} is at least {span(most)} ahead of this machine's"
        advice = "set both by NTP: times in outcomes and logs are wrong; no task is"
        return Check(name="clocks", level=Level.WARN, message=message, advice=advice)


_ADVICE = {
    "state": "see that its service runs, and that [state] names it and may use it",
    "queue": "see that its service runs, and that [queue] names it and may use it",
    "payloads": "see that its service runs, and that [payloads] names it and may write to it",
    "compute": "see that its service runs, and that [compute] names it and may use it",
}


def _pool(pool: str, members: Sequence[AgentStatus]) -> Check:
    there = [agent for agent in members if agent.alive]
    lost = sum(agent.state == "LOST" for agent in members)
    told = f"; {counted(lost, 'agent')} lost in the last day: 'htcgrid agents --all'" if lost else ""
    if not there:
        message = f"no agent of pool {pool} is there{told}"
        return Check(name="agents", level=Level.WARN, message=message, advice=starting(pool))
    workers, busy = (sum(getattr(agent.report, name) for agent in there) for name in ("workers", "busy"))
    message = f"pool {pool} has {counted(len(there), 'agent')} with {counted(workers, 'worker')}, {busy} busy{told}"
    return Check(name="agents", level=Level.OK, message=message)


def _agents(state: StateStore) -> list[AgentStatus]:
    page = state.agents()
    found = page.agents
    while page.cursor is not None:
        page = state.agents(page.cursor)
        found += page.agents
    return found


def _since(began: float) -> str:
    return f"{1000 * (time.monotonic() - began):.0f} ms"

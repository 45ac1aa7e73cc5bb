"""One drill, from its first agent to its verdict."""

import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, suppress
from pathlib import Path
from secrets import token_hex

import msgspec

from htcgrid.config import Config, seconds
from htcgrid.connector import Grid
from htcgrid.drill.client import Errand
from htcgrid.drill.crew import Crew
from htcgrid.drill.evidence import Evidence, Reading, by_index, recorded, runs_in
from htcgrid.drill.plan import Plan
from htcgrid.drill.striker import Striker
from htcgrid.drill.verdict import Judge, Verdict
from htcgrid.errors import ConfigError, HtcGridError, ProviderError, ProviderUnavailableError, SessionNotFoundError
from htcgrid.interfaces import StateStore
from htcgrid.model import SessionId, SessionStatus
from htcgrid.model.interpreter import interpreter

#: How often it is looked what is to be done, and how far the session is: seconds.
_TICK = 0.05
_LOOK = 0.5
#: How often agents and clients that end by themselves are started again.
_LIVES = 5
#: Over which share of the time tasks are submitted.
_SUBMITTING = 0.3
#: The lines of an agent's log that are shown of one that ended by itself.
_LINES = 5


class Drill:
    """Runs one drill on the grid of a grid.toml; ``observe``: beside agents that are others'."""

    def __init__(self, config: Config, plan: Plan, folder: Path, *, observe: bool = False) -> None:
        if config.file is None:
            raise ConfigError("a drill starts processes on a grid.toml, and this grid has none")
        self._config = config
        self._file = config.file
        self._plan = plan
        self._folder = folder
        self._observe = observe
        self._notes = folder / "notes"
        self._notes.mkdir()
        self._crew = Crew(msgspec.structs.replace(plan, agents=0) if observe else plan, config.file, folder)
        self.session = SessionId(f"drill-{plan.seed}-{token_hex(4)}")
        self._clients: list[subprocess.Popen[bytes]] = []
        self._began = time.time()

    def run(self, show: Callable[[SessionStatus | None, int], None]) -> Verdict:
        """Run it; ``show`` is told how far it is, and how many strikes there were.

        Raises:
            HtcGridError: the grid cannot be used, or the client cannot go on.
        """
        with ExitStack() as stack:
            state = stack.enter_context(closing(self._config.open_state()))
            queue = stack.enter_context(closing(self._config.open_queue()))
            stack.callback(self._end_client)
            stack.callback(self._crew.close)
            striker = Striker(
                self._plan,
                self._crew,
                self._kill_client,
                state=state,
                queue=queue,
                session=self.session,
                lease=seconds(self._config.agent.lease),
            )
            self._crew.fill()
            self._start_client()
            try:
                for status in self._looks(state, striker):
                    show(status, len(striker.struck))
            except BaseException:
                # Nobody goes on with it.
                with suppress(HtcGridError):
                    state.delete(self.session)
                raise
            fallen = {agent.name: _end_of(agent.log) for agent in self._crew.fallen}
            fallen |= self._fallen_clients()
            self._crew.close()
            return self._judge(state, striker, fallen)

    def _looks(self, state: StateStore, striker: Striker) -> Iterator[SessionStatus | None]:
        """Let things happen until the client has all; yield now and then how far the session is."""
        began = moved = looked = time.monotonic()
        ended = 0
        while self._client_goes_on():
            time.sleep(_TICK)
            now = time.monotonic()
            self._refill()
            if now - began < self._plan.seconds:
                striker.tick()
            else:
                self._crew.wake()
            if now - looked < _LOOK:
                continue
            looked = now
            status = self._status(state)
            done = (status.ended if status is not None else 0) + self._written()
            if done > ended:
                ended, moved = done, now
            yield status
            if now - max(moved, began + self._plan.seconds) > self._plan.patience:
                # What is left has no outcome, and the verdict names it.
                self._end_client()
                return

    def _refill(self) -> None:
        fallen = self._crew.fallen
        if len(fallen) >= _LIVES:
            raise ProviderError(f"agents end by themselves, time after time: {_end_of(fallen[-1].log)}")
        self._crew.fill()

    def _status(self, state: StateStore) -> SessionStatus | None:
        try:
            return state.status([self.session])[0]
        except (SessionNotFoundError, ProviderUnavailableError):
            return None

    def _start_client(self) -> None:
        plan = self._plan
        errand = Errand(
            config=str(self._file),
            session=self.session,
            pool=plan.pool,
            tasks=plan.tasks,
            seed=plan.seed,
            seconds=plan.task_seconds,
            timeout=plan.timeout,
            began=self._began,
            pace=_SUBMITTING * plan.seconds,
            notes=str(self._notes),
        )
        command = [interpreter(), "-P", "-m", "htcgrid.drill.client", msgspec.json.encode(errand).decode()]
        number = len(self._clients)
        with (self._folder / f"client-{number}.err").open("wb") as errors:
            self._clients.append(
                subprocess.Popen(
                    [*command, str(self._out(number))],
                    stdin=subprocess.PIPE,
                    stdout=errors,
                    stderr=errors,
                    start_new_session=True,
                )
            )

    def _written(self) -> int:
        """Return how much clients have written down: one that comes late reads all again, and nothing ends by that."""
        files = (self._out(number) for number in range(len(self._clients)))
        return sum(file.stat().st_size for file in files if file.exists())

    def _out(self, number: int) -> Path:
        return self._folder / f"client-{number}.out"

    def _client_goes_on(self) -> bool:
        """Return whether a client is at it, also when it is another one from now on.

        Raises:
            ProviderError: clients end by themselves, time after time.
        """
        status = self._clients[-1].poll()
        if status == 0:
            return False
        if status is not None:
            fallen = self._fallen_clients()
            if len(fallen) >= _LIVES:
                raise ProviderError(f"the drill's client cannot go on: {list(fallen.values())[-1]}")
            self._start_client()
        return True

    def _kill_client(self) -> bool:
        client = self._clients[-1]
        if client.poll() is not None:
            return False
        _end(client)
        return True

    def _end_client(self) -> None:
        for client in self._clients:
            _end(client)

    def _fallen_clients(self) -> dict[str, str]:
        """Return the clients that ended by themselves, with the ends of what they said."""
        ended = [number for number, client in enumerate(self._clients) if (client.poll() or 0) > 0]
        return {f"client-{number}": _end_of(self._folder / f"client-{number}.err") for number in ended}

    def _judge(self, state: StateStore, striker: Striker, fallen: dict[str, str]) -> Verdict:
        with Grid.open(self._file) as grid:
            handle = grid.session(self.session)
            status = handle.status()
            outcomes = by_index(handle.outcomes()) if status.finished else {}
        evidence = Evidence(
            status=status,
            recorded=recorded(state, self.session),
            outcomes=outcomes,
            readings=[Reading.of(self._out(number)) for number in range(len(self._clients))],
            runs=runs_in(self._notes),
            struck=striker.struck,
            fallen=fallen,
        )
        flush = state.limits.flush.total_seconds()
        return Judge(evidence, self._plan.tasks, flush=flush, observed=self._observe).verdict()


def _end(client: subprocess.Popen[bytes]) -> None:
    client.kill()
    client.wait()
    if client.stdin is not None:
        client.stdin.close()


def _end_of(log: Path) -> str:
    return " | ".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-_LINES:])

"""Starting an agent on a grid.toml."""

import argparse
import os
import platform
import socket
import sys
import threading
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from random import Random
from secrets import token_hex

import htcgrid
from htcgrid.config import INTERFACES, AgentSettings, Config, read_config, seconds
from htcgrid.cores import allotted, usable_cores
from htcgrid.descriptors import hold_standard_streams
from htcgrid.errors import HtcGridError
from htcgrid.model import AgentId, AgentReport, check_name, utcnow
from htcgrid.model.client_process import ClientProcess
from htcgrid.nesting import VARIABLE, mark_of
from htcgrid.plain_text import plain
from htcgrid.reaper import Reaper
from htcgrid.secrets import variables_of
from htcgrid.services import Leave, open_services
from htcgrid.temporary import holding
from htcgrid_agent.core import AgentCore, AgentPolicy
from htcgrid_agent.shell.agent import Agent, WorkerSettings
from htcgrid_agent.shell.descriptors import workers_within_descriptors
from htcgrid_agent.shell.inputs import Inputs
from htcgrid_agent.shell.logs import open_log
from htcgrid_agent.shell.shared import SharedFiles
from htcgrid_agent.shell.stores import StoreCalls


def main(arguments: list[str] | None = None) -> int:
    """Run ``python -m htcgrid_agent``; return the exit status."""
    parser = argparse.ArgumentParser(prog="htcgrid_agent", description="Run an agent of a grid.")
    parser.add_argument("--config", type=Path, required=True, help="the grid.toml")
    parser.add_argument("--id", help="the agent's id; made up when left out")
    parser.add_argument(
        "--workers", type=int, help="worker processes, instead of [agent] workers or one per usable core"
    )
    parser.add_argument("--pool", help="the pool it belongs to, instead of [agent] pool")
    parser.add_argument("--handler", action="append", default=[], help="a handler's pattern, beside [agent] handlers")
    parser.add_argument("--log", choices=("json", "console"), default="json", help="how log lines look")
    parser.add_argument("--verbose", action="store_true", help="log every claim, too")
    parser.add_argument("--lifeline", type=int, action="append", default=[], help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    try:
        config = read_config(options.config)
        return run_agent(
            config,
            agent=options.id,
            workers=options.workers,
            pool=options.pool,
            handlers=options.handler,
            log_style=options.log,
            verbose=options.verbose,
            lifelines=options.lifeline,
        )
    except HtcGridError as error:
        sys.stderr.write(f"htcgrid agent: {plain(str(error))}\n")
        return 2


def new_agent_id() -> AgentId:
    """Return an id that no other agent has, and that tells a person where it runs."""
    host = "".join(letter if letter.isalnum() else "-" for letter in socket.gethostname().split(".")[0])
    return AgentId(f"{host[:40] or 'agent'}-{os.getpid()}-{token_hex(3)}")


def _worker_environment(config: Config, settings: AgentSettings) -> dict[str, str]:
    """Return the variables of a worker: the agent's, without those that open the grid's services, and its own."""
    withheld = set(variables_of({table: config.tables.get(table) for table in INTERFACES}))
    return {name: text for name, text in os.environ.items() if name not in withheld} | settings.environment


def _bytes(megabytes: int | None) -> int | None:
    return None if megabytes is None else megabytes * 1_000_000


def run_agent(
    config: Config,
    *,
    agent: str | None = None,
    workers: int | None = None,
    pool: str | None = None,
    handlers: Sequence[str] = (),
    log_style: str = "json",
    verbose: bool = False,
    lifelines: Sequence[int] = (),
) -> int:
    """Run an agent in this process, whose main thread this must be, until it is told to stop.

    While its services cannot be reached it says so in its log, and waits for them.

    Raises:
        ConfigError: the file, the id or the pool cannot be used.
    """
    hold_standard_streams()
    settings = config.agent_settings()
    # Out of the environment, which workers have, too.
    client = ClientProcess.taken(os.environ)
    allowed = (*settings.handlers, *handlers)
    name = new_agent_id() if agent is None else AgentId(agent)
    pool = settings.pool if pool is None else pool
    check_name("agent id", name)
    check_name("pool", pool)
    environment = _worker_environment(config, settings)
    allotment = allotted(usable_cores(), workers or settings.workers, environment)
    log = open_log(log_style, agent=name, verbose=verbose, secrets=config.secrets)
    count = workers_within_descriptors(allotment.workers)
    if count < allotment.workers:
        advice = "raise the limit of descriptors, which 'ulimit -n' sets"
        log.warning("fewer workers than wanted", workers=count, wanted=allotment.workers, advice=advice)
    stopping = threading.Event()
    with ExitStack() as stack:
        temporary = stack.enter_context(holding(config.folder))
        try:
            state, queue, payloads = open_services(config, stack, say=log.warning, lifelines=lifelines)
        except Leave:
            return 0
        flush = state.limits.flush.total_seconds() if settings.flush is None else settings.flush
        policy = AgentPolicy(
            agent=name,
            workers=count,
            lease=settings.lease,
            heartbeat=settings.heartbeat,
            grace=settings.grace,
            target=settings.target,
            flush=flush,
            report=settings.report,
            handlers=allowed,
            pickle=settings.pickle,
            python="{}.{}".format(*sys.version_info),
            wait=queue.limits.wait.total_seconds(),
        )
        inputs = Inputs()
        calls = StoreCalls(
            state=state,
            queue=queue,
            payloads=payloads,
            agent=name,
            pool=pool,
            lease=seconds(settings.lease),
            inputs=inputs,
            stopping=stopping,
            log=log,
            about=AgentReport(
                id=name,
                pool=pool,
                host=socket.gethostname(),
                pid=os.getpid(),
                version=htcgrid.__version__,
                python=platform.python_version(),
                started=utcnow(),
                handlers=allowed,
                interval=seconds(settings.report),
            ),
        )
        shared = SharedFiles(
            payloads,
            limit=settings.shared_megabytes * 1_000_000,
            stopping=stopping,
            place=config.folder if temporary else None,
        )
        stack.callback(shared.close)
        shell = Agent(
            AgentCore(policy, Random().random),
            calls,
            inputs,
            name=name,
            workers=WorkerSettings(
                path=client.path or [str(config.folder / folder) for folder in settings.path],
                environment=environment | allotment.variables | {VARIABLE: mark_of(config)},
                nice=settings.nice,
                pickle=settings.pickle,
                recycle_tasks=settings.recycle_tasks,
                recycle_bytes=_bytes(settings.recycle_megabytes),
                memory_bytes=_bytes(settings.memory_megabytes),
                handlers=list(allowed),
                reload=settings.reload,
                client=client,
            ),
            grace=settings.grace,
            shared=shared,
            log=log,
            stopping=stopping,
        )
        stack.callback(shell.close)
        shell.watch_signals()
        for lifeline in lifelines:
            shell.watch_lifeline(lifeline)
        if settings.reaper:
            seed = Random().getrandbits(32)
            reaper = Reaper(state, queue, payloads, pools=[pool], seed=seed, log=log.warning, crash=shell.crash)
            calls.hasten = reaper.hasten
            reaper.start()
            stack.callback(reaper.close)
        return shell.run(
            pool=pool,
            workers=count,
            threads=allotment.threads,
            why=allotment.reason,
            folder=str(config.folder),
            path=[str(config.folder / folder) for folder in settings.path],
            handlers=list(allowed),
        )

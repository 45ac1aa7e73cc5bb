"""Compare htcgrid with its peers on this machine, in one session.

``python -m benchmarks.compare [--all] [--runs N] [--tasks N] [--trips N] [--json FILE] [--svg FILE]``. Each run
measures everything once, one after the other, so that whatever else the machine does meets all alike. In each, two
workers echo a payload of 120 bytes, and one client submits all tasks and fetches every result.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import htcgrid
from benchmarks import json_loop, machine, measures
from benchmarks.comparison import OURS, Measurement, Run, ratio_to_fastest, share_of_json_loop, table
from benchmarks.grids import GRIDS, opened
from benchmarks.peers.catalogue import PEERS, Peer
from benchmarks.peers.environment import NotInstalledError, interpreter
from benchmarks.peers.program import measured
from benchmarks.program import ProgramError
from htcgrid.bench.measures import PAYLOAD

WORKERS = 2
_HERE = Path(__file__).parent


def main() -> int:
    """Print the comparison, and write what was asked for."""
    options = _options()
    peers = installed([peer for peer in PEERS if options.all or peer.fast])
    runs = []
    for number in range(options.runs):
        print(f"run {number + 1} of {options.runs}", file=sys.stderr)
        runs.append(run(peers, tasks=options.tasks, trips=options.trips))
    print("\n".join(report(runs, list(peers))))
    facts = _facts(runs)
    if options.json:
        options.json.write_text(json.dumps(facts))
    if options.svg:
        _draw(facts, options.svg)
    return 0


def installed(peers: Sequence[Peer]) -> dict[Peer, Path]:
    """Return the peers that can be installed, each with its Python; tell of the others."""
    found = {}
    for peer in peers:
        try:
            found[peer] = interpreter(_HERE / "peers" / peer.folder)
        except NotInstalledError as error:
            print(f"{peer.name} is left out, for it cannot be installed: {error}", file=sys.stderr)
    return found


def run(peers: dict[Peer, Path], *, tasks: int, trips: int) -> Run:
    """Measure each once; tell of a peer that fails, and go on without it."""
    found = {f"htcgrid, {kind}": _ours(kind, tasks, trips) for kind in GRIDS}
    for peer, python in peers.items():
        try:
            found[peer.name] = measured(peer, python, tasks=tasks, trips=trips, workers=WORKERS)
        except ProgramError as error:
            print(f"{peer.name} is left out of this run: {error}", file=sys.stderr)
    return Run(found, json_loop.rate(WORKERS, 100_000))


def report(runs: Sequence[Run], peers: Sequence[Peer]) -> list[str]:
    """Return the lines of the comparison: the machine, the table, the ratios, and a note on each peer."""
    names = [f"htcgrid, {kind}" for kind in GRIDS] + [peer.name for peer in peers]
    lines = [f"{machine.described()}. {WORKERS} workers, {len(runs)} runs.", "", *table(runs, names), ""]
    if ratio := ratio_to_fastest(runs, [peer.name for peer in peers]):
        lines.append(f"{OURS}: {ratio[1].shown(1)} times the tasks of the fastest peer, {ratio[0]}.")
    lines += [f"{OURS}: {100 * share_of_json_loop(runs, OURS).median:.2g} % of the JSON loop.", ""]
    return lines + [line for peer in peers for line in note(peer)]


def note(peer: Peer) -> list[str]:
    """Return the lines that say how a peer is set, on whose advice, and in what it differs."""
    return [
        f"- **{peer.name}**: {peer.settings} ({', '.join(peer.sources)}).",
        f"  More than htcgrid: {peer.more}. Less: {peer.less}.",
    ]


def _ours(kind: str, tasks: int, trips: int) -> Measurement:
    with opened(kind, WORKERS) as on:
        # As much to warm up as the peers have.
        measures.end_to_end(on.grid, 500)
        measures.round_trips(on.grid, 20)
        began = time.perf_counter()
        results = on.grid.submit(measures.ECHO, measures.payloads(tasks)).results(timeout=600)
        seconds = time.perf_counter() - began
        assert len(results) == tasks
        assert all(result == PAYLOAD for result in results)
        return Measurement(htcgrid.__version__, tasks, seconds, tuple(measures.round_trips(on.grid, trips)))


def _facts(runs: Sequence[Run]) -> dict[str, object]:
    return {
        "machine": machine.described(),
        "runs": [
            {
                "json_loop": one.json_loop,
                "measurements": {name: found._asdict() for name, found in one.measurements.items()},
            }
            for one in runs
        ],
    }


def _draw(facts: dict[str, object], file: Path) -> None:
    """Write the chart, by the Python of an environment that has what it needs."""
    try:
        python = interpreter(_HERE / "plot")
    except NotInstalledError as error:
        print(f"no chart, for what draws it cannot be installed: {error}", file=sys.stderr)
        return
    with tempfile.NamedTemporaryFile("w", suffix=".json") as numbers:
        json.dump(facts, numbers)
        numbers.flush()
        subprocess.run([str(python), str(_HERE / "plot" / "draw.py"), numbers.name, str(file)], check=True)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.compare", description="Compare htcgrid with its peers.")
    parser.add_argument("--all", action="store_true", help="all peers, not only the three fastest")
    parser.add_argument("--runs", type=int, default=3, help="runs of which the median counts")
    parser.add_argument("--tasks", type=int, default=10_000, help="tasks in one bulk; fewer for peers that are slow")
    parser.add_argument("--trips", type=int, default=200, help="round trips of one task")
    parser.add_argument("--json", type=Path, help="also write the numbers to this file")
    parser.add_argument("--svg", type=Path, help="also draw them into this file")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())

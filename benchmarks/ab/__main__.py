"""Compare the speed of the working tree with that of a commit.

``python -m benchmarks.ab --base REF [--change REF] [--pairs N] [--only MEASURE] [--grid NAME] [--least R] [--share S]
[--same-environment] [--json FILE]``. Ends with 1 when a median ratio of speed is below ``--least``.
"""

import argparse
import fcntl
import json
import math
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from benchmarks import machine
from benchmarks.ab import checkout
from benchmarks.ab.checkout import Checkout, NotComparableError
from benchmarks.ab.measurement import GRIDS, MEASURES, WORKERS, Measure, pair
from benchmarks.ab.ratios import Found, Pair, facts, slower, table, verdict
from benchmarks.ab.side import Side, with_its_environment, with_this_environment
from benchmarks.settings import Settings

_ROOT = Path(__file__).resolve().parents[2]
_SLOWER, _NOT_COMPARABLE, _INTERRUPTED = 1, 2, 130


def main(words: Sequence[str] | None = None, root: Path = _ROOT) -> int:
    """Print the comparison; return 1 if the change is slower, and 2 if there is nothing to compare."""
    options = _options(words)
    try:
        _check(options)
        checkout.check_repository(root)
        with _cache(root) as cache:
            base, change = sides(options, root, cache)
            found = compared(base, change, options)
    except NotComparableError as error:
        print(error, file=sys.stderr)
        return _NOT_COMPARABLE
    except KeyboardInterrupt:
        print("interrupted: nothing is left running", file=sys.stderr)
        return _INTERRUPTED
    print("\n".join(report(base, change, found, options)))
    if options.json:
        document = {"machine": machine.described(), "base": base.name, "change": change.name, "grid": options.grid}
        options.json.write_text(json.dumps({**document, "measures": [facts(one) for one in found]}))
    return _SLOWER if slower(found, options.least) else 0


def sides(options: argparse.Namespace, root: Path, cache: Path) -> tuple[Side, Side]:
    """Return the base and the change, each ready to be measured."""
    base = checkout.of_commit(root, options.base, cache)
    if options.change is None:
        change = checkout.of_working_tree(root, cache)
    else:
        change = checkout.of_commit(root, options.change, cache)
    return _side(base, options), _side(change, options)


def compared(base: Side, change: Side, options: argparse.Namespace) -> list[Found]:
    """Measure both sides, as many pairs of each measure as are asked for."""
    settings = Settings(share=options.share)
    measures = [_shared(MEASURES[name], settings) for name in options.only or MEASURES]
    pairs: list[list[Pair]] = [[] for _ in measures]
    for number in range(options.pairs):
        print(f"pair {number + 1} of {options.pairs}", file=sys.stderr, flush=True)
        for measure, found in zip(measures, pairs, strict=True):
            found.append(pair(base, change, measure, options.grid))
    return [Found(one.title, one.tasks, found) for one, found in zip(measures, pairs, strict=True)]


def report(base: Side, change: Side, found: Sequence[Found], options: argparse.Namespace) -> list[str]:
    """Return the lines that are printed: what was compared, on what and how, the table and the verdict."""
    return [
        f"base: {base.name}; change: {change.name}.",
        f"{machine.described()}. Grid {options.grid}, {WORKERS} workers.",
        f"{options.pairs} pairs, each of two new processes that take turns: base, change, change, base.",
        "Ratios are pair by pair, and their median counts; above 1 the change is better, in speed and processor time.",
        "",
        *table(found, options.least),
        "",
        *verdict(found, options.least),
    ]


def _shared(measure: Measure, settings: Settings) -> Measure:
    tasks = settings.of(measure.tasks)
    title = measure.title if tasks == measure.tasks else f"{tasks:,} echo tasks"
    # Of turns an even number.
    return Measure(title, tasks, settings.of(measure.sessions), 2 * settings.of(measure.turns // 2))


def _side(found: Checkout, options: argparse.Namespace) -> Side:
    if options.same_environment:
        return with_this_environment(found)
    print(f"environment of {found.name}: {found.folder / '.venv'}", file=sys.stderr, flush=True)
    return with_its_environment(found)


@contextmanager
def _cache(root: Path) -> Iterator[Path]:
    """Make the folder of the checkouts; nobody else uses it meanwhile."""
    cache = root / "build" / "ab"
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / "lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise NotComparableError(
                f"another comparison runs in {root}, and each would slow the other: wait until it has ended"
            ) from error
        yield cache


def _check(options: argparse.Namespace) -> None:
    """Return if the options can be meant.

    Raises:
        NotComparableError: one cannot.
    """
    if options.pairs < 1:
        raise NotComparableError(f"--pairs {options.pairs} would measure nothing: ask for 1 or more, 11 to rely on")
    if not 0 < options.least < math.inf:
        raise NotComparableError(f"--least {options.least} is no ratio: give one above 0, as 0.97")
    if not 0 < options.share <= 1:
        raise NotComparableError(f"--share {options.share} is no part of a measure: give one above 0 and up to 1")
    if options.json and not options.json.resolve().parent.is_dir():
        raise NotComparableError(f"--json {options.json} is in a folder that does not exist: make it first")


def _options(words: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.ab", description="Compare the speed of the working tree with that of a commit."
    )
    parser.add_argument("--base", required=True, metavar="REF", help="the commit to compare with")
    parser.add_argument("--change", metavar="REF", help="a commit to compare; the working tree when left out")
    parser.add_argument("--pairs", type=int, default=11, metavar="N", help="pairs whose median ratio counts; 11")
    parser.add_argument("--only", choices=MEASURES, action="append", help="a measure; all when left out")
    parser.add_argument("--grid", choices=GRIDS, default="local", help="the grid to measure on; local when left out")
    parser.add_argument("--least", type=float, default=0.97, metavar="R", help="the least ratio that will do; 0.97")
    parser.add_argument("--share", type=float, default=1.0, help="do only that much of each, to see that it works")
    parser.add_argument(
        "--same-environment", action="store_true", help="run both sides in this environment, not each in its own"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the numbers to this file")
    return parser.parse_args(words)


if __name__ == "__main__":
    # A request to terminate is an interrupt: what was started is ended.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    sys.exit(main())

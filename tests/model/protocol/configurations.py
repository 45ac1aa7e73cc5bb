"""What is explored: each configuration widens what the others keep narrow, for all at once would have no end.

What two of them widen is explored apart; the larger ones, and the simulator, have more of it together.
"""

from typing import NamedTuple

from tests.model.protocol.bounds import Bounds
from tests.model.protocol.state import Left


class Configuration(NamedTuple):
    """Bounds, what they are for, and how many states lie within them."""

    name: str
    covers: str
    bounds: Bounds
    states: int


#: What `make test` explores.
SMALL = (
    Configuration(
        "submission",
        "a submission in two calls and its repetition, both at once; a crash between any two writes",
        Bounds(clients=(0, 0), agents=1, hints=True, left=Left(crashes=1)),
        37_694,
    ),
    Configuration(
        "one call",
        "all bundles first, header last, also with lost and doubled hints",
        Bounds(roots=(1, 2), clients=(0, 0), calls=(2,), agents=1, hints=True, left=Left(lost=1, doubled=1)),
        6_501,
    ),
    Configuration(
        "other content",
        "two clients that submit different tasks under one id",
        Bounds(roots=(1, 2), clients=(0, 1), agents=1, left=Left(crashes=1)),
        3_662,
    ),
    Configuration(
        "other cut",
        "two clients that submit under one id what begins alike and is cut in different ways",
        Bounds(roots=(1, 3), other_roots=(1, 2, 3), clients=(0, 1), agents=1, left=Left(crashes=1)),
        23_206,
    ),
    Configuration(
        "cancelled submission",
        "a cancel while tasks are added, and claims that read the header before",
        Bounds(roots=(1, 2), clients=(0,), hints=True, asks=True, left=Left(cancels=1)),
        5_162,
    ),
    Configuration(
        "hints",
        "hints that are lost and doubled, claims in two steps, a lease that lapses under its holder",
        Bounds(roots=(1, 3), hints=True, asks=True, left=Left(pauses=1, lost=1, doubled=1)),
        24_401,
    ),
    Configuration(
        "leases",
        "a crash, a pause past the lease, and a bundle that splits",
        Bounds(left=Left(crashes=1, pauses=1, returns=1)),
        8_781,
    ),
    Configuration(
        "reapers",
        "two reapers that look first and write later",
        Bounds(roots=(1, 2), reapers=2, left=Left(crashes=1, pauses=1)),
        7_060,
    ),
    Configuration(
        "stale index",
        "reapers that see bundles as they were, or not yet",
        Bounds(roots=(1, 2), reapers=1, stale_index=True, hints=True, left=Left(pauses=1)),
        15_530,
    ),
    Configuration(
        "commits",
        "a commit reads bundle and tail before it writes, and its agent gives back meanwhile",
        Bounds(reads=True, lanes=True, left=Left(pauses=1, returns=1)),
        7_607,
    ),
    Configuration(
        "answers",
        "claims and commits that get no answer",
        Bounds(reads=True, left=Left(pauses=1, replies=1)),
        11_964,
    ),
    Configuration(
        "packs",
        "packs whose commits are under way, refused or repeated, and the collection of those that no entry names",
        Bounds(roots=(2,), packs=True, sweeps=True, reads=True, left=Left(pauses=1, replies=1)),
        5_129,
    ),
    Configuration(
        "give-backs",
        "a bundle that splits while a lease lapses and an answer gets lost",
        Bounds(roots=(3,), left=Left(pauses=1, replies=1, returns=1)),
        11_141,
    ),
    Configuration(
        "stops",
        "an agent that stops, and gives back everything",
        Bounds(roots=(3,), left=Left(pauses=1, returns=1, stops=1)),
        13_472,
    ),
    Configuration(
        "give-backs in steps",
        "children written one at a time, with a crash between two of them",
        Bounds(roots=(3,), stepwise=True, left=Left(crashes=1, pauses=1, returns=1)),
        13_787,
    ),
    Configuration(
        "retries",
        "tasks that fail and are tried again in place, or anywhere after a delay",
        Bounds(roots=(2, 3), flaky=3, left=Left(pauses=1, fails=2)),
        18_323,
    ),
    Configuration(
        "doomed",
        "a task that always fails, among others, and is hinted again after its delay",
        Bounds(roots=(3,), doomed=2, hints=True, left=Left(crashes=1, pauses=1)),
        12_829,
    ),
    Configuration(
        "poison",
        "a task that takes its agents along, with a crash and a false lapse beside it",
        Bounds(roots=(3,), poison=2, left=Left(crashes=1, pauses=1)),
        18_000,
    ),
    Configuration(
        "two poisons",
        "two tasks that take their agents along, and an innocent one between them",
        Bounds(roots=(3,), poison=5, left=Left(pauses=1)),
        10_655,
    ),
    Configuration(
        "cancel",
        "a cancel over two logs that breaks off, against commits that have read their tails",
        Bounds(roots=(1, 3), logs=2, reads=True, left=Left(crashes=1, cancels=1)),
        5_882,
    ),
    Configuration(
        "reader",
        "a reader of two logs that is resumed, and a cancel",
        Bounds(logs=2, reader=True, left=Left(crashes=1, cancels=1, resumes=1)),
        20_533,
    ),
    Configuration(
        "status",
        "a status that is read log by log while tasks are added, end and are cancelled",
        Bounds(roots=(1, 2), logs=2, clients=(0,), observer=True, left=Left(cancels=1)),
        6_828,
    ),
    Configuration(
        "retention",
        "a delete at any time, with late agents, a late submission, and a collection that breaks off",
        Bounds(roots=(1, 2), packs=True, sweeps=True, clients=(0, 0), agents=1, left=Left(deletes=1)),
        26_625,
    ),
)

#: What `make model` explores besides.
LARGE = (
    Configuration(
        "large: submission",
        "a submission, its repetition, a lost hint, a crash and a cancel",
        Bounds(roots=(1, 2), clients=(0, 0), hints=True, asks=True, left=Left(crashes=1, lost=1, cancels=1)),
        474_664,
    ),
    Configuration(
        "large: leases",
        "three agents, a crash, pauses, and bundles that split",
        Bounds(agents=3, left=Left(crashes=1, pauses=2, returns=1, stops=1)),
        642_506,
    ),
    Configuration(
        "large: commits",
        "everything about a commit at once",
        Bounds(roots=(3,), reads=True, lanes=True, left=Left(crashes=1, pauses=1, replies=1, returns=1)),
        485_456,
    ),
    Configuration(
        "large: poison",
        "a poison task, a crash, two false lapses and bundles that split",
        Bounds(roots=(3,), poison=2, left=Left(crashes=1, pauses=2, returns=1)),
        464_138,
    ),
    Configuration(
        "large: reapers",
        "two reapers on a stale index, a crash and a pause",
        Bounds(roots=(1, 3), reapers=2, stale_index=True, left=Left(crashes=1, pauses=1)),
        372_198,
    ),
    Configuration(
        "large: cancel",
        "a cancel over two logs, a resumed reader, a crash, a pause and commits in two requests",
        Bounds(roots=(2, 3), logs=2, reads=True, reader=True, left=Left(crashes=1, pauses=1, cancels=1, resumes=1)),
        1_323_963,
    ),
    Configuration(
        "large: retention",
        "a delete against a submission, agents, packs and a collection that breaks off",
        Bounds(
            roots=(1, 2),
            packs=True,
            sweeps=True,
            reads=True,
            clients=(0,),
            left=Left(crashes=1, pauses=1, deletes=1),
        ),
        448_576,
    ),
)

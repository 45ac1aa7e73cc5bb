"""The journal of a worker, also as one finds it whose handler wrote there."""

import math
import os
from collections.abc import Callable, Iterator
from random import Random

import msgspec
import pytest

from htcgrid.model import Block, Failure, Printed
from htcgrid_agent.core import AgentPolicy
from htcgrid_agent.shell.journal_reader import Held, JournalReader
from htcgrid_agent.workers import journal as layout
from htcgrid_agent.workers.cell import SIZE, Cell
from htcgrid_agent.workers.journal import Journal

RUN = 7
OOPS = Failure(type="ValueError", message="oops", traceback="line 1")
SAID = Printed("out", "err")
CODE = "0123456789ab"
#: A value, a failure, and what was printed.
Outcome = tuple[bytes | None, Failure | None, Printed | None]
PLAIN: Outcome = (b"12", None, None)


class Desk:
    """A journal, and both who use it."""

    def __init__(self) -> None:
        self.cell = Cell.create()
        self.memory = self.cell.memory
        self.journal = Journal(self.memory)
        self.reader = JournalReader(self.memory, "a/0")
        self.now = 100.0
        self.block = Block(0, [], 0.0, [], "a/0")
        self._place = self._stamp = 0

    def begin(self, start: int = 10, run: int = RUN) -> None:
        self._place, self._stamp = self.journal.begin(run, start, 12.5, CODE)
        self.block = Block(start, [], 12.5, [], "a/0", {}, {}, {}, CODE)

    def add(self, *outcomes: Outcome) -> bool:
        """Add outcomes as a worker does; return whether there was room for all."""
        for value, failure, printed in outcomes:
            self._place += self.journal.STEP
            self._stamp += 1
            self.block.values.append(value)
            self.block.durations.append(1000 + len(self.block.values))
            if failure is not None:
                self.block.failures[self.block.stop - 1] = failure
            if printed is not None:
                self.block.printed[self.block.stop - 1] = printed
            if failure is None and printed is None and value is not None and len(value) <= layout.SHORT:
                duration = self.block.durations[-1]
                self.journal.write(self.memory, self._place, value, duration, len(value), self._stamp)
            elif not self.journal.add(self._place, self._stamp, self.block):
                return False
        return True

    def looks(self, count: int = 3) -> list[Held]:
        """Look so many times, 50 ms after each other; return what was found."""
        found = []
        for _ in range(count):
            self.now += 0.05
            held = self.reader.settled(self.now)
            found.extend([] if held is None else [held])
        return found


@pytest.fixture
def desk() -> Iterator[Desk]:
    desk = Desk()
    desk.reader.hand(RUN, 10, 5000, desk.now)
    yield desk
    desk.cell.close()


@pytest.mark.parametrize(
    "outcomes",
    [
        [PLAIN],
        [PLAIN, PLAIN, PLAIN],
        [(b"", None, None)],
        [(b"x" * layout.SHORT, None, None), PLAIN],
        [(b"x" * (layout.SHORT + 1), None, None), PLAIN],
        [(b"\0" * 30, None, None)],
        [PLAIN, (b"y" * 100_000, None, None), PLAIN, (b"z" * 200, None, None)],
        [(None, OOPS, None)],
        [(None, OOPS, SAID), PLAIN],
        [PLAIN, (b"an exception", OOPS, None)],
        [(b"12", None, SAID)],
        [(b"long" * 100, None, SAID), (None, OOPS, None), PLAIN],
        [PLAIN] * 2047,
        [(None, OOPS, SAID)] * 500,
        [(b"q" * layout.ROOM, None, None)],
    ],
    ids=lambda outcomes: f"{len(outcomes)} from {str(outcomes[0])[:40]}",
)
def test_what_a_worker_adds_is_read_once_after_it_has_stood_there(desk: Desk, outcomes: list[Outcome]) -> None:
    desk.begin()
    assert desk.add(*outcomes)
    [held] = desk.looks()
    assert held.block == desk.block
    assert (held.run, held.since) == (RUN, 100.0)
    assert held.size >= sum(len(value or b"") for value in desk.block.values)
    assert desk.looks() == []
    assert desk.reader.rest() is None


def test_what_comes_later_is_read_alone(desk: Desk) -> None:
    desk.begin()
    desk.add(PLAIN, (b"w" * 99, None, None))
    [first] = desk.looks()
    desk.add((b"v" * 99, None, None), (None, OOPS, None))
    [second] = desk.looks()
    assert (first.block.start, second.block.start) == (10, 12)
    assert second.block.values == [b"v" * 99, None]
    assert second.block.failures == {13: OOPS}
    assert second.block.began == pytest.approx(12.5 + 0.002003)


def test_nothing_is_read_that_moves(desk: Desk) -> None:
    for _ in range(20):
        desk.begin()
        desk.add(PLAIN)
        assert desk.looks(1) == []
    assert len(desk.looks(2)) == 1


def test_what_was_reported_is_not_read(desk: Desk) -> None:
    desk.begin()
    desk.add(PLAIN, PLAIN, PLAIN)
    desk.reader.reported(12)
    [held] = desk.looks()
    assert (held.block.start, held.block.stop) == (12, 13)
    desk.begin(13)
    assert desk.looks() == []


def test_what_follows_a_report_that_is_on_its_way_waits_for_it(desk: Desk) -> None:
    desk.begin(13)
    desk.add(PLAIN)
    assert desk.looks() == []
    desk.reader.reported(13)
    [held] = desk.looks(1)
    assert held.block.start == 13


def test_all_that_is_there_is_read_of_a_worker_that_has_ended(desk: Desk) -> None:
    desk.begin(13)
    desk.add(PLAIN, PLAIN)
    held = desk.reader.rest()
    assert held is not None
    assert (held.block.start, held.block.stop) == (13, 15)


def test_a_journal_of_another_run_is_not_read(desk: Desk) -> None:
    desk.begin(run=RUN - 1)
    desk.add(PLAIN)
    assert desk.looks() == []
    assert desk.reader.rest() is None


def test_a_record_that_does_not_fit_is_not_there(desk: Desk) -> None:
    desk.begin()
    assert desk.add(PLAIN, (b"x" * (layout.ROOM - 10), None, None))
    assert not desk.add((b"y" * (layout.SHORT + 1), None, None))
    [held] = desk.looks()
    assert held.block.stop == 12


def test_an_epoch_s_number_that_comes_again_finds_no_old_records(desk: Desk) -> None:
    desk.begin()
    desk.add(*[PLAIN] * 5)
    first = desk.journal._epoch
    desk.journal._epoch = layout._EPOCHS - layout.RECORDS
    desk.begin(15)
    assert desk.journal._epoch == first
    desk.reader.reported(15)
    assert desk.looks() == []
    desk.add(PLAIN)
    [held] = desk.looks()
    assert (held.block.start, held.block.stop) == (15, 16)


def test_an_agent_hands_out_no_more_tasks_than_there_are_records() -> None:
    handed = {field.name: field.default for field in msgspec.structs.fields(AgentPolicy)}["portion_tasks"]
    assert handed < layout.RECORDS


def test_nobody_can_cut_the_memory_off_under_its_reader(desk: Desk) -> None:
    for size in (0, 100, 2 * SIZE):
        with pytest.raises(PermissionError):
            os.ftruncate(desk.cell.fd, size)


def common(**fields: object) -> Callable[[Desk], None]:
    """Return what writes the head of an epoch, with some of its fields as given."""

    def write(desk: Desk) -> None:
        names = ("run", "start", "began", "code", "epoch")
        found = dict(zip(names, layout.COMMON.unpack_from(desk.memory, layout.COMMON_AT), strict=True)) | fields
        layout.COMMON.pack_into(desk.memory, layout.COMMON_AT, *(found[name] for name in names))

    return write


def slot(place: int, **fields: object) -> Callable[[Desk], None]:
    """Return what writes a slot, with some of its fields as given."""

    def write(desk: Desk) -> None:
        names, at = ("short", "duration", "length", "stamp"), layout.SLOTS_AT + place * layout.SLOT.size
        found = dict(zip(names, layout.SLOT.unpack_from(desk.memory, at), strict=True)) | fields
        layout.SLOT.pack_into(desk.memory, at, *(found[name] for name in names))

    return write


def poke(at: int, data: bytes) -> Callable[[Desk], None]:
    """Return what writes bytes."""

    def write(desk: Desk) -> None:
        desk.memory[at : at + len(data)] = data

    return write


def stamps(desk: Desk) -> None:
    """Stamp all slots there are."""
    (*_, epoch) = layout.COMMON.unpack_from(desk.memory, layout.COMMON_AT)
    for place in range(layout.RECORDS):
        slot(place, stamp=epoch + place)(desk)


def garbage(seed: int) -> Callable[[Desk], None]:
    """Return what writes anything anywhere."""

    def write(desk: Desk) -> None:
        random = Random(seed)
        desk.memory[32:] = random.randbytes(SIZE - 32)
        common(run=RUN, start=10, began=1.0, epoch=4096)(desk)
        for place in range(random.randrange(1, 50)):
            slot(place, stamp=4096 + place, duration=3)(desk)

    return write


def nested(desk: Desk) -> None:
    """Write a failure with a field that nobody knows, which the decoder skips, level by level."""
    record = b"\x93\xc0\x81\xa1x" + b"\x91" * 100_000
    poke(BODY, record)(desk)
    slot(0, length=-len(record))(desk)


BODY = layout.BYTES_AT
ODD = {
    "a negative first task": common(start=-1),
    "a first task before the run": common(start=9),
    "a first task behind the run": common(start=5000),
    "a first task far away": common(start=2**62),
    "another run": common(run=RUN + 1),
    "a negative run": common(run=-RUN),
    "a time that is none": common(began=math.nan),
    "an endless time": common(began=math.inf),
    "a time before time": common(began=-1.0),
    "a time after the year 9999": common(began=1e300),
    "a digest that is none": common(code=b"../../../etc"),
    "a digest that is no text": common(code=b"\xff" * 12),
    "a digest that is short": common(code=b"0123"),
    "no epoch": common(epoch=0),
    "a negative epoch": common(epoch=-4096),
    "another epoch": common(epoch=1 << 20),
    "the stamps of all slots": stamps,
    "the first stamp is gone": slot(0, stamp=0),
    "a negative time taken": slot(1, duration=-1),
    "an endless time taken": slot(1, duration=2**63 - 1),
    "a length above that of the memory": slot(1, length=2**31 - 1),
    "a length beyond the room": slot(2, length=layout.ROOM),
    "the most negative length": slot(1, length=-(2**31)),
    "a short value taken for a record": slot(1, length=-10),
    "a record of nothing": poke(BODY, bytes(4)),
    "a record of other types": poke(BODY, b"\x93\x01\x02\x03"),
    "a record that is cut off": poke(BODY, b"\x93\xc6\xff\xff\xff\xff"),
    "a record that is nested deeply": poke(BODY, b"\x91" * 4000),
    "a failure that is nested deeply": nested,
    "a record with neither value nor failure": poke(BODY, b"\x93\xc0\xc0\xc0"),
    "a failure that is no text": poke(BODY, b"\x93\xc0\x82\xa4type\xa1\xff\xa7message\xa1\xff\xc0"),
    "nothing at all": poke(32, bytes(SIZE - 32)),
    "ones only": poke(32, b"\xff" * (SIZE - 32)),
} | {f"garbage {seed}": garbage(seed) for seed in range(10)}


@pytest.mark.parametrize("kind", ODD)
@pytest.mark.parametrize("alive", [True, False], ids=["of a living worker", "of a dead worker"])
def test_what_a_handler_writes_there_is_an_outcome_of_its_worker_s_tasks_or_nothing(
    desk: Desk, kind: str, alive: bool
) -> None:
    desk.begin()
    desk.add((None, OOPS, SAID), *[PLAIN] * 5)
    ODD[kind](desk)
    found = desk.looks(5) if alive else [held for held in (desk.reader.rest(),) if held is not None]
    for held in found:
        block = held.block
        assert 10 <= block.start < block.stop <= 5000
        assert len(block.values) == len(block.durations)
        assert 0 <= held.size <= SIZE
        assert set(block.failures) <= set(range(block.start, block.stop))
    if not kind.startswith("garbage") and kind != "the stamps of all slots":
        assert not found, found


def test_a_full_journal_is_read_whole(desk: Desk) -> None:
    desk.begin()
    stamps(desk)
    for place in range(layout.RECORDS):
        slot(place, length=layout.SHORT, duration=0)(desk)
    [held] = desk.looks()
    assert len(held.block.values) == layout.RECORDS


def test_a_reader_that_finds_something_odd_does_not_read_it_at_every_look(desk: Desk) -> None:
    desk.begin()
    desk.add(PLAIN, PLAIN)
    slot(1, duration=-5)(desk)
    assert desk.looks(10) == []
    # It would be read by now if it were looked at again.
    slot(1, duration=5)(desk)
    assert desk.looks(10) == []
    desk.begin()
    desk.add(PLAIN)
    assert len(desk.looks()) == 1

"""The page on the interfaces is what their docstrings say, and the costs of `local` are counted."""

import re
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from htcgrid import interfaces
from htcgrid.local.database import Database
from htcgrid.local.queue import SqliteTaskQueue
from htcgrid.local.state import SqliteStateStore
from htcgrid.model import AgentId, AgentReport, Hint, Remainder, utcnow
from htcgrid.testing.samples import bundles_of, commit_of, keys_of, new_id, session_of, tasks
from tests.docs.interfaces import ARGUMENTS, LOCAL, PAGE, ROOT, found_class, methods, page, parsed, verbs

_TREE = parsed(ROOT / "htcgrid" / "interfaces.py")
_LEASE = timedelta(seconds=30)
_AGENT = AgentId("a")


def test_the_page_is_what_the_docstrings_say() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run `make reference`, which writes it again"


@pytest.mark.parametrize("name", sorted(LOCAL))
def test_every_verb_and_argument_of_an_interface_is_on_the_page(name: str) -> None:
    text = PAGE.read_text(encoding="utf-8")
    abstract = getattr(interfaces, name).__abstractmethods__ - {"open"}
    assert abstract == {method.name for method in methods(found_class(_TREE, name))}
    for method in methods(found_class(_TREE, name)):
        assert f"### `{name}.{method.name}`\n" in text
        wanted = {argument.arg for argument in (*method.args.args, *method.args.kwonlyargs)} - {"self"}
        assert wanted <= set(ARGUMENTS), f"{name}.{method.name}: say in ARGUMENTS what these are"


def test_no_argument_is_described_that_no_verb_has() -> None:
    had = {
        argument.arg
        for name in LOCAL
        for method in methods(found_class(_TREE, name))
        for argument in (*method.args.args, *method.args.kwonlyargs)
    }
    assert set(ARGUMENTS) == had - {"self"}


class Counting:
    """The database of a local store or queue, and how often it was read, written, and written quickly."""

    def __init__(self, database: Database) -> None:
        self.counts = Counter[str]()
        self._writing, self._reading = database.writing, database.reading
        vars(database).update(writing=self.writing, reading=self.reading)

    @contextmanager
    def writing(self, *, durable: bool = True) -> Iterator[Any]:
        self.counts["write" if durable else "quick write"] += 1
        with self._writing(durable=durable) as connection:
            yield connection

    @contextmanager
    def reading(self) -> Iterator[Any]:
        self.counts["read"] += 1
        with self._reading() as connection:
            yield connection


def stated(interface: str) -> dict[str, Counter[str]]:
    """Return what the page says that the plain case of each verb costs: what stands before "when" and "with"."""
    found = {}
    for verb in verbs(found_class(_TREE, interface)):
        plain = re.split(r", and [^,]*? when |; ", verb.local)[0]
        costs = re.findall(r"(\d+) (quick write|write|read)", plain.replace("quick writes", "quick write"))
        found[verb.name] = Counter({kind: int(count) for count, kind in costs})
    return found


def test_the_local_state_store_costs_what_the_page_says(tmp_path: Path) -> None:
    session = session_of()
    first, second, third = bundles_of(session, 3, tasks=4)
    counted: dict[str, Counter[str]] = {}
    with closing(SqliteStateStore(tmp_path)) as store:
        counting = Counting(store._database)

        def count(verb: str, call: Callable[[], Any]) -> Any:
            counting.counts.clear()
            answer = call()
            counted[verb] = Counter(counting.counts)
            return answer

        count("create", lambda: store.create(session, [first, second]))
        count("add", lambda: store.add(session.id, [third]))
        count("seal", lambda: store.seal(session.id, 12))
        one, two, _ = count("claim", lambda: store.claim(keys_of([first, second, third]), agent=_AGENT, lease=_LEASE))
        count("renew", lambda: store.renew([one.lease, two.lease]))
        count("commit", lambda: store.commit([commit_of(one.lease, tasks(0, 4)), commit_of(two.lease, tasks(4, 5))]))
        count("give_back", lambda: store.give_back(two.lease, [Remainder(ranges=tasks(6, 8))]))
        count("due", lambda: store.due(10))
        count("status", lambda: store.status([session.id]))
        count("outcomes", lambda: store.outcomes(session.id))
        count("sessions", store.sessions)
        count("bundles", lambda: store.bundles(session.id))
        count("submitted", lambda: store.submitted(session.id))
        count("register", lambda: store.register(AgentReport(id=_AGENT, pool="p", started=utcnow())))
        count("agents", store.agents)
        count("cancel", lambda: store.cancel([session.id]))
        count("delete", lambda: store.delete(session.id))
        count("expired", lambda: store.expired(10))
        count("collect", lambda: store.collect(session.id, 100))
    assert counted == stated("StateStore")


def test_the_local_queue_costs_what_the_page_says(tmp_path: Path) -> None:
    session = session_of()
    [bundle] = bundles_of(session, 1)
    counted: dict[str, Counter[str]] = {}
    with closing(SqliteStateStore(tmp_path)) as store, closing(SqliteTaskQueue(tmp_path)) as queue:
        store.create(session, [bundle])
        counting = Counting(queue._database)
        calls: dict[str, Callable[[], Any]] = {
            "send": lambda: queue.send([Hint(key=bundle.key)]),
            "receive": lambda: queue.receive(1, wait=timedelta(0), pool=session.pool),
            "ack": lambda: queue.ack(queue.receive(1, wait=timedelta(0), pool=new_id())),
            "depth": lambda: queue.depth(session.pool),
            "wake": queue.wake,
        }
        for verb, call in calls.items():
            counting.counts.clear()
            call()
            counted[verb] = Counter(counting.counts)
    # To receive what is acknowledged was a read.
    counted["ack"]["read"] -= 1
    assert {verb: +counts for verb, counts in counted.items()} == stated("TaskQueue")

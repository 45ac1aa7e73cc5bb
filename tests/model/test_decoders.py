"""Whatever decodes bytes that others wrote makes a value of them, or says that they are none; it never does else."""

import ast
import importlib
import inspect
import pkgutil
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from types import ModuleType

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import htcgrid
import htcgrid_agent
import htcgrid_redis
from htcgrid.model.decoding import Decoder, Row
from tests.model.decoders import KINDS, ODD, SAMPLES, Kind, bent, changed
from tests.model.fuzz import LONGEST, fuzzed


def reads(kind: Kind, inputs: Iterable[bytes]) -> None:
    """Decode each; only the decoder's own error may come of it, and soon."""
    for data in inputs:
        # Once more: something may have been imported, or collected.
        if seconds(kind, data) > LONGEST:
            assert seconds(kind, data) < LONGEST, f"{data[:60]!r} took long"


def seconds(kind: Kind, data: bytes) -> float:
    """Return the processor's seconds that a decoder takes."""
    began = time.thread_time()
    with suppress(kind.raises):
        kind.read(data)
    return time.thread_time() - began


def modules() -> Iterator[ModuleType]:
    """Yield the modules of the product."""
    for package in (htcgrid, htcgrid_agent, htcgrid_redis):
        for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if ".testing" not in found.name and "__main__" not in found.name:
                yield importlib.import_module(found.name)


def test_every_decoder_is_tried() -> None:
    places = {
        f"{module.__name__}.{name}": value
        for module in modules()
        for name, value in vars(module).items()
        if isinstance(value, Decoder | Row)
    }
    # One that is imported elsewhere is the same.
    untried = {name for name, value in places.items() if not any(value is places[tried] for tried in SAMPLES)}
    assert untried == set()


#: What is made elsewhere than in a module, and the test that tries it.
_INLINE = {
    ("htcgrid.model.header", "Decoder"): "the header of a session",
    ("htcgrid.model.codec.plain", "Decoder"): "JSON, MessagePack",
    ("htcgrid.model.decoding", "Decoder"): "the door itself",
    ("htcgrid_agent.runtimes.python.channel", "Decoder"): "what a worker reads of its own agent",
}


def test_no_decoder_is_made_out_of_sight() -> None:
    inline = set()
    for module in modules():
        tree = ast.parse(inspect.getsource(module))
        seen = [id(node.value) for node in tree.body if isinstance(node, ast.Assign | ast.AnnAssign)]
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and id(node) not in seen:
                name = ast.unparse(node.func).rpartition(".")[2].partition("[")[0]
                if name == "Decoder" or (name == "Row" and vars(module).get(name) is Row):
                    inline.add((module.__name__, name))
    assert inline == _INLINE.keys()


@pytest.mark.parametrize("name", KINDS)
def test_the_sample_is_read(name: str) -> None:
    KINDS[name].read(KINDS[name].sample)


@pytest.mark.parametrize("name", KINDS)
def test_what_has_broken_decoders_does_not(name: str) -> None:
    reads(KINDS[name], ODD)


@pytest.mark.parametrize("name", KINDS)
def test_what_was_cut_short_is_no_value_or_another(name: str) -> None:
    sample = KINDS[name].sample
    reads(KINDS[name], (sample[:length] for length in range(len(sample))))


@pytest.mark.parametrize("name", KINDS)
def test_what_is_nearly_right_is_read_or_refused(name: str) -> None:
    sample = KINDS[name].sample
    reads(KINDS[name], (changed(sample, seed) for seed in range(1000)))
    reads(KINDS[name], (bent(sample, seed) for seed in range(1000)))


@pytest.mark.parametrize("name", KINDS)
@given(data=st.binary(max_size=200))
@settings(max_examples=200, deadline=None)
def test_any_bytes_are_read_or_refused(name: str, data: bytes) -> None:
    reads(KINDS[name], [data])


@pytest.mark.parametrize("name", KINDS)
def test_a_run_of_the_night_begins_well(name: str) -> None:
    assert fuzzed(name, range(500)) == []

"""Whatever decodes bytes that others wrote makes a value of them, or says that they are none; it never does else."""

import importlib
import pkgutil
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import htcgrid
import htcgrid_agent
import htcgrid_redis
from htcgrid.model.decoding import Decoder
from tests.model.decoders import KINDS, ODD, Kind, changed
from tests.model.fuzz import LONGEST, fuzzed


def reads(kind: Kind, inputs: Iterable[bytes]) -> None:
    """Decode each; only the decoder's own error may come of it, and soon."""
    for data in inputs:
        began = time.thread_time()
        with suppress(kind.raises):
            kind.read(data)
        assert time.thread_time() - began < LONGEST, f"{data[:60]!r} took long"


def decoders() -> Iterator[tuple[str, Decoder[object]]]:
    """Yield the decoders that modules have."""
    for package in (htcgrid, htcgrid_agent, htcgrid_redis):
        for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if ".testing" not in found.name and "__main__" not in found.name:
                module = importlib.import_module(found.name)
                yield from (
                    (f"{found.name}.{name}", value) for name, value in vars(module).items() if type(value) is Decoder
                )


def test_every_decoder_is_tried() -> None:
    tried = {str(kind.read.shape) for kind in KINDS.values() if isinstance(kind.read, Decoder)}
    # What functions of their own decode.
    tried |= {"list[bytes]", "list[htcgrid.model.outcome.Block]", "<class 'htcgrid.model.call.PickledCall'>"}
    assert {name for name, decoder in decoders() if str(decoder.shape) not in tried} == set()


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
    reads(KINDS[name], (changed(sample, seed) for seed in range(2000)))


@pytest.mark.parametrize("name", KINDS)
@given(data=st.binary(max_size=200))
@settings(max_examples=200, deadline=None)
def test_any_bytes_are_read_or_refused(name: str, data: bytes) -> None:
    reads(KINDS[name], [data])


@pytest.mark.parametrize("name", KINDS)
def test_a_run_of_the_night_begins_well(name: str) -> None:
    assert fuzzed(name, range(500)) == []

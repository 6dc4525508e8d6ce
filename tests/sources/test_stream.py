"""Streams: every row once, in an order that the seed decides, whatever the rows are read from."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from narrows.inputs import Vectors
from narrows.numerics import generator
from narrows.sources import Memory, Npy, Parquet
from narrows.sources.stream import Stream


class Counted:
    """Rows 0 … n − 1 that notice what is read."""

    def __init__(self, n, block=3, spans=None):
        self.shape, self.dtype, self.block, self.reads = (n, 2), np.dtype("float32"), block, []
        if spans is not None:
            self.spans = spans

    def __len__(self):
        return self.shape[0]

    def __getitem__(self, which):
        start, stop, _ = which.indices(len(self))
        assert start < stop
        self.reads.append((start, stop))
        return np.repeat(np.arange(start, stop, dtype="float32")[:, None], 2, 1)


class Anywhere(Counted):
    """The same, of any numbers."""

    anywhere = True

    def __getitem__(self, which):
        rows = np.arange(len(self), dtype="float32")[which]
        return np.repeat(rows[:, None], 2, 1)


def visited(stream, size, gen=None):
    return [batch.x[:, 0].tolist() for batch in stream.batches(size, gen)]


@settings(max_examples=150, deadline=None)
@given(
    st.integers(1, 60),
    st.integers(1, 7),
    st.integers(1, 20),
    st.integers(2, 40),
    st.lists(st.tuples(st.integers(0, 59), st.integers(1, 5)), max_size=3),
    st.booleans(),
    st.sampled_from([Counted, Anywhere]),
)
def test_every_row_exactly_once(n, block, size, buffer, held, shuffled, kind):
    held = [(a, a + k) for a, k in held]
    left = [i for i in range(n) if not any(a <= i < b for a, b in held)]
    if not left:
        return
    stream = Stream(kind(n, block), torch.from_numpy, held, buffer)
    batches = visited(stream, size, generator(0) if shuffled else None)
    assert sorted(i for batch in batches for i in batch) == left
    assert len(batches) == stream.steps(size) and len(stream) == len(left)
    assert all(len(batch) == size for batch in batches[:-1]) or len(batches[-2]) == size
    memory = Memory(torch.zeros(len(left), 1))
    assert [len(b) for b in batches] == [len(b.x) for b in memory.batches(size)], "as rows in memory come"
    if not shuffled:
        assert [i for batch in batches for i in batch] == left


def test_the_seed_decides_the_order():
    orders = [
        visited(Stream(Counted(200), torch.from_numpy, buffer=60), 16, generator(seed)) for seed in (1, 1, 2)
    ]
    assert orders[0] == orders[1] != orders[2]
    flat = [i for batch in orders[0] for i in batch]
    assert np.abs(np.corrcoef(flat, range(200))[0, 1]) < 0.3, "blocks come from all over"


def test_the_same_order_from_everywhere(tmp_path):
    """What lies together in the file is the same, so is the order: of an array and of a table."""
    rows = np.arange(1000, dtype=np.float32)[:, None]
    np.save(tmp_path / "x.npy", rows)
    pq.write_table(pa.table({"x": rows[:, 0]}), tmp_path / "x.parquet", row_group_size=30)
    array, table = Npy(tmp_path / "x.npy"), Parquet(tmp_path / "x.parquet")
    array.block = 30
    orders = []
    for source in (array, Vectors().learn(table).rows(table)):
        stream = Stream(source, lambda part: torch.from_numpy(part.copy()), buffer=100)
        orders.append([batch.x[:, 0].tolist() for batch in stream.batches(8, generator(3))])
    assert orders[0] == orders[1]
    assert sorted(i for batch in orders[0] for i in batch) == list(range(1000))


@pytest.mark.parametrize("spans", [None, [(0, 40), (40, 100), (100, 103)]])
def test_a_sample_comes_from_all_over(spans):
    stream = Stream(Counted(103, 10, spans), torch.from_numpy, held=[(20, 30)])
    for n in (1, 7, 60, 93, 500):
        sample = stream.head(n)[:, 0]
        assert len(sample) == min(n, 93) and not ((sample >= 20) & (sample < 30)).any()
        if spans is None:
            assert len(set(sample.tolist())) == len(sample)
    assert torch.equal(stream.head(7), stream.head(7))


def test_reading_goes_on_while_a_buffer_is_used():
    rows = Counted(40, 10)
    batches = Stream(rows, torch.from_numpy, buffer=20).batches(5)
    next(batches)
    next(batches)
    assert len(rows.reads) <= 3, "no further ahead than one buffer"


def test_an_error_in_reading_reaches_the_caller():
    class Broken(Counted):
        def __getitem__(self, which):
            if which.start >= 20:
                raise OSError("the disk is gone")
            return super().__getitem__(which)

    with pytest.raises(OSError, match="the disk is gone"):
        list(Stream(Broken(40, 10), torch.from_numpy, buffer=20).batches(5))


def test_rows_that_are_quick_to_read_anywhere_come_in_any_order():
    stream = Stream(Anywhere(1000), torch.from_numpy, [(10, 20)], buffer=8)
    first, again, other = (visited(stream, 100, generator(seed))[0] for seed in (0, 0, 1))
    assert first == again != other
    assert np.ptp(first) > 800, "whatever fits into the buffer"

"""Whole numbers few of which occur."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from narrows.coding import few
from narrows.coding.pieces import MalformedError, number

TYPES = [np.dtype(name) for name in ("u2", "u4", "u8")]


@pytest.mark.parametrize("dtype", TYPES, ids=str)
@given(data=st.data())
@settings(max_examples=60, deadline=None)
def test_tables_and_places_lead_back(dtype, data):
    most = np.iinfo(dtype).max
    values = data.draw(st.lists(st.integers(0, most), min_size=1, max_size=400, unique=True))
    numbers = np.random.default_rng(0).choice(np.array(values, dtype), (1500, 4))
    if (found := few.table(numbers)) is None:
        assert len(np.unique(numbers)) * few.SPARE > int(numbers.max()) + 1 > few.BYTE
        return
    table, places = found
    assert (np.diff(table.astype(object)) > 0).all() and set(table.tolist()) <= set(values)
    assert places.dtype == few.width(table) == (np.uint8 if len(table) <= 256 else np.uint16)
    again = few.decode(few.encode(table), dtype)
    assert again.dtype == dtype and np.array_equal(few.restored(again, places), numbers)


@pytest.mark.parametrize(
    "numbers",
    [
        np.zeros(few.LEAST - 1, np.uint32),
        np.arange(8000, dtype=np.uint32) % 400,  # all up to the largest occur
        np.arange(80_000, dtype=np.uint64) * 77,  # all different
        np.arange(8000, dtype=np.uint8),
    ],
)
def test_there_is_none_where_there_is_little_in_it(numbers):
    assert few.table(numbers) is None


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (number(0), "0 numbers"),
        (number(2**40), "numbers is said"),
        (few.encode(np.array([3, 9], np.uint64))[:-4], "malformed"),
        (few.encode(np.array([3, 2**20], np.uint64)), "do not rise"),
        (few.encode(np.array([5, 5], np.uint64)), "do not rise"),
    ],
)
def test_what_is_no_table_is_refused(data, reason):
    with pytest.raises(MalformedError, match=reason):
        few.decode(data, np.dtype(np.uint16))


def test_places_behind_the_end_are_refused():
    with pytest.raises(MalformedError, match="behind the end"):
        few.restored(np.array([3, 9], np.uint16), np.array([0, 2], np.uint8))

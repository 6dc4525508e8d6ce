"""Frequency tables: whole numbers that the coder takes as they are, lengths that are what they should be."""

from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from narrows.coding import Tables, ans
from narrows.coding.pieces import MalformedError

EDGES = [-(2**63), -(2**63) + 1, -1, 0, 1, 2**53 + 1, 2**63 - 2, 2**63 - 1]
int64 = st.integers(-(2**63), 2**63 - 1) | st.integers(-4, 4) | st.sampled_from(EDGES)


@pytest.mark.parametrize("n", [2, 3, 100, 5000, 70_000])
def test_the_coder_has_exactly_the_frequencies_it_is_given(n):
    """The state after a symbol is (state // f) · 2²⁴ + cumulative + state mod f, by the definition of the coder."""
    rng = np.random.default_rng(n)
    table = ans.frequencies(rng.multinomial(1 << 20, rng.dirichlet(np.full(n, 0.3))))
    assert table.min() >= 1 and table.sum() == ans.TOTAL
    before = np.concatenate([[0], np.cumsum(table)])
    model = ans.model(table)
    for symbol in {0, n - 1, int(table.argmax()), *rng.integers(0, n, 20).tolist()}:
        coder = ans.coder(np.array([5, 12345], "<u4").tobytes())
        state, f = coder.pos()[1], int(table[symbol])
        ans.push(coder, np.array([symbol]), model)
        state = state >> 32 if state >> 40 >= f else state  # a word goes to the bulk first
        assert coder.pos()[1] == (state // f << 24) + int(before[symbol]) + state % f


def test_a_known_length():
    """100,000 symbols at exactly (½, ¼, ⅛, ⅛) are worth 175,000 bits."""
    symbols = np.repeat([0, 1, 2, 3], [50_000, 25_000, 12_500, 12_500])
    np.random.default_rng(0).shuffle(symbols)
    rows = symbols[:, None]
    for tables in (Tables.of(rows), Tables.from_probabilities([(0, [0.5, 0.25, 0.125, 0.125])])):
        data = tables.encode(rows)
        assert 175_000 <= tables.bits(rows) <= 175_000 * 1.001
        assert 8 * len(data) <= 175_000 * 1.001 + 128
        assert (tables.decode(data, len(rows)) == rows).all()


@pytest.mark.parametrize("scale", [0.05, 1, 30, 2000])
@pytest.mark.parametrize("n", [0, 1, 20, 5000])
def test_the_real_length_is_the_ideal_one(scale, n):
    rng = np.random.default_rng(1)
    tables = Tables.of(np.rint(rng.laplace(0, scale, (500, 6))).astype(np.int64))
    rows = np.rint(rng.laplace(0, scale, (n, 6))).astype(np.int64)
    rows[: n // 100] = 10**15  # escapes count, too
    data = tables.encode(rows)
    assert len(data) <= 1.01 * tables.bits(rows) / 8 + 200
    assert (tables.decode(data, n) == rows).all()


def table(rows, channels):
    return np.array(rows, np.int64).reshape(len(rows), channels)


@given(st.data(), st.integers(0, 4), st.booleans())
@settings(max_examples=100)
def test_every_int64_comes_back(data, channels, shared):
    some = st.lists(st.lists(int64, min_size=channels, max_size=channels), max_size=12)
    seen = table(data.draw(some), channels)
    rows = table(data.draw(some), channels)
    tables = Tables.of(seen, shared=shared)
    tables = Tables.from_arrays(tables.arrays())
    for given_rows in (seen, rows):
        assert (tables.decode(tables.encode(given_rows), len(given_rows)) == given_rows).all()


def test_neighbours_of_what_was_seen_are_cheap_and_the_rest_is_possible():
    rng = np.random.default_rng(0)
    seen = np.rint(rng.normal(0, 10, (2000, 1))).astype(np.int64)
    tables = Tables.of(seen)
    best = Tables.of(np.rint(rng.normal(0, 10, (10**6, 1))).astype(np.int64))
    new = np.rint(rng.normal(0, 10, (50_000, 1))).astype(np.int64)
    assert tables.bits(new) < 1.01 * best.bits(new)
    assert tables.bits([[int(seen.max()) + 1]]) < 20 < tables.bits([[10**6]]) < 70
    assert tables.bits([[2**63 - 1]]) < 64 + 36


def test_a_constant_channel_costs_next_to_nothing():
    rows = np.full((10_000, 1), 2**40)
    assert len(Tables.of(rows).encode(rows)) <= 200
    assert (Tables.of(rows).decode(b"", 10_000) != 0).all()  # no bytes: the likeliest symbol all along


def test_one_table_may_serve_all_channels():
    tables = Tables.from_probabilities([(-1, [0.25, 0.5, 0.25])], channels=3)
    rows = np.array([[0, 1, -1], [0, 0, 5]])
    assert (tables.decode(tables.encode(rows), 2) == rows).all() and len(tables.low) == 1


def test_what_tables_refuse(refused):
    tables = Tables.of(np.zeros((3, 2), np.int64))
    with refused("3 channels", "tables of 2"):
        tables.encode(np.zeros((1, 3), np.int64))
    with refused("float64"):
        tables.encode(np.zeros((1, 2)))
    with refused("sum 1.5"):
        Tables.from_probabilities([(0, [0.5, 1.0])])
    with refused("sum nan"):
        Tables.from_probabilities([(0, [np.nan])])
    with refused("'low'"):
        Tables.from_arrays({})


@pytest.mark.parametrize("name", ["low", "sizes", "frequencies", "channels"])
def test_arrays_that_were_tampered_with_are_refused(name, refused):
    arrays = Tables.of(np.arange(12).reshape(6, 2)).arrays()
    for other in (arrays[name] + 1, arrays[name][:-1], arrays[name].astype(np.float64), -arrays[name]):
        if name == "low" and other.dtype == np.int64 and len(other) == 2:
            continue  # other symbols are as good
        with refused("cannot be frequency tables"):
            Tables.from_arrays(arrays | {name: other})


@given(st.binary(max_size=64), st.integers(0, 50))
def test_any_bytes_are_symbols_or_a_value_error(data, n):
    tables = Tables.of(np.arange(30).reshape(-1, 3) % 5)
    with suppress(MalformedError):
        assert tables.decode(data, n).shape == (n, 3)

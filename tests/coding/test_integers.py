"""Whole numbers with a table that is sent along."""

from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from narrows.coding import integers, pieces, runs
from narrows.coding.tokens import Tokens

int64 = st.integers(-(2**63), 2**63 - 1) | st.integers(-300, 300) | st.sampled_from([2**e for e in range(63)])


@pytest.mark.parametrize("scale", integers.SCALES)
def test_tokens_and_raw_bits_are_the_number(scale):
    values = np.array([s * (2**e + d) for e in range(62) for d in (-1, 0, 1) for s in (-1, 1)])
    values = np.concatenate([values, [2**63 - 1, -(2**63)], np.arange(-600, 600)])
    tokens, width, raw = scale.split(values)
    assert (scale.join(tokens, raw) == values).all()
    assert (scale.widths(tokens) == width).all()
    assert (np.diff(tokens[np.argsort(values)]) >= 0).all()  # in the same order
    assert tokens.max() < scale.most() and tokens.min() >= -scale.most()


def test_tokens_reach_all_of_64_bits():
    scale, values = Tokens(2, 1), np.array([0, 1, 2**63 - 1, 2**63, 2**64 - 1], np.uint64)
    tokens, width, raw = scale.magnitudes(values)
    assert (scale.whole(tokens, raw) == values).all() and tokens.max() == scale.most(64) - 1
    assert (scale.widths(tokens) == width).all()


@given(st.lists(int64, max_size=40), st.integers(1, 40))
@settings(max_examples=100)
def test_every_array_comes_back(values, times):
    array = np.repeat(np.array(values, np.int64), times)
    assert (integers.decode(integers.encode(array), len(array)) == array).all()


@pytest.mark.parametrize("deviation", [0.3, 3, 300, 1e6, 1e12])
def test_the_length_is_the_entropy(deviation):
    rng = np.random.default_rng(0)
    values = np.rint(rng.normal(0, deviation, 100_000)).astype(np.int64)
    _, counts = np.unique(values, return_counts=True)
    entropy = counts @ np.log2(len(values) / counts) / 8
    if deviation > 1000:  # nearly all differ: what the density is worth
        entropy = len(values) * np.log2(deviation * np.sqrt(2 * np.pi * np.e)) / 8
    assert len(integers.encode(values)) <= 1.01 * entropy + 200


def test_zeros_with_rare_huge_numbers_stay_cheap():
    rng = np.random.default_rng(0)
    values = np.where(rng.random(50_000) < 0.01, rng.integers(-(2**50), 2**50, 50_000), 0)
    assert len(integers.encode(values)) < 50_000 * (0.081 + 0.01 * 52) / 8 * 1.05


@given(st.binary(max_size=60), st.integers(0, 40))
@settings(max_examples=200)
def test_any_bytes_are_numbers_or_a_value_error(data, n):
    for decode in (lambda: integers.decode(data, n), lambda: runs.decode(data, (n, 2)).ravel()):
        with suppress(pieces.MalformedError):
            assert len(decode()) in (n, 2 * n)


@pytest.mark.parametrize(
    "shape", [(0,), (0, 3), (3, 0), (1,), (31,), (32,), (65,), (7, 9), (4, 5, 6), (2, 3, 4, 5)]
)
@pytest.mark.parametrize("kind", ["zeros", "ramp", "noise", "wild"])
def test_runs_of_any_shape_come_back(shape, kind):
    rng = np.random.default_rng(0)
    n = int(np.prod(shape))
    steps = {
        "zeros": np.zeros(n, np.int64),
        "ramp": np.arange(n) * 3,
        "noise": rng.integers(-3, 4, n),
        "wild": rng.integers(-(2**63), 2**63 - 1, n),
    }[kind].reshape(shape)
    assert (runs.decode(runs.encode(steps), shape) == steps).all()


def test_blocks_of_zeros_cost_a_bit_at_most():
    steps = np.zeros((1000, 320), np.int64)
    assert len(runs.encode(steps)) < 20
    steps[::10, 5] = 1000  # one of a hundred blocks
    assert len(runs.encode(steps)) < 10_000 / 8 / 2


def test_differences_are_taken_where_they_are_shorter():
    rng = np.random.default_rng(0)
    walk = np.cumsum(rng.integers(-2, 3, (200, 300)), axis=0)
    shapes = (walk, np.ascontiguousarray(walk.T), walk.reshape(200, 30, 10), walk.T.reshape(30, 10, 200))
    lengths = [len(runs.encode(steps)) for steps in shapes]
    assert max(lengths) < 1.1 * 60_000 * np.log2(5) / 8
    assert len(runs.encode(rng.integers(-2, 3, (200, 300)))) < 1.01 * 60_000 * np.log2(5) / 8 + 50


def test_pieces_refuse_lengths_that_are_not_there(refused):
    for data in (b"", b"\x05ab", b"\xff" * 11, b"\xff" * 9 + b"\x7f"):
        with refused("malformed"):
            pieces.split(data, 2)

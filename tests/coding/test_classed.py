"""Tables of several classes."""

import numpy as np
import pytest

from narrows.coding import Tables
from narrows.coding.classed import Classed, from_arrays, tables_of


def rows(n=4000, seed=0):
    rng = np.random.default_rng(seed)
    kind = rng.integers(0, 3, n)
    return np.column_stack([kind, rng.normal(size=(n, 2)) * 10.0 ** kind[:, None]]).round().astype(np.int64)


def test_there_and_back():
    tables = tables_of(rows(), 3)
    for some in (rows(seed=1), rows(0), rows(1), rows()[rows()[:, 0] == 2]):
        found = tables.decode(tables.encode(some), len(some))
        assert found.dtype == np.int64
        np.testing.assert_array_equal(found, some)
    far = np.array([[1, 2**62, -(2**62)]])
    np.testing.assert_array_equal(tables.decode(tables.encode(far), 1), far)


def test_rows_of_classes_cost_less_than_without():
    """Entropies of three Gaussians, and that of which it is, ½ log₂ 2πe σ²."""
    tables, new = tables_of(rows(20_000), 3), rows(20_000, 1)
    assert len(tables.encode(new)) <= 1.01 * tables.bits(new) / 8 + 200
    wide = 2 * np.mean([0.5 * np.log2(2 * np.pi * np.e * 100.0**k) for k in (1, 2)])  # σ = 10 and 100
    narrow = 2 * 2.1  # σ = 1, rounded
    assert tables.bits(new) / len(new) == pytest.approx(np.log2(3) + (2 * wide + narrow) / 3, rel=0.03)
    assert tables.bits(new) < 0.98 * Tables.of(rows(20_000)[:, 1:]).bits(new[:, 1:])


def test_arrays_are_all_there_is_to_know():
    tables = tables_of(rows(), 3)
    again = from_arrays(tables.arrays())
    assert isinstance(again, Classed) and again.encode(rows()) == tables.encode(rows())
    assert isinstance(from_arrays(tables_of(rows()).arrays()), Tables)
    broken = {name: a for name, a in tables.arrays().items() if not name.startswith("1.")}
    with pytest.raises(ValueError, match="not complete"):
        from_arrays(broken)


def test_what_is_no_code_is_refused():
    tables = tables_of(rows(), 3)
    with pytest.raises(ValueError, match="classes from 0"):
        tables.encode(np.array([[3, 0, 0]]))
    with pytest.raises(ValueError):
        tables.decode(b"", 50)
    with pytest.raises(ValueError):
        tables.decode(tables.encode(rows(50))[:20], 50)


def test_a_class_without_rows_has_a_table():
    tables = Classed.of(rows()[rows()[:, 0] < 2], 3)
    some = np.array([[2, 1, 1]])
    np.testing.assert_array_equal(tables.decode(tables.encode(some), 1), some)

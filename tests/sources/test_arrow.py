"""Streams of Arrow data: read once, kept, and gone with what was made of them."""

import gc

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import narrows as nw
from narrows.sources import Parquet, arrow, found

TABLE = pa.table({"a": np.arange(300.0), "b": np.sin(np.arange(300.0)), "c": np.ones(300)})


class Answer:
    """What other libraries give: an object that has nothing but the protocol."""

    def __init__(self, table=TABLE):
        self.table = table

    def __arrow_c_stream__(self, requested_schema=None):
        return self.table.to_reader(max_chunksize=70).__arrow_c_stream__(requested_schema)


def test_what_is_a_stream():
    for X in (TABLE.to_reader(), TABLE.to_batches()[0], Answer()):
        assert arrow.is_stream(X)
    for X in (
        TABLE, TABLE["a"], pa.array([1.0]), TABLE.to_pandas(), pd.Series([1.0]), pl.from_arrow(TABLE),
        pl.Series([1.0]), np.eye(2), [1.0],
    ):  # fmt: skip
        assert not arrow.is_stream(X)


@pytest.mark.parametrize("large", [0, 3000, 1 << 28])
def test_a_stream_is_answered_as_its_table(monkeypatch, large):
    monkeypatch.setattr(found, "LARGE", large)
    ae = nw.Autoencoder(2, max_epochs=2, validation_fraction=0)
    wanted = ae.fit(TABLE).transform(TABLE)
    for X in (Answer, lambda: TABLE.to_reader(max_chunksize=70)):
        got = nw.Autoencoder(2, max_epochs=2, validation_fraction=0).fit(X())
        assert got.feature_names_in_.tolist() == ["a", "b", "c"]
        assert np.array_equal(ae.transform(X()), wanted)
        assert np.array_equal(ae.score_samples(X()), ae.score_samples(TABLE))
        assert ae.reconstruct(X()).equals(ae.reconstruct(TABLE))
        if not large:
            assert np.array_equal(got.fitted_.affine.shift, ae.fitted_.affine.shift)


def test_a_large_one_goes_to_a_file_that_goes_with_it(monkeypatch):
    monkeypatch.setattr(found, "LARGE", 1000)
    rows = arrow.kept(TABLE.to_reader(max_chunksize=70))
    (file,) = rows.files
    assert isinstance(rows, Parquet) and file.is_file()
    assert rows[:].equals(TABLE)
    del rows
    gc.collect()
    assert not file.exists()


def test_a_stream_that_breaks_leaves_no_file(monkeypatch, tmp_path):
    monkeypatch.setattr(found, "LARGE", 1000)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))

    def batches():
        yield from TABLE.to_batches(max_chunksize=70)[:2]
        raise ValueError("the connection was lost")

    with pytest.raises(ValueError, match="the connection was lost"):
        arrow.kept(pa.RecordBatchReader.from_batches(TABLE.schema, batches()))
    assert list(tmp_path.iterdir()) == []


class LostError(Exception):
    """Of somebody else's."""


@pytest.mark.parametrize("large", [1000, 1 << 28])
def test_what_a_reader_raises_comes_through(monkeypatch, tmp_path, large, refused):
    monkeypatch.setattr(found, "LARGE", large)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))

    def batches():
        yield from TABLE.to_batches(max_chunksize=70)[:2]
        raise LostError("the connection was lost")

    def reader():
        return pa.RecordBatchReader.from_batches(TABLE.schema, batches())

    with pytest.raises(LostError, match="the connection was lost"):
        arrow.kept(reader())

    class Other(Answer):
        def __arrow_c_stream__(self, requested_schema=None):
            return reader().__arrow_c_stream__(requested_schema)

    with refused("Other", "140 rows", "the connection was lost"):
        arrow.kept(Other())
    assert list(tmp_path.iterdir()) == []


def test_what_is_no_stream_of_rows_is_refused(refused):
    class Column:
        def __arrow_c_stream__(self, requested_schema=None):
            return pa.chunked_array([[1, 2]]).__arrow_c_stream__(requested_schema)

    with refused("Column", "int64"):
        arrow.kept(Column())


def test_columns_of_one_name_are_refused(refused):
    twice = pa.table([[1.0], [2.0]], names=["a", "a"])
    for X in (twice, twice.to_reader(), Answer(twice), twice.to_pandas()):
        with refused("same name", "'a'"):
            nw.Autoencoder(2).fit(X)


def test_a_column_that_cannot_be_kept_is_refused(monkeypatch, tmp_path, refused):
    monkeypatch.setattr(found, "LARGE", 10)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    months = pa.table({"a": pa.array([pa.MonthDayNano([1, 2, 3])] * 9)})
    with refused("month_day_nano_interval"):
        arrow.kept(Answer(months))
    assert list(tmp_path.iterdir()) == []


def test_a_stream_that_has_been_read_is_refused(refused):
    reader = TABLE.to_reader()
    arrow.kept(reader)
    with refused("RecordBatchReader", "no rows", "pass a new one"):
        arrow.kept(reader)
    with refused("Answer", "no rows", "pass a new one"):
        arrow.kept(Answer(TABLE[:0]))

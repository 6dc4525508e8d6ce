"""A table is the same table in memory, in a small file and in a large one."""

from decimal import Decimal

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import narrows as nw
from narrows.sources import found
from narrows.sources.parquet import Parquet

ROWS = 300
QUICK = {"max_epochs": 1, "validation_fraction": 0}
rng = np.random.default_rng(0)


def holed(values, gap):
    return [gap if i % 7 == 3 else v for i, v in enumerate(values)]


TABLES = {
    "numbers": (pa.table({"a": rng.normal(size=ROWS), "b": rng.integers(0, 9, ROWS)}), "Vectors", True),
    "NaN": (
        pa.table({"a": rng.normal(size=ROWS), "b": holed(rng.normal(size=ROWS), np.nan)}),
        "Table",
        False,
    ),
    "halves": (pa.table({"a": np.float16(holed(rng.normal(size=ROWS), np.nan))}), "Table", False),
    "null": (pa.table({"a": rng.normal(size=ROWS), "b": holed(range(ROWS), None)}), "Table", False),
    "dots": (
        pa.table({"a.b": rng.normal(size=ROWS), "a": rng.normal(size=ROWS), ".": range(ROWS)}),
        "Vectors",
        True,
    ),
    "dots and gaps": (pa.table({"a.b": holed(range(ROWS), None), "a": range(ROWS)}), "Table", False),
    "decimals": (
        pa.table(
            {"a": pa.array([Decimal(i) / 4 for i in range(ROWS)], pa.decimal128(10, 2)), "b": range(ROWS)}
        ),
        "Vectors",
        True,
    ),
    "decimals and gaps": (
        pa.table({"a": pa.array(holed([Decimal(i) / 4 for i in range(ROWS)], None), pa.decimal128(10, 2))}),
        "Table",
        False,
    ),
    "texts": (pa.table({"a": rng.normal(size=ROWS), "b": ["x", "y", "z"] * (ROWS // 3)}), "Table", True),
}
tables = pytest.mark.parametrize(("table", "kind", "complete"), TABLES.values(), ids=TABLES)


def written(table, folder, **how):
    path = folder / "t.parquet"
    pq.write_table(table, path, row_group_size=70, **how)
    return path


@tables
@pytest.mark.parametrize("statistics", [True, False])
def test_what_is_missing_is_known(table, kind, complete, statistics, tmp_path):
    assert Parquet(written(table, tmp_path, write_statistics=statistics)).complete is complete


def test_only_chosen_columns_count(tmp_path):
    path = written(TABLES["NaN"][0], tmp_path)
    assert Parquet(path, columns=["a"]).complete and not Parquet(path, columns=["b"]).complete


@tables
def test_small_and_large_files_are_alike(table, kind, complete, tmp_path, monkeypatch):
    path = written(table, tmp_path)
    fits = {}
    for size in (1 << 28, 0):
        monkeypatch.setattr(found, "LARGE", size)
        ae = nw.Autoencoder(1, **QUICK).fit(path)
        fits[size] = ae
        assert type(ae.fitted_.schema).__name__ == f"{kind}Schema"
        answers = ae.reconstruct(path)
        assert isinstance(answers, pa.Table)
        if kind == "Table":
            assert answers.schema.types == table.schema.types
        small = ae.reconstruct(table)
        assert answers.schema == small.schema
        for name in small.column_names:
            assert answers[name].to_pylist() == small[name].to_pylist()
    assert fits[0].fitted_.schema == fits[1 << 28].fitted_.schema
    np.testing.assert_allclose(fits[0].fitted_.affine.shift, fits[1 << 28].fitted_.affine.shift)


@pytest.mark.filterwarnings("ignore:X (does not have valid|has) feature names")
@pytest.mark.parametrize("name", ["numbers", "texts"])
def test_answers_are_of_the_library_that_was_asked_not_of_the_one_that_was_fitted(
    name, tmp_path, monkeypatch
):
    table = TABLES[name][0]
    for X in (table.to_pandas(), table.to_pandas().to_numpy(dtype=object if name == "texts" else float)):
        ae = nw.Autoencoder(1, input="table" if name == "texts" else None, **QUICK).fit(X)
        for size in (1 << 28, 0):
            monkeypatch.setattr(found, "LARGE", size)
            answers = ae.reconstruct(written(table, tmp_path))
            assert isinstance(answers, pa.Table) and answers.num_rows == ROWS


def test_arrays_in_files_are_answered_as_arrays(tmp_path, monkeypatch):
    X = rng.normal(size=(ROWS, 2)).astype(np.float32)
    np.save(tmp_path / "x.npy", X)
    ae = nw.Autoencoder(1, **QUICK).fit(pd.DataFrame(X, columns=["a", "b"]))
    for size in (1 << 28, 0):
        monkeypatch.setattr(found, "LARGE", size)
        with pytest.warns(UserWarning, match="valid feature names"):
            answers = ae.reconstruct(tmp_path / "x.npy")
        assert type(answers) is np.ndarray


def test_a_gap_of_later_says_which_input_takes_it(tmp_path, monkeypatch):
    monkeypatch.setattr(found, "LARGE", 0)
    ae = nw.Autoencoder(1, **QUICK).fit(written(TABLES["numbers"][0], tmp_path))
    later = pa.table({"a": [1.0, np.nan], "b": [1, 2]})
    with pytest.raises(ValueError, match=r"NaN at row 1.*, or fit with input=Table\(\), which takes gaps"):
        ae.transform(written(later, tmp_path))


@pytest.mark.filterwarnings("error")
def test_unseen_categories_are_told_of_once(tmp_path, monkeypatch):
    monkeypatch.setattr(found, "LARGE", 0)
    monkeypatch.setattr("narrows.estimators.streams.ENTRIES", 1)  # pieces of 64 rows
    table = TABLES["texts"][0]
    ae = nw.Autoencoder(1, **QUICK).fit(table)
    strange = table.set_column(1, "b", pa.array(["x"] * 100 + ["new"] * 200))
    seen = r"not seen in training \('new'\): they are taken as missing"
    with pytest.warns(
        UserWarning, match=rf"28 rows of the first piece .* {seen}, and so are any in later"
    ) as told:
        ae.transform(written(strange, tmp_path))
    assert len(told) == 1
    with pytest.warns(UserWarning, match=rf"in 200 rows that were {seen}\.") as told:
        ae.transform(strange)
    assert len(told) == 1


def test_categories_that_were_left_out_are_told_of_when_fitting(tmp_path, monkeypatch):
    monkeypatch.setattr(found, "LARGE", 0)
    table = TABLES["texts"][0]
    for X in (table, written(table, tmp_path)):
        few = nw.Autoencoder(1, input=nw.inputs.Table(max_levels=2), **QUICK)
        with pytest.warns(UserWarning, match="3 categories, of which the 2 most frequent are kept") as told:
            few.fit(X)
        assert len(told) == 1
        few.transform(X)  # in which a warning would be an error

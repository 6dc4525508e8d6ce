"""Rows in files: the same statistics and answers as from memory, written whole or not at all."""

import errno
import os
import pickle
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import scipy.io
import scipy.sparse

import narrows as nw
from narrows.sources import found, writing
from narrows.sources.npy import Npy
from narrows.sources.parquet import Parquet

ROWS, COLUMNS = 5000, 6
QUICK = {"max_epochs": 2, "random_state": 0, "validation_fraction": 0}


@pytest.fixture(scope="module")
def X():
    rng = np.random.default_rng(0)
    return (rng.normal(size=(ROWS, 2)) @ rng.normal(size=(2, COLUMNS)) + 3).astype(np.float32)


@pytest.fixture(scope="module")
def folder(tmp_path_factory, X):
    path = tmp_path_factory.mktemp("rows")
    np.save(path / "x.npy", X)
    (path / "parts").mkdir()
    for i in range(3):
        part = X[i * ROWS // 3 : (i + 1) * ROWS // 3]
        table = pa.table({f"c{j}": part[:, j] for j in range(COLUMNS)})
        pq.write_table(table, path / "parts" / f"{i}.parquet", row_group_size=700)
    return path


@pytest.fixture(autouse=True)
def nothing_is_small(monkeypatch):
    """Every file is one that does not fit in memory."""
    monkeypatch.setattr(found, "LARGE", 0)


def from_everywhere(folder, X):
    return {
        "memory": X,
        "npy": folder / "x.npy",
        "parquet": folder / "parts",
        "pattern": str(folder / "parts" / "*.parquet"),
        "explicit": Npy(folder / "x.npy"),
    }


@pytest.mark.parametrize("scale", ["standard", "minmax", "auto", None])
def test_statistics_and_answers_are_those_of_memory_bit_for_bit(folder, X, scale):
    fitted = {
        name: nw.Autoencoder(2, scale=scale, **QUICK).fit(rows)
        for name, rows in from_everywhere(folder, X).items()
    }
    memory = fitted["memory"]
    for name, ae in fitted.items():
        for stat in ("shift", "scale"):
            assert np.array_equal(getattr(ae.fitted_.affine, stat), getattr(memory.fitted_.affine, stat)), (
                name
            )
    for name in ("npy", "explicit"):
        rows = from_everywhere(folder, X)[name]
        assert np.array_equal(memory.transform(rows), memory.transform(X))
        assert np.array_equal(memory.reconstruct(rows), memory.reconstruct(X))
        assert np.array_equal(memory.score_samples(rows), memory.score_samples(X))
    frame, ae = pq.read_table(folder / "parts"), fitted["parquet"]
    assert np.array_equal(ae.transform(folder / "parts"), ae.transform(frame))
    assert ae.reconstruct(folder / "parts").equals(ae.reconstruct(frame))
    assert ae.evaluate(folder / "parts") == pytest.approx(ae.evaluate(frame))


def test_the_same_seed_gives_the_same_model_and_another_one_another(folder):
    a, b, c = (
        nw.Autoencoder(2, max_epochs=2, random_state=seed).fit(folder / "parts").transform(folder / "parts")
        for seed in (1, 1, 2)
    )
    assert np.array_equal(a, b) and not np.array_equal(a, c)


@pytest.mark.parametrize("name", ["npy", "parquet"])
def test_rows_are_held_out_and_not_trained_on(folder, X, name):
    ae = nw.Autoencoder(2, max_epochs=30).fit(from_everywhere(folder, X)[name])
    facts = ae.fitted_.training
    assert facts["rows"] + facts["validation_rows"] == ROWS
    assert 0.05 * ROWS < facts["validation_rows"] < 0.15 * ROWS
    assert ae.evaluate(X if name == "npy" else folder / "parts")["r2"] > 0.98


@pytest.mark.parametrize("ending", [".npy", ".npz", ".csv", ".parquet"])
def test_answers_go_to_files(folder, X, tmp_path, ending):
    ae = nw.Autoencoder(2, **QUICK).fit(folder / "parts")
    for verb in ("transform", "reconstruct"):
        out = tmp_path / f"{verb}{ending}"
        wanted = getattr(ae, verb)(folder / "parts")
        assert getattr(ae, verb)(folder / "parts", out=out) == out
        got = found.read(out)
        wanted = wanted if isinstance(wanted, np.ndarray) else np.column_stack(wanted.columns)
        got = got if isinstance(got, np.ndarray) else np.column_stack(got.columns)
        np.testing.assert_allclose(got, wanted, rtol=1e-6)
    if ending == ".parquet":
        assert pq.read_schema(tmp_path / "transform.parquet").names == list(ae.get_feature_names_out())
        assert pq.read_schema(tmp_path / "reconstruct.parquet").names == [f"c{i}" for i in range(COLUMNS)]
    few = pq.read_table(folder / "parts")[:5]
    assert ae.transform(few, out=tmp_path / "few.npy") == tmp_path / "few.npy"
    assert np.load(tmp_path / "few.npy").shape == (5, 2)


def test_a_table_of_types_on_disk(tmp_path):
    rng = np.random.default_rng(0)
    table = pa.table(
        {
            "number": pa.array(
                np.where(rng.random(3000) < 0.1, np.nan, rng.normal(size=3000)), from_pandas=True
            ),
            "text": pa.array(rng.choice(["x", "y", "z"], 3000)).dictionary_encode(),
            "flag": pa.array(rng.random(3000) < 0.5),
        }
    )
    (tmp_path / "parts").mkdir()
    pq.write_table(table[:2000], tmp_path / "parts" / "a.parquet", row_group_size=500)
    pq.write_table(table[2000:], tmp_path / "parts" / "b.parquet", row_group_size=500)
    stored, memory = (
        nw.Autoencoder(2, **QUICK).fit(rows)
        for rows in (str(tmp_path / "parts"), pq.read_table(tmp_path / "parts"))
    )
    assert stored.fitted_.schema.columns == memory.fitted_.schema.columns
    assert np.array_equal(stored.fitted_.affine.shift, memory.fitted_.affine.shift)
    back = stored.reconstruct(tmp_path / "parts")
    assert back.schema.types == table.schema.types
    assert np.array_equal(memory.transform(tmp_path / "parts"), memory.transform(table))


def test_a_full_disk_leaves_nothing(folder, tmp_path, monkeypatch):
    ae = nw.Autoencoder(2, **QUICK).fit(folder / "parts")
    out = tmp_path / "z.npy"
    out.write_bytes(b"what was there before")

    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(writing.np.lib.format, "write_array_header_2_0", full)
    with pytest.raises(OSError, match=r"disk is full, so .*z\.npy' was not written; free some space"):
        ae.transform(folder / "parts", out=out)
    assert out.read_bytes() == b"what was there before"
    assert [file.name for file in tmp_path.iterdir()] == ["z.npy"]


def test_parts_that_do_not_go_together(tmp_path):
    pq.write_table(pa.table({"a": [1.0], "b": [1]}), tmp_path / "0.parquet")
    pq.write_table(pa.table({"a": [1.0], "b": ["x"]}), tmp_path / "1.parquet")
    with pytest.raises(ValueError, match=r"1\.parquet' has column 'b' as string, expected .*0\.parquet"):
        nw.Autoencoder(1).fit(tmp_path)
    pq.write_table(pa.table({"a": [1.0]}), tmp_path / "1.parquet")
    with pytest.raises(ValueError, match="columns in another order or number"):
        nw.Autoencoder(1).fit(tmp_path)
    (tmp_path / "1.parquet").write_bytes((tmp_path / "0.parquet").read_bytes()[:-20])
    with pytest.raises(ValueError, match=r"1\.parquet' is not a complete parquet file"):
        nw.Autoencoder(1).fit(tmp_path)


WRONG = {
    "cut short": (lambda b: b[:-8], "cut short"),
    "no header": (lambda b: b"x" * 20, "not a complete npy file"),
    "nothing": (lambda b: b"", "not a complete npy file"),
}


@pytest.mark.parametrize(("damage", "message"), WRONG.values(), ids=WRONG)
def test_damaged_arrays(tmp_path, damage, message):
    np.save(tmp_path / "x.npy", np.ones((4, 3)))
    (tmp_path / "x.npy").write_bytes(damage((tmp_path / "x.npy").read_bytes()))
    with pytest.raises(ValueError, match=message):
        Npy(tmp_path / "x.npy")


def test_arrays_that_are_no_rows(tmp_path):
    for array, message in (
        (np.asfortranarray(np.ones((3, 4))), "column by column"),
        (np.array(["a"]), "rows of numbers"),
        (np.float64(3), "rows of numbers"),
    ):
        np.save(tmp_path / "x.npy", array)
        with pytest.raises(ValueError, match=message):
            Npy(tmp_path / "x.npy")


def test_what_is_wrong_among_many_rows_is_found(tmp_path, X):
    bad = X.copy()
    bad[4321, 2] = np.nan
    np.save(tmp_path / "x.npy", bad)
    with pytest.raises(ValueError, match="NaN at row 4321, column 2"):
        nw.Autoencoder(2, **QUICK).fit(tmp_path / "x.npy")
    ae = nw.Autoencoder(2, **QUICK).fit(X)
    with pytest.raises(ValueError, match="NaN at row"):
        ae.transform(tmp_path / "x.npy")


def test_nothing_there(tmp_path):
    for path in (tmp_path / "no.npy", tmp_path, tmp_path / "*.parquet", tmp_path / "no.mtx"):
        with pytest.raises(FileNotFoundError, match=r"there is no|holds no"):
            nw.Autoencoder(1).fit(path)


def test_columns_may_be_chosen(folder):
    rows = Parquet(folder / "parts", columns=["c4", "c0"])
    ae = nw.Autoencoder(1, **QUICK).fit(rows)
    assert ae.feature_names_in_.tolist() == ["c4", "c0"] and ae.n_features_in_ == 2
    with pytest.raises(ValueError, match="no column 'c9'"):
        Parquet(folder / "parts", columns=["c9"])


def test_an_index_that_pandas_wrote_is_no_column(tmp_path):
    frame = pd.DataFrame({"a": [1.0, 2.0]}, index=pd.Index(["x", "y"], name="who"))
    frame.to_parquet(tmp_path / "a.parquet")
    assert Parquet(tmp_path / "a.parquet").names == ("a",)


def test_pieces_of_parquet_are_where_they_belong(folder, X):
    rows = Parquet(folder / "parts")
    for start, stop in ((0, 10), (10, 30), (690, 1710), (3, 4), (ROWS - 1, ROWS), (0, ROWS), (5, 5)):
        got = rows[start:stop]
        assert got.num_rows == stop - start
        np.testing.assert_array_equal(np.column_stack(got.columns) if stop > start else X[:0], X[start:stop])


def test_sparse_files(tmp_path):
    matrix = scipy.sparse.random(30, 5, 0.3, "csr", random_state=0)
    scipy.io.mmwrite(tmp_path / "x.mtx", matrix)
    scipy.sparse.save_npz(tmp_path / "x.npz", matrix)
    for name in ("x.mtx", "x.npz"):
        assert (found.find(tmp_path / name) != matrix).nnz == 0
    (tmp_path / "x.mtx").write_text("nonsense")
    with pytest.raises(ValueError, match="not a complete sparse matrix"):
        found.find(tmp_path / "x.mtx")


def test_overlapping_pieces_are_written_as_one(tmp_path, X):
    signals = nw.Autoencoder(2, input=nw.inputs.Signals(window=16), **QUICK).fit(X[:200])
    patches = nw.Autoencoder(2, input=nw.inputs.Patches(size=4), **QUICK).fit(X[:120].reshape(2, 10, 36))
    for ae, rows in ((signals, X[:200]), (patches, X[:120].reshape(2, 10, 36))):
        assert ae.reconstruct(rows, out=tmp_path / "r.npy") == tmp_path / "r.npy"
        assert np.array_equal(np.load(tmp_path / "r.npy"), ae.reconstruct(rows))
    two = [X[:60].reshape(20, 18), X[:120].reshape(40, 18)]
    with pytest.raises(ValueError, match="2 answers of different sizes"):
        patches.reconstruct(two, out=tmp_path / "r.npy")


def test_a_polars_frame_is_answered_as_ever(X):
    frame = pl.DataFrame(X, schema=[f"c{i}" for i in range(COLUMNS)])
    assert isinstance(nw.Autoencoder(2, **QUICK).fit(frame).reconstruct(frame), pl.DataFrame)


def test_mapped_arrays_stay_in_their_file(folder, X):
    mapped = np.load(folder / "x.npy", mmap_mode="r")
    mine, theirs = (
        nw.Autoencoder(2, max_epochs=2, random_state=0).fit(x) for x in (mapped, folder / "x.npy")
    )
    assert np.array_equal(mine.transform(mapped), theirs.transform(X))
    half = mapped[1000:]
    assert np.array_equal(mine.transform(half), mine.transform(X[1000:]))
    assert np.array_equal(mine.transform(mapped[::2]), mine.transform(X[::2]))  # not as it lies in the file
    changed = np.load(folder / "x.npy", mmap_mode="c")
    changed[:] = 0
    assert np.array_equal(mine.transform(changed), mine.transform(np.zeros_like(X)))


def test_numbers_of_another_byte_order(folder, X, tmp_path):
    np.save(tmp_path / "big.npy", X.astype(">f4"))
    ae = nw.Autoencoder(2, **QUICK).fit(tmp_path / "big.npy")
    assert np.array_equal(ae.transform(tmp_path / "big.npy"), ae.transform(X))


def test_a_gap_anywhere_is_named(X, tmp_path):
    for row in (0, ROWS // 2, ROWS - 1):
        gap = X.copy()
        gap[row, 2] = np.nan
        np.save(tmp_path / "gap.npy", gap)
        for fraction in (0, 0.5, 0.9):
            with pytest.raises(ValueError, match=f"NaN at row {row}, column 2"):
                nw.Autoencoder(2, max_epochs=1, validation_fraction=fraction).fit(tmp_path / "gap.npy")
    with pytest.raises(ValueError, match="validation_data holds NaN"):
        nw.Autoencoder(2, max_epochs=1).fit(X, validation_data=tmp_path / "gap.npy")


def test_a_mapped_array_is_not_taken_for_the_file_that_replaces_it(folder, X, tmp_path):
    np.save(tmp_path / "x.npy", X)
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
    ae = nw.Autoencoder(2, **QUICK).fit(X)
    for taken in (mapped, mapped[5:]):
        with pytest.raises(ValueError, match="is also what is read"):
            ae.reconstruct(taken, out=tmp_path / "x.npy")
    np.save(tmp_path / "y.npy", X + 1)
    os.replace(tmp_path / "y.npy", tmp_path / "x.npy")
    assert np.array_equal(ae.transform(mapped), ae.transform(X))
    (tmp_path / "x.npy").unlink()
    assert np.array_equal(ae.transform(mapped), ae.transform(X))


def test_answers_are_not_written_where_the_pattern_finds_them_next(folder, X, tmp_path):
    pq.write_table(pq.read_table(folder / "parts"), tmp_path / "a.parquet")
    ae = nw.Autoencoder(2, **QUICK).fit(pq.read_table(tmp_path / "a.parquet"))
    for pattern in ("*.parquet", "**/*.parquet", "[a-z]*.parquet"):
        with pytest.raises(ValueError, match="would be read the next time"):
            ae.transform(str(tmp_path / pattern), out=tmp_path / "codes.parquet")
    assert ae.transform(str(tmp_path / "a*.parquet"), out=tmp_path / "codes.parquet").exists()


def test_small_row_groups_hold_rows_out_too(X, tmp_path):
    table = pa.table({f"c{j}": X[:300, j] for j in range(COLUMNS)})
    for size in (1, 5, 64):
        pq.write_table(table, tmp_path / "x.parquet", row_group_size=size)
        facts = nw.Autoencoder(2, max_epochs=1).fit(tmp_path / "x.parquet").fitted_.training
        assert facts["validation_rows"] + facts["rows"] == 300
        assert 10 <= facts["validation_rows"] <= 30, size  # of one-row groups at most half, of 32 of them


def test_several_may_read_and_pickle_the_same_parquet_file(folder, X):
    rows = Parquet(folder / "parts")
    rows[0:3]
    copy = pickle.loads(pickle.dumps(rows))
    assert copy[3:9].equals(rows[3:9])
    ae = nw.Autoencoder(2, **QUICK).fit(rows)
    wanted = ae.transform(rows)
    with ThreadPoolExecutor(4) as pool:
        assert all(np.array_equal(wanted, got) for got in pool.map(ae.transform, [rows] * 4))


def test_windows_are_those_of_the_last_rows():
    series = np.random.default_rng(0).normal(size=(400, 1))
    ae = nw.Autoencoder(2, input=nw.inputs.Signals(window=16), warm_start=True, max_epochs=1).fit(series)
    longer = np.concatenate([series] * 3)
    ae.fit(longer)
    assert len(ae.window_index_) == len(ae.transform(longer))

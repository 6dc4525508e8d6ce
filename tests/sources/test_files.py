"""Data files: what goes in comes out, and what is wrong is said in one sentence."""

import re

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from narrows.sources import files

TABLE = pa.table({"a": [1, 2, 3], "b": [0.1, None, -2.5e300], 'c, "d"': ["x", "y, z", "é"]})
NUMBERS = pa.table({"a": pa.array([1, 2, 3], pa.int32()), "b": [0.5, None, 2.0]})


@pytest.mark.parametrize("ending", [".csv", ".parquet"])
def test_tables_come_back(tmp_path, ending):
    path = tmp_path / f"t{ending}"
    files.write(path, TABLE)
    assert files.read(path).equals(TABLE)
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("ending", [".npy", ".npz"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.uint8, bool])
@pytest.mark.parametrize("shape", [(4,), (4, 3), (4, 3, 2, 1)])
def test_arrays_come_back(tmp_path, ending, dtype, shape):
    array = np.arange(np.prod(shape)).reshape(shape).astype(dtype)
    path = tmp_path / f"a{ending}"
    files.write(path, array)
    back = files.read(path)
    assert back.dtype == array.dtype
    np.testing.assert_array_equal(back, array)
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("ending", [".csv", ".parquet"])
def test_an_array_becomes_a_table_of_named_columns(tmp_path, ending):
    array = np.random.default_rng(0).normal(size=(5, 2, 2)).astype(np.float32)
    files.write(tmp_path / f"a{ending}", array)
    table = files.read(tmp_path / f"a{ending}")
    assert table.column_names == ["x0", "x1", "x2", "x3"]
    columns = np.column_stack(table.columns).astype(np.float32)
    np.testing.assert_array_equal(columns, array.reshape(5, 4))  # every digit survives the text
    files.write(tmp_path / f"a{ending}", array[:, 0], names=["left", "right"])
    assert files.read(tmp_path / f"a{ending}").column_names == ["left", "right"]


@pytest.mark.parametrize("library", [pd.DataFrame, pl.DataFrame, pa.table])
@pytest.mark.parametrize("ending", files.ENDINGS)
def test_frames_of_any_library_are_written(tmp_path, library, ending):
    path = tmp_path / f"f{ending}"
    files.write(path, library({"a": [1.0, 2.0], "b": [3.5, 4.5]}))
    back = files.read(path)
    if isinstance(back, pa.Table):
        assert back.column_names == ["a", "b"]
        back = np.column_stack(back.columns)
    np.testing.assert_array_equal(back, [[1.0, 3.5], [2.0, 4.5]])


def test_missing_numbers_become_nan_in_an_array(tmp_path):
    files.write(tmp_path / "n.npy", NUMBERS)
    np.testing.assert_array_equal(files.read(tmp_path / "n.npy"), [[1, 0.5], [2, np.nan], [3, 2.0]])


def test_text_is_not_written_as_an_array(tmp_path):
    with pytest.raises(ValueError, match=r"column 'c, \"d\"' is string, expected numbers"):
        files.write(tmp_path / "t.npy", TABLE)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "index", [pd.Index([5, 6, 7]), pd.Index(["p", "q", "r"], name="id"), pd.RangeIndex(3)]
)
def test_a_pandas_index_is_not_a_column(tmp_path, index):
    frame = pd.DataFrame({"a": [1.0, 2.0, 3.0]}, index=index)
    frame.to_parquet(tmp_path / "p.parquet")
    assert files.read(tmp_path / "p.parquet").column_names == ["a"]
    files.write(tmp_path / "ours.parquet", frame)
    assert pq.read_schema(tmp_path / "ours.parquet").names == ["a"]


def test_a_folder_name_adds_no_column(tmp_path):
    (tmp_path / "year=2020").mkdir()
    files.write(tmp_path / "year=2020" / "t.parquet", NUMBERS)
    assert files.read(tmp_path / "year=2020" / "t.parquet").column_names == ["a", "b"]


def test_csv_types_are_those_of_the_whole_file(tmp_path):
    """Whole numbers for two megabytes, then a fraction: a reader that looks at the start alone fails."""
    path = tmp_path / "long.csv"
    path.write_text("a\n" + "1234567\n" * 300_000 + "0.5\n")
    assert path.stat().st_size > 2 << 20
    column = files.read(path)["a"]
    assert column.type == pa.float64() and column[-1].as_py() == 0.5


@pytest.mark.parametrize(
    ("text", "columns"),
    [
        ("a,b\n1,\n,4\n", {"a": [1, None], "b": [None, 4]}),
        ("a,b\n1,NA\n2,NaN\n3,5\n", {"a": [1, 2, 3], "b": [None, None, 5]}),
        ("0,1\n5,6\n", {"0": [5], "1": [6]}),  # what pandas writes for a frame without names
        ("\ufeffa,b\r\n1,2\r\n", {"a": [1], "b": [2]}),  # what a spreadsheet writes
        ('"a;b"\n1\n', None),
    ],
)
def test_csv_dialects(tmp_path, text, columns):
    (tmp_path / "d.csv").write_text(text, encoding="utf-8", newline="")
    if columns is None:
        with pytest.raises(ValueError, match="separated by ';'"):
            files.read(tmp_path / "d.csv")
    else:
        assert files.read(tmp_path / "d.csv").to_pydict() == columns


@pytest.mark.parametrize(
    ("keys", "chosen"),
    [(["anything"], "anything"), (["X", "y"], "X"), (["y_train", "x_train", "x_test"], "x_train")],
)
def test_npz_key(tmp_path, keys, chosen):
    np.savez(tmp_path / "k.npz", **{key: np.full(2, i) for i, key in enumerate(keys)})
    np.testing.assert_array_equal(files.read(tmp_path / "k.npz"), np.full(2, keys.index(chosen)))


def parquet_bytes():
    sink = pa.BufferOutputStream()
    pq.write_table(TABLE, sink)
    return sink.getvalue().to_pybytes()


def array_bytes(array, folder, save=np.save, name="a.npy"):
    save(folder / name, array)
    content = (folder / name).read_bytes()
    (folder / name).unlink()
    return content


def truncated_npz(folder):
    return array_bytes(np.arange(1000), folder, np.savez, "a.npz")[:2000]


def broken_npz(folder):
    content = bytearray(array_bytes(np.arange(1000), folder, np.savez, "a.npz"))
    content[4000] ^= 255  # inside the numbers: only the checksum can tell
    return bytes(content)


def two_arrays(folder):
    np.savez(folder / "a.npz", left=np.arange(2), right=np.arange(2))
    return (folder / "a.npz").read_bytes()


WRONG = {
    "text.npy": (b"these are words\n", "'text.npy' is not a complete npy file of numbers"),
    "empty.npy": (b"", "is not a complete npy file"),
    "cut.npy": (lambda folder: array_bytes(np.arange(100), folder)[:-8], "is not a complete npy file"),
    "objects.npy": (
        lambda folder: array_bytes(np.array([{}, []], object), folder),
        "Object arrays cannot be loaded when allow_pickle=False",
    ),
    "none.npy": (lambda folder: array_bytes(np.zeros((0, 3)), folder), "has no rows"),
    "text.npz": (b"these are words\n", "is not an npz file"),
    "empty.npz": (b"", "is not an npz file"),
    "cut.npz": (truncated_npz, "is not an npz file"),
    "broken.npz": (broken_npz, "is not an npz file with the arrays arr_0"),
    "objects.npz": (
        lambda folder: array_bytes(np.array([{}, []], object), folder, np.savez, "a.npz"),
        "allow_pickle=False",
    ),
    "many.npz": (
        two_arrays,
        "holds the arrays left and right, expected one array or one of them called X, x,",
    ),
    "text.parquet": (b"these are words\n", "is not a complete parquet file"),
    "cut.parquet": (parquet_bytes()[:-20], "is not a complete parquet file"),
    "empty.parquet": (b"", "is not a complete parquet file"),
    "empty.csv": (b"", "is empty, expected a header row"),
    "header.csv": (b"a,b\n", "has no rows"),
    "ragged.csv": (b"a,b\n1,2\n3\n", "is not comma-separated text"),
    "headless.csv": (b"5.1,3.5\n4.9,3.0\n", "starts with the numbers 5.1"),
    "same.csv": (b"1,1\n4,3\n", "starts with the numbers 1"),
    "twice.csv": (b"a,b,a\n1,2,3\n", "more than one column called 'a'"),
    "index.csv": (b",a\n0,1\n1,2\n", "column 1 of 'index.csv' has no name"),
    "latin.csv": ("a,b\n1,café\n".encode("latin-1"), "column 'b' of 'latin.csv' is not UTF-8"),
    "sheet.xlsx": (b"PK", "ends in '.xlsx', expected .csv, .parquet, .npy or .npz"),
    "noending": (b"", "ends in '', expected"),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_files_are_refused_in_one_sentence(tmp_path, monkeypatch, name):
    content, message = WRONG[name]
    monkeypatch.chdir(tmp_path)
    written = content(tmp_path) if callable(content) else content
    (tmp_path / name).write_bytes(written)
    with pytest.raises(ValueError, match=re.escape(message)) as caught:
        files.read(name)
    said = str(caught.value)
    assert name in said and "\n" not in said and said.endswith(".") and str(tmp_path) not in said


def test_nothing_is_unpickled(tmp_path):
    class Trap:
        def __reduce__(self):
            return (tmp_path.joinpath("sprung").touch, ())

    np.save(tmp_path / "t.npy", np.array([Trap()], object))
    with pytest.raises(ValueError, match="not a complete npy file"):
        files.read(tmp_path / "t.npy")
    assert not (tmp_path / "sprung").exists()


def test_absent_files_and_folders_are_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"there is no file '.*a\.csv'"):
        files.read(tmp_path / "a.csv")
    with pytest.raises(FileNotFoundError, match="there is no folder"):
        files.write(tmp_path / "no" / "a.csv", TABLE)
    with pytest.raises(ValueError, match=r"ends in '\.txt'"):
        files.write(tmp_path / "a.txt", TABLE)


def test_a_failed_write_keeps_the_old_file(tmp_path):
    path = tmp_path / "a.npy"
    files.write(path, np.arange(3))
    with pytest.raises(ValueError, match="Object arrays cannot be saved"):
        files.write(path, np.array([{}], object))
    np.testing.assert_array_equal(files.read(path), np.arange(3))
    assert list(tmp_path.iterdir()) == [path]

"""Whole data files, read into memory and written back: csv, parquet, npy and npz.

Tables (csv, parquet) are read as a ``pyarrow.Table``, arrays (npy, npz) as a ``numpy.ndarray``. Nothing is
ever unpickled. What is written appears at its name complete or not at all.
"""

from __future__ import annotations

import csv
import os
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from narrows.atomic import atomic_path

# pyarrow and narwhals are imported where they are used: a tenth of a second that arrays need not pay.
if TYPE_CHECKING:
    import pyarrow

__all__ = ["ENDINGS", "check_ending", "read", "read_arrays", "write"]

ENDINGS = (".csv", ".parquet", ".npy", ".npz")
ROWS_KEYS = ("X", "x", "data", "x_train", "X_train")  # of an npz, in order of preference
_DAMAGED = (ValueError, OSError, EOFError, KeyError, zipfile.BadZipFile, zlib.error, MemoryError)


def read(path: str | os.PathLike[str]) -> np.ndarray | pyarrow.Table:
    """The rows of a data file.

    A csv file is comma-separated UTF-8 with a header row; empty cells, ``NA``, ``NaN`` and ``null`` are
    missing values. An npz file holds one array, or its rows under the key ``X``, ``x``, ``data`` or
    ``x_train``. The index of a pandas frame in a parquet file is left out: it is not a column of the data.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the ending is unknown, or the content is not what the ending says, or has no rows.
    """
    file = Path(path)
    ending = check_ending(file)
    if not file.is_file():
        raise FileNotFoundError(f"there is no file '{path}'; give the path of a {_listed(ENDINGS)} file.")
    rows = {".csv": _read_csv, ".parquet": _read_parquet, ".npy": _read_npy, ".npz": _read_npz}[ending](file)
    if len(rows) == 0:
        raise ValueError(f"'{path}' has no rows, expected at least one; give a file with data.")
    return rows


def write(path: str | os.PathLike[str], rows: Any, names: Sequence[str] | None = None) -> None:
    """Write an array or a frame (pandas, polars, pyarrow) in the format that the path's ending names.

    An array goes into a table with one column per feature, called ``names`` or ``x0, x1, …``; axes after
    the first are flattened, so that a line is a row. A frame goes into an array as columns of numbers. An
    npz file gets the single key ``X``.

    Raises:
        FileNotFoundError: there is no such folder.
        ValueError: the ending is unknown, or a frame with columns that are not numbers is to be an array.
    """
    ending = check_ending(path)
    if isinstance(rows, list) and len(rows) == 1:
        rows = rows[0]
    if isinstance(rows, list):
        raise ValueError(
            f"there are {len(rows)} answers of different sizes, but '{path}' holds one array or table; write them one"
            " by one, or those of a folder of files to a folder."
        )
    if ending in (".npy", ".npz"):
        array = rows if isinstance(rows, np.ndarray) else _as_array(rows, path)
        if array.dtype.hasobject:
            raise ValueError(
                f"'{path}' holds numbers, but the answers are objects (Object arrays cannot be saved); give a .csv or"
                " .parquet name."
            )
        with atomic_path(path) as temporary, temporary.open("wb") as file:
            if ending == ".npy":
                # Not NumPy's own writing, which does not say that a disk is full.
                array = np.ascontiguousarray(array)
                header = np.lib.format.header_data_from_array_1_0(array)
                np.lib.format.write_array_header_2_0(file, header)
                file.write(array.reshape(-1).view(np.uint8).data if array.size else b"")
            else:
                np.savez_compressed(file, X=array)
    else:
        table = as_table(rows, names)
        with atomic_path(path) as temporary:
            if ending == ".csv":
                write_csv(temporary, table)
            else:
                import pyarrow.parquet

                pyarrow.parquet.write_table(table, temporary)


def check_ending(path: str | os.PathLike[str]) -> str:
    """The lower-cased ending of ``path``, or a ValueError when no data file ends like that."""
    ending = Path(path).suffix.lower()
    if ending not in ENDINGS:
        raise ValueError(
            f"'{path}' ends in '{ending}', expected {_listed(ENDINGS)}; name the file by its format."
        )
    return ending


def read_arrays(path: Path, keys: Sequence[str]) -> list[np.ndarray]:
    """The arrays of an npz file under ``keys``, in their order."""
    try:
        with np.lib.npyio.NpzFile(path, allow_pickle=False) as arrays:
            return [native(arrays[key]) for key in keys]
    except _DAMAGED as error:
        raise ValueError(
            f"'{path}' is not an npz file with the arrays {_listed(keys, 'and')} ({_first_line(error)}); "
            "it may be damaged: write it again with numpy.savez."
        ) from None


def native(array: np.ndarray) -> np.ndarray:
    """The same numbers in this machine's order of bytes: torch takes no other."""
    return array if array.dtype.isnative else array.astype(array.dtype.newbyteorder("="))


def _read_npy(path: Path) -> np.ndarray:
    try:
        with path.open("rb") as file:
            return native(np.lib.format.read_array(file, allow_pickle=False))
    except _DAMAGED as error:
        raise ValueError(
            f"'{path}' is not a complete npy file of numbers ({_first_line(error)}); write it with numpy.save."
        ) from None


def _read_npz(path: Path) -> np.ndarray:
    try:
        with zipfile.ZipFile(path) as archive:
            keys = [name.removesuffix(".npy") for name in archive.namelist()]
    except (OSError, zipfile.BadZipFile) as error:
        raise ValueError(f"'{path}' is not an npz file ({error}); write it with numpy.savez.") from None
    known = [key for key in ROWS_KEYS if key in keys]
    if len(keys) != 1 and not known:
        raise ValueError(
            f"'{path}' holds the arrays {_listed(keys, 'and') or '(none)'}, expected one array or one of them "
            f"called {_listed(ROWS_KEYS)}; save the rows under that name."
        )
    return read_arrays(path, known[:1] or keys)[0]


def _read_csv(path: Path) -> pyarrow.Table:
    import pyarrow.csv

    _check_header(path)
    # Column types are inferred from the first block alone: let that be the file, up to a gigabyte.
    block = min(max(path.stat().st_size + 1, 1 << 20), 1 << 30)
    try:
        table = pyarrow.csv.read_csv(
            path,
            read_options=pyarrow.csv.ReadOptions(block_size=block),
            convert_options=pyarrow.csv.ConvertOptions(strings_can_be_null=True),
        )
    except ValueError as error:
        raise ValueError(
            f"'{path}' is not comma-separated text with a header row ({_first_line(error)}); check that line."
        ) from None
    for field in table.schema:
        if pyarrow.types.is_binary(field.type):
            raise ValueError(f"column '{field.name}' of '{path}' is not UTF-8 text; save the file as UTF-8.")
    return table


def _check_header(path: Path) -> None:
    """Refuse first lines that would silently lose a row or mistake an index for data."""
    with path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
        names = next(csv.reader([file.readline()]), [])
    if not names:
        raise ValueError(
            f"'{path}' is empty, expected a header row and rows of values; give a file with data."
        )
    if len(names) == 1 and (other := next((mark for mark in ";\t|" if mark in names[0]), None)):
        raise ValueError(f"'{path}' is separated by {other!r}, expected ','; save it with commas.")
    if not all(name.strip() for name in names):
        raise ValueError(
            f"column {[bool(name.strip()) for name in names].index(False) + 1} of '{path}' has no name; name it, "
            "or, if it is an index that pandas wrote, write the file with index=False."
        )
    twice = [name for name in names if names.count(name) > 1]
    if all(_is_number(name) for name in names) and (
        twice or not all(name.strip().isdigit() for name in names)
    ):
        raise ValueError(
            f"'{path}' starts with the numbers {names[0]}, …, expected a header row; add a first line of column names."
        )
    if twice:
        raise ValueError(
            f"'{path}' has more than one column called '{twice[0]}'; give each a name of its own."
        )


def _read_parquet(path: Path) -> pyarrow.Table:
    import pyarrow.parquet

    try:
        # ParquetFile and not read_table: that one adds columns for folders called 'name=value'.
        with pyarrow.parquet.ParquetFile(path) as file:
            table = file.read()
    except (ValueError, OSError) as error:
        raise ValueError(
            f"'{path}' is not a complete parquet file ({_first_line(error)}); write it again."
        ) from None
    index = (table.schema.pandas_metadata or {}).get(
        "index_columns", []
    )  # a name, or a range that is no column
    return table.drop_columns([name for name in index if isinstance(name, str)]).replace_schema_metadata(None)


def write_csv(path: Path, table: pyarrow.Table, header: bool = True) -> None:
    """The table as lines at the end of a file; with a ``header``, the file begins anew."""
    import pyarrow.csv

    if header:
        with path.open("w", encoding="utf-8", newline="") as file:
            csv.writer(file, lineterminator="\n").writerow(
                table.column_names
            )  # pyarrow would quote every name
    with path.open("ab") as file:
        pyarrow.csv.write_csv(table, file, pyarrow.csv.WriteOptions(include_header=False))


def as_table(rows: Any, names: Sequence[str] | None) -> pyarrow.Table:
    """An array or a frame as an Arrow table; an array's axes after the first become columns."""
    import narwhals
    import pyarrow

    if not isinstance(rows, np.ndarray):
        # Column by column and not the whole frame: so a pandas index stays behind.
        frame = narwhals.from_native(rows, eager_only=True)
        return pyarrow.table({str(column.name): column.to_arrow() for column in frame.iter_columns()})
    flat = rows.reshape(len(rows), -1)
    columns = [f"x{i}" for i in range(flat.shape[1])] if names is None else list(map(str, names))
    return pyarrow.table([pyarrow.array(column) for column in flat.T], names=columns)


def _as_array(rows: Any, path: str | os.PathLike[str]) -> np.ndarray:
    import pyarrow

    table = as_table(rows, None)
    for field in table.schema:
        kind = field.type
        if not (
            pyarrow.types.is_integer(kind)
            or pyarrow.types.is_floating(kind)
            or pyarrow.types.is_boolean(kind)
        ):
            raise ValueError(
                f"column '{field.name}' is {kind}, expected numbers for '{path}'; write a .csv or .parquet file."
            )
    return np.column_stack([column.to_numpy() for column in table.columns])


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _listed(words: Sequence[str], last: str = "or") -> str:
    return f" {last} ".join(filter(None, [", ".join(words[:-1]), *words[-1:]]))


def _first_line(error: Exception) -> str:
    return str(error).strip("'\"").split("\n")[0].rstrip(".") or type(error).__name__

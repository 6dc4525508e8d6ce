"""Rows of Parquet files, one or many, that stay in the files until they are asked for."""

from __future__ import annotations

import glob
import os
import threading
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from narrows.sources.frames import has_gaps

if TYPE_CHECKING:
    import pyarrow

MOST, ENTRIES = 65_536, 1 << 22  # rows and numbers that are decoded at a time, at most
BUFFER = 1 << 16  # bytes of a column that are read at a time


class Parquet:
    """The rows of a Parquet file, of those in a folder, or of all files that a pattern names, in the
    order of their names; read a few row groups at a time.

    ``columns``: the ones to read; all of them by default, but for an index that pandas wrote.

    Every file must have the same columns of the same types.  Folders called ``name=value``, as Hive and Spark
    make them, become no columns: pass ``pyarrow.dataset.dataset(folder, partitioning="hive").to_table()`` where
    they are to be.
    """

    def __init__(self, path: str | os.PathLike[str] | Sequence[str], columns: Sequence[str] | None = None):
        import pyarrow.parquet as pq

        self.files = _files(path)
        self.groups: list[tuple[Path, int]] = []  # file and number of each row group
        self.starts = [0]  # the first row of each, and the number of all
        self.schema: pyarrow.Schema | None = None
        self._nulls: dict[str, int | None] = {}
        for file in self.files:
            try:
                with pq.ParquetFile(file) as opened:
                    schema, metadata = opened.schema_arrow, opened.metadata
            except (ValueError, OSError) as error:
                raise ValueError(
                    f"'{file}' is not a complete parquet file ({str(error).splitlines()[0].rstrip('.')}); write it"
                    " again."
                ) from None
            self._agree(file, schema, columns)
            for i in range(metadata.num_row_groups):
                self.groups.append((file, i))
                self.starts.append(self.starts[-1] + metadata.row_group(i).num_rows)
            self._count_nulls(metadata)
        if not self.starts[-1]:
            raise ValueError(f"'{path}' has no rows, expected at least one; give files with data.")
        self.names = tuple(self.schema.names)
        self.block = max(1, min(MOST, ENTRIES // len(self.names)))
        self._at: tuple[int, Iterator, pyarrow.Table | None] | None = None  # where reading has come to
        self._lock = threading.Lock()  # several may read, one at a time

    def _agree(self, file: Path, schema: pyarrow.Schema, columns: Sequence[str] | None) -> None:
        wanted = columns
        if wanted is None:
            index = [n for n in (schema.pandas_metadata or {}).get("index_columns", []) if isinstance(n, str)]
            wanted = [name for name in schema.names if name not in index]
        if lost := [name for name in wanted if name not in schema.names]:
            raise ValueError(f"'{file}' has no column '{lost[0]}', expected {', '.join(wanted)}; add it.")
        import pyarrow

        mine = pyarrow.schema([schema.field(name) for name in wanted]).remove_metadata()
        if self.schema is None:
            self.schema = mine
        elif [(f.name, f.type) for f in self.schema] != [(f.name, f.type) for f in mine]:
            odd = next(
                (
                    f
                    for f in mine
                    if f.name not in self.schema.names or self.schema.field(f.name).type != f.type
                ),
                None,
            )
            what = (
                "its columns in another order or number"
                if odd is None or odd.name not in self.schema.names
                else f"column '{odd.name}' as {odd.type}"
            )
            raise ValueError(
                f"'{file}' has {what}, expected the columns and types of '{self.files[0]}'; convert it."
            )

    def _count_nulls(self, metadata: pyarrow.parquet.FileMetaData) -> None:
        """Add up what the files know of missing values; None where they do not know."""
        names = set(metadata.schema.to_arrow_schema().names)
        for i in range(metadata.num_row_groups):
            group = metadata.row_group(i)
            for j in range(group.num_columns):
                column = group.column(j)
                path = column.path_in_schema
                name = path if path in names else path.split(".")[0]  # a column, or a part of one
                known = column.statistics.null_count if column.statistics is not None else None
                before = self._nulls.get(name, 0)
                self._nulls[name] = None if before is None or known is None else before + known

    @cached_property
    def complete(self) -> bool:
        """Whether no value is missing.  How many are null, files mostly know; but a NaN among floats has to
        be looked for, in one pass over those columns, which ends with the first."""
        import pyarrow.types as of

        if any(self._nulls.get(name) for name in self.names):
            return False
        doubtful = [f.name for f in self.schema if of.is_floating(f.type) or self._nulls.get(f.name) is None]
        return not (doubtful and any(has_gaps(values) for values in self._columns(doubtful)))

    def _columns(self, names: list[str]) -> Iterator[pyarrow.Array]:
        """All values of some columns, a piece at a time."""
        import pyarrow.parquet as pq

        for file in self.files:
            with pq.ParquetFile(file, buffer_size=BUFFER, pre_buffer=False) as opened:
                for batch in opened.iter_batches(self.block, columns=names):
                    yield from (batch.column(name) for name in names)

    @property
    def shape(self) -> tuple[int, int]:
        return self.starts[-1], len(self.names)

    @property
    def spans(self) -> list[tuple[int, int]]:
        """First and last row, excluded, of each row group."""
        return [(a, b) for a, b in zip(self.starts, self.starts[1:], strict=False) if b > a]

    def __len__(self) -> int:
        return self.starts[-1]

    def __getitem__(self, which: slice) -> pyarrow.Table:
        """Rows ``start:stop`` as an Arrow table; quick when they follow those of the last call."""
        start, stop, _ = which.indices(len(self))
        with self._lock:
            return self._read(start, stop)

    def _read(self, start: int, stop: int) -> pyarrow.Table:
        import pyarrow

        if self._at is None or self._at[0] != start:
            self._at = (start, self._pieces(start), None)
        _, pieces, rest = self._at
        tables, have = ([rest], rest.num_rows) if rest is not None else ([], 0)
        while have < stop - start:
            piece = next(pieces)
            tables.append(piece)
            have += piece.num_rows
        table = pyarrow.concat_tables(tables) if tables else self.schema.empty_table()
        left = table.slice(stop - start)
        self._at = (stop, pieces, left if left.num_rows else None)
        return table.slice(0, stop - start)

    def __getstate__(self) -> dict[str, Any]:
        return vars(self) | {"_at": None, "_lock": None}  # where reading has come to is nobody else's

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state, _lock=threading.Lock())

    def _pieces(self, start: int) -> Iterator[pyarrow.Table]:
        """All rows from ``start`` on, a piece at a time."""
        import pyarrow
        import pyarrow.parquet as pq

        for (file, group), first, last in zip(self.groups, self.starts, self.starts[1:], strict=False):
            if last <= start:
                continue
            # A group may be as large as the file: its pages are read as they are needed.
            with pq.ParquetFile(file, buffer_size=BUFFER, pre_buffer=False) as opened:
                for batch in opened.iter_batches(self.block, [group], columns=list(self.names)):
                    skipped = min(batch.num_rows, max(0, start - first))
                    first += batch.num_rows
                    if skipped < batch.num_rows:
                        table = pyarrow.Table.from_batches([batch.slice(skipped)])
                        yield table.select(list(self.names)).replace_schema_metadata(None)


def _files(path: str | os.PathLike[str] | Sequence[str]) -> list[Path]:
    """The files that are meant, in the order of their names; of a folder, not what other tools hide in it."""
    if not isinstance(path, (str, os.PathLike)):
        return [file for one in path for file in _files(one)]
    found = Path(path)
    if found.is_dir():
        files = sorted(
            f for f in found.rglob("*.parquet") if f.is_file() and not _hidden(f.relative_to(found))
        )
    elif glob.has_magic(str(path)) and not found.is_file():
        files = sorted(map(Path, glob.glob(str(path), recursive=True)))
    else:
        files = [found] if found.is_file() else []
    if not files:
        raise FileNotFoundError(f"there is no parquet file at '{path}'; check the path.")
    return files


def _hidden(file: Path) -> bool:
    """Whether a name on the way begins with "." or "_", as notes of Spark do; "_x=1" is a part of a table."""
    return any(part.startswith((".", "_")) and "=" not in part for part in file.parts)

"""Streams of Arrow data, which can be read once, kept so that they can be read again."""

from __future__ import annotations

import contextlib
import itertools
import os
import tempfile
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from narrows.sources import found
from narrows.sources.frames import as_frame, check_names

if TYPE_CHECKING:
    import pyarrow


def is_stream(X: Any) -> bool:
    """Whether X speaks Arrow's stream protocol and is nothing that is known better: a reader of pyarrow or
    nanoarrow, an answer of DuckDB or ADBC; no frame, column or array."""
    if not hasattr(X, "__arrow_c_stream__"):
        return False
    column = hasattr(X, "__array__") and not hasattr(X, "__arrow_c_array__")
    return not column and as_frame(X) is None


def kept(X: Any) -> Any:
    """The rows of a stream: a ``pyarrow.Table``, or, beyond 256 MiB, a :class:`~narrows.sources.Parquet` on
    a temporary file that goes away with it.

    Raises:
        ValueError: there are no rows, or none are left; or they are not rows of columns, cannot be kept, or the
            stream breaks off.  What a reader's own Python code raises, comes through as it is.

    >>> import pyarrow
    >>> reader = pyarrow.table({"a": [1, 2]}).to_reader()
    >>> kept(reader).num_rows
    2
    """
    import pyarrow

    with contextlib.closing(_reader(X)) as reader:
        check_names(reader.schema.names)
        first: list[pyarrow.RecordBatch] = []
        size = 0
        batches = _batches(reader, X)
        for batch in batches:
            first.append(batch)
            size += batch.nbytes
            if size >= found.LARGE and batch.num_rows:
                return _spooled(itertools.chain(first, batches), reader.schema)
        table = pyarrow.Table.from_batches(first, reader.schema)
    if not table.num_rows:
        raise ValueError(
            f"X, a {type(X).__name__}, gives no rows: a stream can be read once, so pass a new one, or a table."
        )
    return table


def _reader(X: Any) -> pyarrow.RecordBatchReader:
    import pyarrow

    if isinstance(X, pyarrow.RecordBatchReader):  # as it is: on the way through C an error loses its type
        return X
    try:
        return pyarrow.RecordBatchReader.from_stream(X)
    except pyarrow.ArrowException as error:
        raise ValueError(
            f"X, a {type(X).__name__}, is no stream of rows with columns ({_line(error)}): pass a table, or a column"
            " as an array."
        ) from None


def _batches(reader: pyarrow.RecordBatchReader, X: Any) -> Iterator[pyarrow.RecordBatch]:
    import pyarrow

    count = 0
    try:
        for batch in reader:
            count += batch.num_rows
            yield batch
    except pyarrow.ArrowException as error:
        raise ValueError(
            f"X, a {type(X).__name__}, broke off after {count} rows ({_line(error)}): pass a new one, or a table."
        ) from None


def _line(error: Exception) -> str:
    """What an error says in a few words, without the traceback that Arrow puts into them."""
    return str(error).split(" Detail: ")[0].splitlines()[0].rstrip(". ")


def _spooled(batches: Any, schema: pyarrow.Schema) -> Any:
    from narrows.sources.parquet import Parquet

    descriptor, name = tempfile.mkstemp(".parquet", "narrows-")
    os.close(descriptor)
    try:
        with _written(name, schema) as writer:
            for batch in batches:
                writer.write_batch(batch)
        rows = Parquet(name)
    except BaseException:
        Path(name).unlink()
        raise
    weakref.finalize(rows, Path(name).unlink, missing_ok=True)
    return rows


def _written(name: str, schema: pyarrow.Schema) -> pyarrow.parquet.ParquetWriter:
    import pyarrow
    import pyarrow.parquet as pq

    try:
        return pq.ParquetWriter(name, schema)
    except pyarrow.ArrowNotImplementedError as error:
        raise ValueError(
            f"X has a column that Parquet files, in which so long a stream is kept, do not know ({_line(error)}):"
            " convert or drop it."
        ) from None

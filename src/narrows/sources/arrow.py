"""Streams of Arrow data, which can be read once, kept so that they can be read again."""

from __future__ import annotations

import contextlib
import itertools
import os
import tempfile
import weakref
from pathlib import Path
from typing import TYPE_CHECKING, Any

from narrows.inputs.vectors import as_frame
from narrows.sources import found

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
        ValueError: there are no rows, or none are left.

    >>> import pyarrow
    >>> reader = pyarrow.table({"a": [1, 2]}).to_reader()
    >>> kept(reader).num_rows
    2
    """
    import pyarrow

    with contextlib.closing(pyarrow.RecordBatchReader.from_stream(X)) as reader:
        first: list[pyarrow.RecordBatch] = []
        size = 0
        for batch in reader:
            first.append(batch)
            size += batch.nbytes
            if size >= found.LARGE and batch.num_rows:
                return _spooled(itertools.chain(first, reader), reader.schema)
        table = pyarrow.Table.from_batches(first, reader.schema)
    if not table.num_rows:
        raise ValueError(
            f"X, a {type(X).__name__}, gives no rows: a stream can be read once, so pass a new one, or a table."
        )
    return table


def _spooled(batches: Any, schema: pyarrow.Schema) -> Any:
    import pyarrow.parquet as pq

    from narrows.sources.parquet import Parquet

    descriptor, name = tempfile.mkstemp(".parquet", "narrows-")
    os.close(descriptor)
    try:
        with pq.ParquetWriter(name, schema) as writer:
            for batch in batches:
                writer.write_batch(batch)
        rows = Parquet(name)
    except BaseException:
        Path(name).unlink()
        raise
    weakref.finalize(rows, Path(name).unlink, missing_ok=True)
    return rows

"""Answers written to a file as they come: complete in the end, or not there at all."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from narrows.atomic import atomic_folder, atomic_path
from narrows.sources.files import as_table, check_ending, write_csv

Append = Callable[[Any], None]


@contextmanager
def writing(path: str | os.PathLike[str], rows: int, names: Sequence[str] | None = None) -> Iterator[Append]:
    """A function that appends arrays or frames to what will be ``path``, ``rows`` rows in all.

    The ending names the format, as in :func:`narrows.sources.files.write`; ``names`` are those of an
    array's columns in a table.

    Raises:
        OSError: the disk is full, or refuses; nothing stands at ``path`` then that was not there before.
    """
    ending = check_ending(path)
    opened = {".npy": _npy, ".npz": _npz, ".csv": _csv, ".parquet": _parquet}[ending]
    with atomic_path(path) as temporary, ExitStack() as stack:
        yield opened(stack, temporary, rows, names)


def is_folder(path: str | os.PathLike[str]) -> bool:
    """Whether to write files into a folder of that name: it is one, or has no ending."""
    return Path(path).is_dir() or not Path(path).suffix


@contextmanager
def writing_folder(
    path: str | os.PathLike[str], names: Iterable[str], put: Callable[[Path, Any], None]
) -> Iterator[Append]:
    """A function that appends several things to what will be the folder ``path``, one file each: ``put``
    writes a file, ``names`` are those of the files, in their order.

    Raises:
        OSError: the disk is full, or the folder is not empty; nothing of it is there then.
    """
    left = iter(names)
    with atomic_folder(path) as folder:

        def append(several: Iterable[Any]) -> None:
            for one in several:
                file = folder / next(left)
                file.parent.mkdir(parents=True, exist_ok=True)
                put(file, one)

        yield append


def as_pngs(names: Sequence[str]) -> list[str]:
    """Names of picture files as those of PNG files, each another one.

    >>> as_pngs(["a.jpg", "b.tif"]), as_pngs(["a.jpg", "a.bmp"])
    (['a.png', 'b.png'], ['a.jpg.png', 'a.bmp.png'])
    """
    short = [f"{os.path.splitext(name)[0]}.png" for name in names]
    return short if len(set(short)) == len(short) else [f"{name}.png" for name in names]


def _npy(stack: ExitStack, path: Path, rows: int, names: Sequence[str] | None) -> Append:
    return _array(stack.enter_context(path.open("wb")), rows)


def _npz(stack: ExitStack, path: Path, rows: int, names: Sequence[str] | None) -> Append:
    archive = stack.enter_context(zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED))
    return _array(stack.enter_context(archive.open("X.npy", "w", force_zip64=True)), rows)


def _array(file: Any, rows: int) -> Append:
    begun = False

    def append(part: Any) -> None:
        nonlocal begun
        array = np.ascontiguousarray(part)
        if array.dtype.hasobject:  # its bytes would be addresses
            raise ValueError(
                "the answers are a table with columns that are not numbers, but numbers were expected for an array;"
                " give a .csv or .parquet name."
            )
        if not begun:
            header = {"descr": np.lib.format.dtype_to_descr(array.dtype), "fortran_order": False}
            np.lib.format.write_array_header_2_0(file, header | {"shape": (rows, *array.shape[1:])})
            begun = True
        file.write(array.tobytes())

    return append


def _csv(stack: ExitStack, path: Path, rows: int, names: Sequence[str] | None) -> Append:
    begun = False

    def append(part: Any) -> None:
        nonlocal begun
        write_csv(path, as_table(part, names), header=not begun)
        begun = True

    return append


def _parquet(stack: ExitStack, path: Path, rows: int, names: Sequence[str] | None) -> Append:
    import pyarrow.parquet as pq

    writer = None

    def append(part: Any) -> None:
        nonlocal writer
        table = as_table(part, names)
        if writer is None:
            writer = stack.enter_context(pq.ParquetWriter(path, table.schema))
        writer.write_table(table.cast(writer.schema))

    return append

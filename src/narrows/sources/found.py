"""What a path means: a file read into memory, or rows that stay where they are."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from narrows.sources import pictures, wav
from narrows.sources.files import ENDINGS, read
from narrows.sources.image_folder import ImageFolder, image_files
from narrows.sources.places import is_pattern, matching

LARGE = 1 << 28  # bytes of a file from which on it is read as it is needed


def find(path: str | os.PathLike[str]) -> Any:
    """The rows at a path: an array, an Arrow table, a sparse matrix, or rows that are read on demand.

    A folder of Parquet files or a pattern such as ``"2024-*/part.parquet"`` is one table.  Files of
    less than 256 MiB are read at once; ``.npy`` and Parquet beyond that are read as they are needed.
    ``.wav`` files, one, a folder or a pattern of them, are :class:`~narrows.sources.wav.Sounds`, for
    ``inputs.Signals``; pictures an :class:`~narrows.sources.ImageFolder`.  ``.mtx`` files, and ``.npz``
    files that scipy wrote, are sparse matrices.

    Raises:
        FileNotFoundError: there is nothing there.
        ValueError: it is not what its ending says.
    """
    file = Path(path)
    if is_pattern(path):
        return find_several(matching(path))
    if file.is_dir():
        return _folder(file)
    ending = file.suffix.lower()
    if ending == wav.ENDING:
        return wav.Sounds([file])
    if ending in pictures.ENDINGS:
        return ImageFolder(file)
    if ending == ".mtx" or (ending == ".npz" and file.is_file() and _is_sparse(file)):
        return _sparse(file)
    if ending == ".npy" and file.is_file() and file.stat().st_size >= LARGE:
        from narrows.sources.npy import Npy

        return Npy(file)
    if ending == ".parquet" and file.is_file() and file.stat().st_size >= LARGE:
        from narrows.sources.parquet import Parquet

        return Parquet(file)
    return read(path)


def find_several(paths: Sequence[str | os.PathLike[str]]) -> Any:
    """The rows of several files of one kind, in the order given: Parquet files as one table, sounds,
    pictures; of folders of Parquet files, and of patterns, all files."""
    if len(paths) == 1:
        return find(paths[0])
    files = [file for path in paths for file in (matching(path) if is_pattern(path) else [Path(path)])]
    if all(file.suffix.lower() == ".parquet" or file.is_dir() for file in files):
        return _table(files)
    endings = {file.suffix.lower() for file in files}
    if endings == {wav.ENDING}:
        return wav.Sounds(files)
    if endings <= set(pictures.ENDINGS):
        return ImageFolder(files)
    raise ValueError(
        f"{len(files)} files that end in {', '.join(sorted(endings)) or 'nothing'} were given, but only several"
        " .parquet or several .wav files or pictures are one set of data; give one file."
    )


def _folder(folder: Path) -> Any:
    if image_files(folder):
        return ImageFolder(folder)
    if wav.wav_files(folder):
        return wav.read(folder)
    try:
        return _table(folder)
    except FileNotFoundError:
        raise FileNotFoundError(
            f"the folder '{folder}' holds no parquet files, pictures or sounds; give a {', '.join(ENDINGS)} file or a"
            " folder of one kind."
        ) from None


def _table(path: Path | Sequence[Path]) -> Any:
    """Parquet files as one table, in memory where they are small."""
    from narrows.sources.parquet import Parquet

    rows = Parquet(path)
    return rows if sum(file.stat().st_size for file in rows.files) >= LARGE else rows[:]


def _is_sparse(path: Path) -> bool:
    import zipfile

    try:
        with zipfile.ZipFile(path) as archive:
            return {"format.npy", "shape.npy", "data.npy"} <= set(archive.namelist())
    except (OSError, zipfile.BadZipFile):
        return False  # `read` says what is wrong with it


def _sparse(path: Path) -> Any:
    import scipy.io
    import scipy.sparse

    if not path.is_file():
        raise FileNotFoundError(f"there is no file '{path}'; check the path.")
    try:
        found = scipy.io.mmread(path) if path.suffix.lower() == ".mtx" else scipy.sparse.load_npz(path)
        return scipy.sparse.csr_matrix(found)
    except (ValueError, OSError, KeyError, EOFError, TypeError) as error:
        raise ValueError(
            f"'{path}' is not a complete sparse matrix ({str(error).splitlines()[0]}); write it with scipy."
        ) from None

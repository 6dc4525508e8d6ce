"""What a path means: a file read into memory, or rows that stay where they are."""

from __future__ import annotations

import glob
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from narrows.sources.files import ENDINGS, read

LARGE = 1 << 28  # bytes of a file from which on it is read as it is needed


class Series(list):
    """Sounds, (time, channels) each: rows only once they are cut into windows."""

    uncut = True


def find(path: str | os.PathLike[str]) -> Any:
    """The rows at a path: an array, an Arrow table, a sparse matrix, or rows that are read on demand.

    A folder of Parquet files or a pattern such as ``"2024-*/part.parquet"`` is one table.  Files of
    less than 256 MiB are read at once; ``.npy`` and Parquet beyond that are read as they are needed.
    A ``.wav`` file or a folder of them is a list of series, (time, channels) in [−1, 1), for
    ``inputs.Signals``; a folder of pictures an :class:`~narrows.sources.ImageFolder`.  ``.mtx`` files,
    and ``.npz`` files that scipy wrote, are sparse matrices.

    Raises:
        FileNotFoundError: there is nothing there.
        ValueError: it is not what its ending says.
    """
    file, text = Path(path), str(path)
    if file.is_dir() or (glob.has_magic(text) and not file.exists()):
        return _several(path)
    ending = file.suffix.lower()
    if ending == ".wav":
        from narrows.sources import wav

        return Series(wav.read(file).series)
    if ending == ".mtx" or (ending == ".npz" and file.is_file() and _is_sparse(file)):
        return _sparse(file)
    if ending == ".npy" and file.is_file() and file.stat().st_size >= LARGE:
        from narrows.sources.npy import Npy

        return Npy(file)
    if ending == ".parquet" and file.is_file() and file.stat().st_size >= LARGE:
        from narrows.sources.parquet import Parquet

        return Parquet(file)
    return read(path)


def find_several(paths: Sequence[str]) -> Any:
    """The rows of several files of one kind, in the order given: Parquet files as one table, wav files as
    a list of series."""
    endings = {Path(path).suffix.lower() for path in paths}
    if endings == {".parquet"}:
        from narrows.sources.parquet import Parquet

        rows = Parquet(paths)
        return rows if sum(file.stat().st_size for file in rows.files) >= LARGE else rows[:]
    if endings == {".wav"}:
        return Series(series for path in paths for series in find(path))
    raise ValueError(
        f"{len(paths)} files that end in {', '.join(sorted(endings)) or 'nothing'} were given, but only several"
        " .parquet or several .wav files are one set of data; give one file."
    )


def _several(path: str | os.PathLike[str]) -> Any:
    from narrows.sources import wav
    from narrows.sources.image_folder import ImageFolder, image_files
    from narrows.sources.parquet import Parquet

    folder = Path(path)
    if image_files(path):
        return ImageFolder(path)
    if wav.wav_files(path):
        return Series(wav.read(path).series)
    if folder.is_dir() and not any(folder.rglob("*.parquet")):
        raise FileNotFoundError(
            f"the folder '{path}' holds no parquet files, pictures or sounds; give a {', '.join(ENDINGS)} file or a"
            " folder of one kind."
        )
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

"""What a path means: a file read into memory, or rows that stay where they are."""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from narrows.sources import pictures, wav
from narrows.sources.files import ENDINGS, read
from narrows.sources.image_folder import ImageFolder, image_files
from narrows.sources.places import common, is_pattern, matching

LARGE = 1 << 28  # bytes of a file from which on it is read as it is needed


def find(path: str | os.PathLike[str]) -> Any:
    """The rows at a path: an array, an Arrow table, a sparse matrix, or rows that are read on demand.

    A folder of Parquet files or a pattern such as ``"2024-*/part.parquet"`` is one table.  Files of
    less than 256 MiB are read at once; ``.npy`` and Parquet beyond that are read as they are needed.
    ``.wav`` files, one, a folder or a pattern of them, are :class:`~narrows.sources.wav.Sounds`, for
    ``inputs.Signals``; pictures an :class:`~narrows.sources.ImageFolder`.  ``.mtx`` files, and ``.npz``
    files that scipy wrote, are sparse matrices.  A folder holds files of one of these kinds.

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
    if ending not in ENDINGS:
        raise ValueError(
            f"'{path}' ends in '{ending}', expected {', '.join((*ENDINGS, '.mtx', wav.ENDING))} or a picture"
            f" ({', '.join(pictures.ENDINGS)}); name the file by its format."
        )
    return read(path)


def find_several(paths: Sequence[str | os.PathLike[str]]) -> Any:
    """The rows of several files of one kind, in the order given: Parquet files as one table, sounds,
    pictures; of folders of Parquet files, and of patterns, all files."""
    if len(paths) == 1:
        return find(paths[0])
    files = [file for path in paths for file in (matching(path) if is_pattern(path) else [Path(path)])]
    if all(file.suffix.lower() == ".parquet" or file.is_dir() for file in files):
        for folder in (file for file in files if file.is_dir()):
            _check_kinds(folder)
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
    kind = _check_kinds(folder)
    if kind is None:
        raise FileNotFoundError(
            f"the folder '{folder}' holds no parquet files, pictures or sounds; give a {', '.join(ENDINGS)} file or a"
            " folder of one kind."
        )
    return {"picture": ImageFolder, "sound": wav.read, "parquet file": _table}[kind](folder)


def _check_kinds(folder: Path) -> str | None:
    """What a folder holds, None if it is nothing that is known; refused where that is of several kinds: to
    take one of them would leave out the others without a word."""
    from narrows.sources import parquet

    try:
        tables = parquet._files(folder)
    except FileNotFoundError:
        tables = []
    files = {
        "picture": [folder / name for name in image_files(folder)],
        "sound": wav.wav_files(folder),
        "parquet file": tables,
    }
    files = {kind: some for kind, some in files.items() if some}
    if len(files) > 1:
        counts = " and ".join(f"{len(some)} {kind}{'s'[: len(some) > 1]}" for kind, some in files.items())
        most = max(files.values(), key=len)
        deep = all(file.parent != folder for file in most)
        pattern = folder / ("**" if deep else "") / f"*{most[0].suffix}"
        raise ValueError(
            f"the folder '{folder}' holds {counts}, expected files of one kind; give a pattern such as '{pattern}'."
        )
    return next(iter(files), None)


def _warn_of_partitions(path: Path | Sequence[Path], files: Sequence[Path]) -> None:
    """Say that folders called name=value, as Hive and Spark make them, become no columns."""
    files = [Path(os.path.abspath(file)) for file in files]  # of a list, some may be relative
    root = Path(os.path.abspath(path)) if isinstance(path, Path) else common(files)
    parts = (part for file in files for part in file.relative_to(root).parent.parts)
    names = sorted({part.split("=")[0] for part in parts if "=" in part})
    if names:
        called = ", ".join(f"{name}=…" for name in names)
        warnings.warn(
            f"'{root}' has folders called {called}, which are not read as columns: pass"
            " pyarrow.dataset.dataset(folder, partitioning='hive').to_table() if they are to be.",
            UserWarning,
            stacklevel=2,
        )


def _table(path: Path | Sequence[Path]) -> Any:
    """Parquet files as one table, in memory where they are small."""
    from narrows.sources.parquet import Parquet

    rows = Parquet(path)
    _warn_of_partitions(path, rows.files)
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

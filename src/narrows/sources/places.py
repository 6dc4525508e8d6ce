"""Where data lie: the files of folders and patterns, and names of files to write that must not be among them."""

from __future__ import annotations

import fnmatch
import glob
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

WALKED = (".parquet", ".wav")  # endings of files to write that are also looked for in folders


def is_pattern(path: str | os.PathLike[str]) -> bool:
    """Whether a path stands for all files that match it: it has ``*``, ``?`` or ``[`` and is no file itself."""
    return glob.has_magic(str(path)) and not os.path.exists(path)


def matching(pattern: str | os.PathLike[str]) -> list[Path]:
    """The files that match, in the order of their names; folders only where no file does.

    Raises:
        FileNotFoundError: nothing does.
    """
    found = sorted(map(Path, glob.glob(str(pattern), recursive=True)))
    if not found:
        raise FileNotFoundError(f"there is no file that matches '{pattern}'; check the path.")
    return [path for path in found if path.is_file()] or found


def inside(folder: str | os.PathLike[str], endings: Iterable[str]) -> list[str]:
    """Names, relative to a folder, of the files anywhere in it that end so (lower-cased), in their order;
    hidden ones are left out."""
    found: list[tuple[str, ...]] = []
    for here, folders, files in os.walk(folder, onerror=_raised):
        folders[:] = [name for name in folders if not name.startswith(".")]
        above = Path(here).relative_to(folder).parts
        found += [
            (*above, name)
            for name in files
            if not name.startswith(".") and os.path.splitext(name)[1].lower() in endings
        ]
    return ["/".join(parts) for parts in sorted(found)]


def _raised(error: OSError) -> None:
    raise error  # rows are not lost without a word


def relative(files: Sequence[Path], root: Path | None = None) -> tuple[str, ...]:
    """Names of files in ``root``, by default the innermost folder that has all of them.

    >>> relative([Path("sounds/a.wav"), Path("sounds/b/a.wav")])
    ('a.wav', 'b/a.wav')
    """
    return tuple(file.relative_to(root or common(files)).as_posix() for file in files)


def common(files: Sequence[Path]) -> Path:
    """The innermost folder that has all of the files, in the words in which they were given."""
    return Path(os.path.commonpath([file.parent for file in files]))


def check_apart(out: str | os.PathLike[str], inputs: Iterable[Any]) -> None:
    """Refuse to write ``out`` where one of the ``inputs`` is read: paths, patterns, or rows that stay in
    their files.  In a folder that is read, nothing is written that would be read the next time."""
    inputs, wanted = list(inputs), os.path.realpath(out)
    for place in (place for X in inputs for place in _places(X)):
        path = os.path.realpath(place)
        if wanted == path:
            raise ValueError(
                f"'{out}' is also what is read, expected another name; give one for what is written."
            )
        if os.path.isdir(path) and wanted.startswith(os.path.join(path, "")) and _is_taken(wanted):
            raise ValueError(
                f"'{out}' lies in '{place}', which is read with all such files in it, expected another folder; give a"
                " name outside of it."
            )
    for pattern in (X for X in inputs if isinstance(X, (str, os.PathLike)) and is_pattern(X)):
        if _matches(wanted, os.path.realpath(pattern)):
            raise ValueError(
                f"'{out}' is a name that '{pattern}' matches, and would be read the next time, expected another one;"
                " give a name outside of it."
            )


def _places(X: Any) -> list[Any]:
    """The files and folders that X is read from."""
    if isinstance(X, (str, os.PathLike)):
        return glob.glob(str(X), recursive=True) if is_pattern(X) else [X]
    base = X
    while isinstance(base, np.ndarray):  # a view of a mapped array is one of its file
        if getattr(base, "filename", None) is not None:
            return [base.filename]
        base = base.base
    for name in ("path", "files"):
        if (place := getattr(X, name, None)) is not None:
            return list(place) if isinstance(place, (list, tuple)) else [place]
    return [place for x in X if hasattr(x, "path") for place in _places(x)] if isinstance(X, list) else []


def _matches(path: str, pattern: str) -> bool:
    """Whether the pattern would find the path, part by part; ``**`` stands for any number of folders."""
    parts, wanted = path.split(os.sep), pattern.split(os.sep)
    if "**" in wanted:
        i = wanted.index("**")
        return (
            all(map(fnmatch.fnmatch, parts[:i], wanted[:i]))
            and len(parts) >= len(wanted) - 1
            and fnmatch.fnmatch(parts[-1], wanted[-1] if wanted[-1] != "**" else "*")
        )
    return len(parts) == len(wanted) and all(map(fnmatch.fnmatch, parts, wanted))


def _is_taken(out: str) -> bool:
    """Whether the next look into its folder would find ``out``, a file or a folder, among its data."""
    ending = os.path.splitext(out)[1].lower()
    return not ending or ending in WALKED

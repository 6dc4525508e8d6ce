"""Where data lie: the files of folders and patterns, and names of files to write that must not be among them."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

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
    wanted = os.path.realpath(out)
    for place in (place for X in inputs for place in _places(X)):
        path = os.path.realpath(place)
        if wanted == path:
            raise ValueError(
                f"'{out}' is also what is read, expected another name; give one for what is written."
            )
        if os.path.isdir(path) and wanted.startswith(os.path.join(path, "")) and _is_taken(wanted, path):
            raise ValueError(
                f"'{out}' lies in '{place}', which is read with all such files in it, expected another folder; give a"
                " name outside of it."
            )


def _places(X: Any) -> list[Any]:
    """The files and folders that X is read from."""
    if isinstance(X, (str, os.PathLike)):
        return glob.glob(str(X), recursive=True) if is_pattern(X) else [X]
    for name in ("path", "files"):
        if (place := getattr(X, name, None)) is not None:
            return list(place) if isinstance(place, (list, tuple)) else [place]
    return [place for x in X if hasattr(x, "path") for place in _places(x)] if isinstance(X, list) else []


def _is_taken(out: str, folder: str) -> bool:
    """Whether the next look into the folder would find ``out``, a file or a folder, among its data."""
    ending = os.path.splitext(out)[1].lower()
    names = (name for _, _, names in os.walk(folder) for name in names)
    return not ending or (ending in WALKED and any(name.lower().endswith(ending) for name in names))

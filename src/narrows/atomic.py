"""Write a file, or a folder of files, completely or not at all.

A reader of the target sees the old content or the new content, never a part: the bytes go to a temporary
file in the same folder, are forced to the disk, and are renamed onto the target in one step.
"""

from __future__ import annotations

import errno
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def atomic_path(target: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield a temporary path to write; on a clean exit it becomes ``target``.

    Whatever leaves the block as an exception, Ctrl-C included, removes the temporary file and leaves the
    target as it was. The temporary name keeps the target's ending, because writers such as ``numpy.save``
    append one when it is missing. A target that exists keeps its permissions.

    Raises:
        FileNotFoundError: the folder does not exist.
        OSError: the target is a folder or a device, or the disk refuses.

    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> with atomic_path(folder / "note.txt") as path:
    ...     _ = path.write_text("whole")
    >>> [file.name for file in folder.iterdir()]
    ['note.txt']
    """
    final = Path(os.path.realpath(target))  # through a symbolic link: replace what it points to, not the link
    check_target(target)
    temporary = final.with_name(f".{final.stem}.{secrets.token_hex(6)}{final.suffix}")
    # Created by os.open and not by tempfile: so the user's umask decides the permissions, as for any file.
    os.close(os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
    try:
        if final.exists():
            shutil.copymode(final, temporary)
        yield temporary
        _sync(temporary, os.O_RDWR)
        os.replace(temporary, final)
    except BaseException as error:
        temporary.unlink(missing_ok=True)
        _check_space(error, target)
        raise
    if hasattr(os, "O_DIRECTORY"):  # the rename itself lives in the folder; Windows cannot open one
        _sync(final.parent, os.O_RDONLY | os.O_DIRECTORY)


@contextmanager
def atomic_folder(target: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield a new folder to fill; on a clean exit it becomes ``target``, else nothing stays of it.

    Raises:
        FileExistsError: there are files in the target already.
        FileNotFoundError, OSError: as :func:`atomic_path`.
    """
    final = Path(os.path.realpath(target))
    check_folder(target)
    temporary = final.with_name(f".{final.name}.{secrets.token_hex(6)}")
    temporary.mkdir()
    try:
        yield temporary
        for path in temporary.rglob("*"):
            if path.is_file():
                _sync(path, os.O_RDWR)
        if final.is_dir():
            final.rmdir()  # it is empty
        os.replace(temporary, final)
    except BaseException as error:
        shutil.rmtree(temporary, ignore_errors=True)
        _check_space(error, target)
        raise
    if hasattr(os, "O_DIRECTORY"):
        _sync(final.parent, os.O_RDONLY | os.O_DIRECTORY)


def _check_space(error: BaseException, target: str | os.PathLike[str]) -> None:
    """Say it of the target, not of a temporary name, where the disk is full."""
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        reason = f"the disk is full, so '{target}' was not written; free some space or write elsewhere."
        raise OSError(errno.ENOSPC, reason) from None


def check_target(target: str | os.PathLike[str]) -> None:
    """Raise in one sentence when ``target`` could not be written: worth asking before long work."""
    final = Path(os.path.realpath(target))
    if final.is_dir():
        raise IsADirectoryError(f"cannot write '{target}': it is a folder; give the name of a file in it.")
    if final.exists() and not final.is_file():
        # Renaming onto a device would replace the device itself.
        raise OSError(f"cannot write '{target}': it is not an ordinary file; give the name of a file.")
    _check_parent(target)


def check_folder(target: str | os.PathLike[str]) -> None:
    """Raise in one sentence when a folder ``target`` could not be made, or has something in it."""
    final = Path(os.path.realpath(target))
    if final.exists() and not final.is_dir():
        raise FileExistsError(f"cannot write the folder '{target}': it is a file; give another name.")
    if final.is_dir() and any(final.iterdir()):
        raise FileExistsError(f"cannot write the folder '{target}': it is not empty; give a new name.")
    _check_parent(target)


def _check_parent(target: str | os.PathLike[str]) -> None:
    if not Path(os.path.realpath(target)).parent.is_dir():
        raise FileNotFoundError(
            f"cannot write '{target}': there is no folder '{Path(target).parent}'; create it or choose another path."
        )


def _sync(path: Path, flags: int) -> None:
    descriptor = os.open(path, flags)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

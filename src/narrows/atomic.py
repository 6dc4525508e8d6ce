"""Write a file completely or not at all.

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
        if isinstance(error, OSError) and error.errno == errno.ENOSPC:
            reason = f"the disk is full, so '{target}' was not written; free some space or write elsewhere"
            raise OSError(errno.ENOSPC, reason) from None
        raise
    if hasattr(os, "O_DIRECTORY"):  # the rename itself lives in the folder; Windows cannot open one
        _sync(final.parent, os.O_RDONLY | os.O_DIRECTORY)


def check_target(target: str | os.PathLike[str]) -> None:
    """Raise in one sentence when ``target`` could not be written: worth asking before long work."""
    final = Path(os.path.realpath(target))
    if final.is_dir():
        raise IsADirectoryError(f"cannot write '{target}': it is a folder; give the name of a file in it.")
    if final.exists() and not final.is_file():
        # Renaming onto a device would replace the device itself.
        raise OSError(f"cannot write '{target}': it is not an ordinary file; give the name of a file.")
    if not final.parent.is_dir():
        raise FileNotFoundError(
            f"cannot write '{target}': there is no folder '{Path(target).parent}'; create it or choose another path."
        )


def _sync(path: Path, flags: int) -> None:
    descriptor = os.open(path, flags)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

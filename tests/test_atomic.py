"""A write is complete or did not happen."""

import os
import stat

import pytest

from narrows.atomic import atomic_path


def test_the_content_arrives_and_nothing_else_stays(tmp_path):
    target = tmp_path / "a.npy"
    with atomic_path(target) as path:
        assert path.parent == tmp_path and path != target and path.suffix == ".npy"
        path.write_bytes(b"new")
        assert not target.exists()
    assert target.read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [target]


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, SystemExit])
@pytest.mark.parametrize("before", [None, b"old"])
def test_an_error_leaves_the_target_as_it_was(tmp_path, error, before):
    target = tmp_path / "a.bin"
    if before is not None:
        target.write_bytes(before)
    with pytest.raises(error), atomic_path(target) as path:
        path.write_bytes(b"half")
        raise error
    assert (target.read_bytes() if target.exists() else None) == before
    assert list(tmp_path.iterdir()) == ([target] if before is not None else [])


def test_the_writer_may_replace_the_temporary_file(tmp_path):
    with atomic_path(tmp_path / "a.bin") as path:
        path.unlink()
        path.write_bytes(b"fresh")
    assert (tmp_path / "a.bin").read_bytes() == b"fresh"


def test_permissions_follow_the_umask_and_then_the_old_file(tmp_path):
    target = tmp_path / "a.bin"
    previous = os.umask(0o027)
    try:
        with atomic_path(target):
            pass
    finally:
        os.umask(previous)
    assert stat.S_IMODE(target.stat().st_mode) == 0o640
    target.chmod(0o600)
    with atomic_path(target):
        pass
    assert stat.S_IMODE(target.stat().st_mode) == 0o600


def test_a_link_stays_a_link(tmp_path):
    real = tmp_path / "real.bin"
    real.write_bytes(b"old")
    link = tmp_path / "link.bin"
    link.symlink_to(real)
    with atomic_path(link) as path:
        path.write_bytes(b"new")
    assert link.is_symlink() and real.read_bytes() == b"new"


def test_bad_targets_are_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="there is no folder"), atomic_path(tmp_path / "no" / "a.bin"):
        pass
    with pytest.raises(IsADirectoryError, match="it is a folder"), atomic_path(tmp_path):
        pass
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(OSError, match="not an ordinary file"), atomic_path(pipe):
        pass
    assert stat.S_ISFIFO(pipe.stat().st_mode)
    assert list(tmp_path.iterdir()) == [pipe]

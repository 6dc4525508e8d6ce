"""Answers on their way to files and folders: complete in the end, or not there at all."""

import errno
import os

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest
from PIL import Image
from scipy.io import wavfile

from narrows.atomic import atomic_folder
from narrows.sources import pictures, wav
from narrows.sources.writing import is_folder, writing, writing_folder

PART = np.arange(6.0).reshape(3, 2)


def full(*_, **__):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def files(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))


WRITERS = {  # the ending, and what of the writer fails at the second part
    ".npy": None,
    ".npz": None,
    ".csv": (pyarrow.csv, "write_csv"),
    ".parquet": (pq.ParquetWriter, "write_table"),
}


@pytest.mark.parametrize("before", [None, b"old"])
@pytest.mark.parametrize("ending", WRITERS)
def test_a_disk_that_fills_up_leaves_what_was_there(tmp_path, monkeypatch, ending, before):
    out = tmp_path / f"z{ending}"
    if before is not None:
        out.write_bytes(before)

    def write():
        with writing(out, 6) as append:
            append(PART)
            if WRITERS[ending] is None:
                full()
            monkeypatch.setattr(*WRITERS[ending], full)
            append(PART)

    with pytest.raises(
        OSError, match=rf"the disk is full, so '.*z\{ending}' was not written; free"
    ) as caught:
        write()
    assert caught.value.errno == errno.ENOSPC
    assert (out.read_bytes() if out.exists() else None) == before
    assert files(tmp_path) == ([out.name] if before is not None else [])


def test_a_full_disk_leaves_no_sound(tmp_path, monkeypatch):
    monkeypatch.setattr(wavfile, "write", full)
    with pytest.raises(OSError, match=r"the disk is full, so '.*a\.wav' was not written"):
        wav.write(tmp_path / "a.wav", PART, 8000)
    assert files(tmp_path) == []


@pytest.mark.parametrize("there", [False, True])
def test_a_full_disk_leaves_no_part_of_a_folder(tmp_path, monkeypatch, there):
    out = tmp_path / "out"
    if there:
        out.mkdir()

    def write():
        with writing_folder(out, ["a.png", "b/c.png"], pictures.write) as append:
            append([np.zeros((4, 5), np.uint8)])
            monkeypatch.setattr(Image.Image, "save", full)
            append([np.zeros((4, 5), np.uint8)])

    with pytest.raises(OSError, match=r"the disk is full, so '.*out' was not written"):
        write()
    assert files(tmp_path) == (["out"] if there else [])


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_a_folder_is_there_as_a_whole(tmp_path, error):
    with pytest.raises(error), atomic_folder(tmp_path / "out") as folder:
        (folder / "a").write_text("half")
        assert files(tmp_path) != ["out"]
        raise error
    assert files(tmp_path) == []
    with atomic_folder(tmp_path / "out") as folder:
        (folder / "b").mkdir()
        (folder / "b" / "a").write_text("whole")
        assert not (tmp_path / "out").exists()
    assert files(tmp_path) == ["out", "out/b", "out/b/a"]


def test_folders_that_cannot_be_are_named(tmp_path):
    (tmp_path / "file").touch()
    for target, message in (
        (tmp_path, "not empty"),
        (tmp_path / "file", "it is a file"),
        (tmp_path / "a/b", "no folder"),
    ):
        with pytest.raises(OSError, match=message), atomic_folder(target):
            pass
    assert files(tmp_path) == ["file"]


def test_which_names_are_folders(tmp_path):
    (tmp_path / "v1.2").mkdir()
    assert is_folder(tmp_path / "v1.2") and is_folder("photos") and is_folder("photos/")
    assert not is_folder("photos.npy") and not is_folder("v1.3")


@pytest.mark.parametrize("ending", [".npy", ".npz"])
def test_a_table_of_more_than_numbers_is_no_array(tmp_path, ending, refused):
    table = pa.table({"a": [1.0, 2.0], "b": ["x", "y"]})

    def write():
        with writing(tmp_path / f"z{ending}", 2) as append:
            append(table)

    with refused("columns that are not numbers", ".csv or .parquet"):
        write()
    assert files(tmp_path) == []

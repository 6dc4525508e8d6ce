"""What a path means, and what must not be written over."""

import os
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image
from scipy.io import wavfile

from narrows.sources import ImageFolder, found
from narrows.sources.places import check_apart
from narrows.sources.wav import Sounds


@pytest.fixture
def sounds(tmp_path):
    for name in ("b", "a"):
        wavfile.write(tmp_path / f"{name}.wav", 8000, np.ones(30 if name == "a" else 20, np.int16))
    return tmp_path


def picture(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("L", (6, 4), 9).save(path)
    return path


def test_sounds_by_name_by_pattern_and_by_folder(sounds):
    ways = (
        sounds,
        str(sounds / "*.wav"),
        str(sounds / "**" / "[ab].wav"),
    )
    for rows in (*map(found.find, ways), found.find_several([sounds / "a.wav", sounds / "b.wav"])):
        assert isinstance(rows, Sounds) and rows.rate == 8000
        assert rows.names == ("a.wav", "b.wav") and [len(x) for x in rows] == [30, 20]
    assert [len(x) for x in found.find(str(sounds / "a*.wav"))] == [30]


def test_sounds_of_two_rates_are_no_set(sounds, refused):
    wavfile.write(sounds / "c.wav", 44100, np.ones(30, np.int16))
    for rows in (sounds, str(sounds / "*.wav")):
        with refused("c.wav", "44100", "8000"):
            found.find(rows)
    with refused("c.wav", "44100", "8000"):
        found.find_several([sounds / "a.wav", sounds / "c.wav"])


def test_pictures_by_name_by_pattern_and_by_list(tmp_path):
    one = picture(tmp_path / "b.png")
    picture(tmp_path / "x" / "a.png")
    assert found.find(one).names == ("b.png",) and found.find(one)[:].shape == (1, 4, 6)
    rows = found.find(str(tmp_path / "**" / "*.png"))
    assert isinstance(rows, ImageFolder) and rows.names == ("b.png", "x/a.png") and len(rows[:]) == 2
    with pytest.raises(FileNotFoundError, match=r"there is no folder or picture .*c\.png"):
        found.find(tmp_path / "c.png")
    with pytest.raises(FileNotFoundError, match=r"there is no picture .*c\.png"):
        ImageFolder([one, tmp_path / "c.png"])
    with pytest.raises(ValueError, match="empty list"):
        ImageFolder([])


def test_a_pattern_may_match_one_file_or_folders(tmp_path):
    np.save(tmp_path / "x1.npy", np.eye(3))
    assert found.find(str(tmp_path / "x?.npy")).shape == (3, 3)
    np.save(tmp_path / "x2.npy", np.eye(3))
    with pytest.raises(ValueError, match=r"2 files that end in \.npy were given"):
        found.find(str(tmp_path / "x?.npy"))
    for day in ("d1", "d2"):
        (tmp_path / day).mkdir()
        pq.write_table(pa.table({"a": [1.0, 2.0]}), tmp_path / day / "part.parquet")
    assert found.find(str(tmp_path / "d*")).num_rows == 4
    with pytest.raises(FileNotFoundError, match="no file that matches"):
        found.find(str(tmp_path / "e*"))


def test_hidden_parquet_files_are_no_data(tmp_path):
    table = pa.table({"a": [1.0, 2.0]})
    for name in ("a.parquet", "_x=1/b.parquet", "_temporary/0/c.parquet", ".d.parquet", "_metadata.parquet"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(table, tmp_path / name)
    (tmp_path / "e.parquet").mkdir()
    with pytest.warns(UserWarning, match="folders called _x=…"):
        assert found.find(tmp_path).num_rows == 4
    os.remove(tmp_path / "a.parquet"), os.remove(tmp_path / "_x=1" / "b.parquet")
    with pytest.raises(FileNotFoundError, match="holds no parquet files"):
        found.find(tmp_path)


def test_a_folder_of_several_kinds_is_refused(sounds, refused):
    (sounds / "day").mkdir()
    for name in ("day/1.parquet", "day/2.parquet", "day/3.parquet"):
        pq.write_table(pa.table({"a": [1.0, 2.0]}), sounds / name)
    with refused("2 sounds and 3 parquet files", str(sounds / "**" / "*.parquet")):
        found.find(sounds)
    one = picture(sounds / "logo.png")
    for rows in (lambda: found.find(sounds), lambda: found.find_several([sounds, sounds / "day"])):
        with refused("1 picture and 2 sounds and 3 parquet files"):
            rows()
    assert found.find(str(sounds / "**" / "*.parquet")).num_rows == 6
    for file in sounds.glob("*.wav"):
        file.unlink()
    with refused("1 picture and 3 parquet files"):
        found.find(sounds)
    one.unlink()
    assert found.find(sounds).num_rows == 6


def test_folders_that_stand_for_values_are_spoken_of(tmp_path, recwarn, monkeypatch):
    for name in ("y=1/m=2/p.parquet", "y=2/m=1/p.parquet"):
        (tmp_path / name).parent.mkdir(parents=True)
        pq.write_table(pa.table({"a": [1.0, 2.0]}), tmp_path / name)
    for rows in (
        lambda: found.find(tmp_path),
        lambda: found.find(str(tmp_path / "**" / "*.parquet")),
        lambda: found.find_several([tmp_path / "y=1", tmp_path / "y=2"]),
    ):
        with pytest.warns(UserWarning, match="folders called m=…, y=…, which are not read as columns"):
            assert rows().column_names == ["a"]
    monkeypatch.chdir(tmp_path)
    with pytest.warns(UserWarning, match="m=…, y=…"):
        assert found.find_several(["y=1", tmp_path / "y=2"]).num_rows == 4
    recwarn.clear()
    assert found.find(tmp_path / "y=1" / "m=2").num_rows == 2 and not recwarn, "one part of it was asked for"


def test_every_ending_is_named_where_none_is_known(tmp_path, refused):
    (tmp_path / "x.txt").write_text("1")
    with refused("x.txt", ".csv, .parquet, .npy, .npz, .mtx, .wav", ".png"):
        found.find(tmp_path / "x.txt")


def test_what_is_read_is_not_written_over(sounds, tmp_path, refused):
    pq.write_table(pa.table({"a": [1.0]}), tmp_path / "a.parquet")
    os.symlink(tmp_path / "a.parquet", tmp_path / "link.parquet")
    np.save(tmp_path / "x.npy", np.eye(3))
    for out, X in (
        ("a.parquet", str(tmp_path / "*.parquet")),
        ("a.parquet", tmp_path / "link.parquet"),
        ("link.parquet", tmp_path / "a.parquet"),
        ("a.wav", found.find(tmp_path / "a.wav")),
        ("a.wav", found.find(str(tmp_path / "*.wav"))),
        ("x.npy", Path(tmp_path / "." / "x.npy")),
    ):
        with refused(out, "also what is read"):
            check_apart(tmp_path / out, [np.eye(2), X])
    for out in ("a.parquet", "new.parquet", "new.wav", "folder"):
        with refused(out, str(tmp_path), "another folder"):
            check_apart(tmp_path / out, [str(tmp_path)])
    check_apart(tmp_path / "codes.npy", [tmp_path, str(tmp_path / "*.parquet"), np.eye(2), "digits"])
    check_apart(tmp_path / "codes.parquet", [str(tmp_path / "a.parquet")])

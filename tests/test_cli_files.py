"""The command line on sounds, pictures and patterns: what is read, where answers go, what is said of them."""

import errno
import json
import os

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest
from PIL import Image
from scipy.io import wavfile

from narrows.cli import main
from narrows.sources import ImageFolder, wav

QUICK = ["--epochs", "2", "--latent-dim", "3", "--quiet"]
WINDOWS = ["--set", "input=signals", "--set", "input.window=64"]


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A current folder with a few sounds and pictures, and models of both."""
    monkeypatch.chdir(tmp_path)
    for name, length in (("a", 900), ("b", 500)):
        (tmp_path / "sounds").mkdir(exist_ok=True)
        wavfile.write(f"sounds/{name}.wav", 8000, np.int16(9000 * np.sin(np.arange(length) / 9)))
    rng = np.random.default_rng(0)
    for name, size in (("a.png", (20, 24)), ("b.png", (30, 16))):
        (tmp_path / "photos").mkdir(exist_ok=True)
        Image.fromarray(rng.integers(0, 256, size, np.uint8)).save(f"photos/{name}")
    return tmp_path


@pytest.fixture
def models(here):
    assert main(["fit", "sounds", *WINDOWS, "--out", "s.safetensors", *QUICK]) == 0
    patches = ["--set", "input=patches", "--set", "input.size=8"]
    assert main(["fit", "photos", *patches, "--out", "p.safetensors", *QUICK]) == 0


@pytest.mark.parametrize("data", [["sounds/*.wav"], ["sounds/a.wav", "sounds/b.wav"], ["sounds"]])
def test_sounds_however_they_are_named(here, capsys, data):
    assert (
        main(
            ["fit", *data, *WINDOWS, "--out", "s.safetensors", "--epochs", "1", "--latent-dim", "3", "--json"]
        )
        == 0
    )
    assert json.loads(capsys.readouterr().out)["rows"] == 54 + 29  # windows, 16 samples apart
    assert main(["transform", "s.safetensors", *data]) == 0
    assert capsys.readouterr().out == "wrote sounds-codes.npy: 83 × 3\n"
    assert len(np.load("sounds-codes.npy")) == 83
    assert main(["reconstruct", "s.safetensors", *data]) == 0
    assert capsys.readouterr().out == "wrote sounds-reconstructed: 2 files\n"
    assert wav.read("sounds-reconstructed").names == ("a.wav", "b.wav")
    assert main(["evaluate", "s.safetensors", *data]) == 0
    assert "83 rows" in capsys.readouterr().out
    assert main(["info", *data[:1]]) == 0
    assert "samples_per_second" in capsys.readouterr().out


def test_one_sound(models, capsys):
    assert main(["reconstruct", "s.safetensors", "sounds/a.wav"]) == 0
    assert capsys.readouterr().out == "wrote a-reconstructed.wav: 900 × 1\n"
    assert wav.Sound("a-reconstructed.wav").rate == 8000
    assert main(["transform", "s.safetensors", "sounds/a.wav", "--out", "z.csv"]) == 0
    assert capsys.readouterr().out == "wrote z.csv: 54 × 3\n"
    wavfile.write("fast.wav", 44100, np.ones(900, np.int16))
    assert main(["reconstruct", "s.safetensors", "fast.wav"]) == 2
    said = capsys.readouterr().err
    assert "'fast.wav' has 44100 samples per second, but 8000 were expected" in said


def test_pictures(models, capsys):
    assert main(["reconstruct", "p.safetensors", "photos", "--out", "clean"]) == 0
    assert capsys.readouterr().out == "wrote clean: 2 files\n"
    assert ImageFolder("clean").sizes().tolist() == [[20, 24], [30, 16]]
    assert main(["reconstruct", "p.safetensors", "photos/*.png"]) == 0
    assert ImageFolder("photos-reconstructed").names == ("a.png", "b.png")
    capsys.readouterr()
    assert main(["transform", "p.safetensors", "photos/a.png"]) == 0  # one is a folder of one
    assert capsys.readouterr().out == "wrote a-codes.npy: 20 × 3\n"
    assert main(["info", "photos/a.png"]) == 0


def test_what_is_read_is_not_written_over(models, capsys):
    os.mkdir("parts")
    pq.write_table(pa.table({"a": np.arange(20.0), "b": np.ones(20), "c": np.ones(20)}), "parts/0.parquet")
    assert main(["fit", "parts", "--out", "t.safetensors", *QUICK]) == 0
    before = {
        path: os.stat(path).st_mtime_ns for path in ("parts/0.parquet", "sounds/a.wav", "t.safetensors")
    }
    for words, what in (
        (["transform", "t.safetensors", "parts/*.parquet", "--out", "parts/0.parquet"], "also what is read"),
        (["transform", "t.safetensors", "parts", "--out", "parts/0.parquet"], "which is read"),
        (["transform", "t.safetensors", "parts", "--out", "parts/codes.parquet"], "which is read"),
        (["reconstruct", "s.safetensors", "sounds/*.wav", "--out", "sounds/a.wav"], "also what is read"),
        (["reconstruct", "p.safetensors", "photos", "--out", "photos/new"], "which is read"),
        (["fit", "parts", "--out", "parts"], "it is a folder"),
    ):
        assert main(words) == 2
        said = capsys.readouterr().err
        assert what in said and said.count("\n") == 1
    assert before == {path: os.stat(path).st_mtime_ns for path in before}
    assert sorted(os.listdir("parts")) == ["0.parquet"] and sorted(os.listdir("photos")) == ["a.png", "b.png"]


FULL = {
    "codes.npy": (["transform", "s.safetensors", "sounds"], (np.lib.format, "write_array_header_2_0")),
    "codes.parquet": (["transform", "s.safetensors", "sounds"], (pq.ParquetWriter, "write_table")),
    "codes.csv": (["transform", "s.safetensors", "sounds"], (pyarrow.csv, "write_csv")),
    "a-new.wav": (["reconstruct", "s.safetensors", "sounds/a.wav"], (wavfile, "write")),
    "sounds-new": (["reconstruct", "s.safetensors", "sounds"], (wavfile, "write")),
    "photos-new": (["reconstruct", "p.safetensors", "photos"], (Image.Image, "save")),
}


@pytest.mark.parametrize("out", FULL)
def test_a_full_disk_gets_one_sentence_and_leaves_nothing(models, capsys, monkeypatch, out):
    def full(*_, **__):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    words, target = FULL[out]
    before = sorted(os.listdir())
    monkeypatch.setattr(*target, full)
    assert main([*words, "--out", out, "--quiet"]) == 2
    said = capsys.readouterr().err
    assert (
        said
        == f"narrows: the disk is full, so '{out}' was not written; free some space or write elsewhere.\n"
    )
    assert sorted(os.listdir()) == before

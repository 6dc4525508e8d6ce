"""The verbs that make data small and large again."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from scipy.io import wavfile

import narrows as nw
from narrows.cli import main
from narrows.coding import Reader, Writer


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    folder = tmp_path_factory.mktemp("codec")
    rng = np.random.default_rng(0)
    X = (rng.normal(size=(400, 2)) @ rng.normal(size=(2, 6)) + 0.05 * rng.normal(size=(400, 6))).astype(
        np.float32
    )
    np.save(folder / "old.npy", X[:200])
    np.save(folder / "new.npy", X)
    frame = pd.DataFrame({"a": X[:, 0], "kind": np.where(X[:, 0] > 0, "u", "v")})
    frame.to_csv(folder / "table.csv", index=False)
    for data, settings in (("old.npy", ["--epochs", "2", "--recipe", "rate_distortion"]), ("table.csv", [])):
        words = ["fit", f"{folder}/{data}", "--task", "compress", *settings, "--quiet"]
        assert main([*words, "--out", f"{folder}/{data}.safetensors"]) == 0
    frame[["a"]].to_csv(folder / "other.csv", index=False)
    np.save(folder / "empty.npy", X[:0])
    codec = nw.load(folder / "old.npy.safetensors")
    codec.compress(X, folder / "x_.nrw")
    (folder / "short.nrw").write_bytes((folder / "x_.nrw").read_bytes()[:-9])
    codec.compress(X, folder / "whole.nrw", embed=True)
    nw.load(folder / "whole.nrw").save(folder / "half.safetensors")
    nw.load(folder / "table.csv.safetensors").compress(frame, folder / "t_.nrw")
    return folder


def test_there_and_back(work, tmp_path, capsys):
    model, archive = f"{work}/old.npy.safetensors", f"{tmp_path}/x.nrw"
    words = ["compress", model, f"{work}/new.npy", "--max-error", "0.01", "--out", archive]
    assert main([*words, "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["bytes"] == 400 * 6 * 4 and facts["ratio"] > 1.5 and 0 < facts["error"] <= 0.01
    assert facts["files"] == (work / "new.npy").stat().st_size
    assert main(["decompress", model, archive, "--out", f"{tmp_path}/y.npy"]) == 0
    assert "MB/s" in capsys.readouterr().out
    X, Y = np.load(work / "new.npy"), np.load(tmp_path / "y.npy")
    assert Y.dtype == X.dtype and np.abs(X - Y).max() <= 0.01
    words = [
        "decompress",
        archive,
        "--model",
        model,
        "--rows",
        "10:30",
        "--out",
        f"{tmp_path}/z.npy",
        "--quiet",
    ]
    assert main(words) == 0
    np.testing.assert_array_equal(np.load(tmp_path / "z.npy"), Y[10:30])


def test_a_table_with_its_model_inside(work, tmp_path):
    archive, out = f"{tmp_path}/t.nrw", f"{tmp_path}/t.csv"
    words = ["compress", f"{work}/table.csv.safetensors", f"{work}/table.csv", "--lossless", "--embed"]
    assert main([*words, "--out", archive, "--quiet"]) == 0
    assert isinstance(nw.load(archive), nw.Codec)
    assert main(["decompress", archive, "--out", out, "--quiet"]) == 0
    pd.testing.assert_frame_equal(pd.read_csv(out), pd.read_csv(work / "table.csv"))


@pytest.fixture
def here(work, tmp_path, monkeypatch):
    """A folder of its own to write into, with the data and models."""
    for file in work.iterdir():
        (tmp_path / file.name).symlink_to(file)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("ending", [".csv", ".parquet"])
def test_without_a_name_a_table_is_what_it_was(here, ending, capsys):
    frame = pd.read_csv("table.csv").assign(kind="never seen")
    getattr(frame, {".csv": "to_csv", ".parquet": "to_parquet"}[ending])(f"mine{ending}", index=False)
    words = ["compress", "table.csv.safetensors", f"mine{ending}", "--out", "again.nrw", "--quiet"]
    assert main(words) == 0
    assert main(["decompress", "table.csv.safetensors", "again.nrw"]) == 0
    assert f"again{ending}" in capsys.readouterr().out
    back = {".csv": pd.read_csv, ".parquet": pd.read_parquet}[ending](f"again{ending}")
    assert (back["kind"] == "never seen").all() and len(back) == len(frame)


def test_without_a_name_nothing_is_overwritten(here, capsys):
    """The archive of new.npy is new.nrw by itself, and what would come of it new.npy."""
    assert main(["compress", "old.npy.safetensors", "new.npy", "--quiet"]) == 0
    assert main(["decompress", "old.npy.safetensors", "new.nrw"]) == 2
    told = capsys.readouterr().err
    assert "'new.npy' is there already" in told and "--out" in told and told.count("\n") == 1
    assert main(["decompress", "old.npy.safetensors", "new.nrw", "--out", "again.npy", "--quiet"]) == 0
    assert np.load("again.npy").shape == np.load("new.npy").shape


def test_folders_of_sounds_and_of_photographs(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    for name, length in (("a", 400), ("b/a", 150)):
        file = tmp_path / "sounds" / f"{name}.wav"
        file.parent.mkdir(parents=True, exist_ok=True)
        wavfile.write(file, 8000, rng.integers(-99, 99, length).astype(np.int16))
    for name, size in (("a", (20, 9)), ("c", (12, 33))):
        file = tmp_path / "photos" / f"{name}.png"
        file.parent.mkdir(exist_ok=True)
        Image.fromarray(rng.integers(0, 99, (*size, 3)).astype(np.uint8)).save(file)
    for kind, settings in (
        ("sounds", ["input=signals", "input.window=32"]),
        ("photos", ["input=patches", "input.size=8"]),
    ):
        words = ["fit", kind, "--task", "compress", "--recipe", "rate_distortion", "--epochs", "1", "--quiet"]
        for setting in settings:
            words += ["--set", setting]
        assert main([*words, "--out", f"{kind}.safetensors"]) == 0
        assert main(["compress", f"{kind}.safetensors", kind, "--lossless", "--quiet"]) == 0
        assert main(["decompress", f"{kind}.safetensors", f"{kind}.nrw"]) == 2  # the folder is there
        assert main(["decompress", f"{kind}.safetensors", f"{kind}.nrw", "--out", f"{kind}2", "--quiet"]) == 0
        assert main(["decompress", f"{kind}.safetensors", f"{kind}.nrw", "--out", f"{kind}2"]) == 2
        told = capsys.readouterr().err
        other = {"sounds": "photos", "photos": "sounds"}[kind]
        if Path(f"{other}.safetensors").exists():
            for model, data in ((kind, other), (other, kind)):
                words = ["compress", f"{model}.safetensors", data, "--out", "mixed.nrw"]
                assert main(words) == 2 and "other data" in capsys.readouterr().err
        assert "not empty" in told and "Traceback" not in told
    for file in (tmp_path / "sounds").rglob("*.wav"):
        rate, samples = wavfile.read(tmp_path / "sounds2" / file.relative_to(tmp_path / "sounds"))
        np.testing.assert_array_equal(samples, wavfile.read(file)[1])
        assert rate == 8000 and samples.dtype == np.int16
    for file in (tmp_path / "photos").iterdir():
        np.testing.assert_array_equal(Image.open(file), Image.open(tmp_path / "photos2" / file.name))


def test_a_single_picture_and_a_single_sound_are_files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    wavfile.write("s.wav", 8000, rng.integers(-99, 99, 400).astype(np.int16))
    Image.fromarray(rng.integers(0, 99, (20, 17)).astype(np.uint8)).save("p.png")
    for data, setting in (("s.wav", "input.window=32"), ("p.png", "input.size=8")):
        part = {"s": "input=signals", "p": "input=patches"}[data[0]]
        words = ["fit", data, "--task", "compress", "--recipe", "rate_distortion", "--epochs", "1", "--quiet"]
        assert main([*words, "--set", part, "--set", setting, "--out", "m.safetensors"]) == 0
        words = ["compress", "m.safetensors", data, "--lossless", "--embed", "--out", f"{data[0]}2.nrw"]
        assert main([*words, "--quiet"]) == 0
        assert main(["decompress", f"{data[0]}2.nrw", "--quiet"]) == 0
    np.testing.assert_array_equal(wavfile.read("s2.wav")[1], wavfile.read("s.wav")[1])
    np.testing.assert_array_equal(Image.open("p2.png"), Image.open("p.png"))


def test_an_interrupt_leaves_no_file(here, capsys, monkeypatch):
    """Ctrl-C in the middle of the second chunk."""
    monkeypatch.setattr("narrows.estimators.codec.CHUNK", 2400)
    assert main(["compress", "old.npy.safetensors", "new.npy", "--out", "x.nrw", "--quiet"]) == 0
    before, seen = sorted(here.iterdir()), []
    rows_of = nw.Codec._rows_of

    def interrupted(*given):
        seen.append(given)
        if len(seen) == 2:
            raise KeyboardInterrupt
        return rows_of(*given)

    monkeypatch.setattr(nw.Codec, "_rows_of", interrupted)
    for out in ("y.npy", "y.csv"):
        seen.clear()
        assert main(["decompress", "old.npy.safetensors", "x.nrw", "--out", out]) == 130
        assert sorted(here.iterdir()) == before
    assert "nothing was written" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["compress", "old.npy.safetensors", "new.npy", "--out", "x.zip"], "not an .nrw name"),
        (["compress", "old.npy.safetensors", "new.npy", "--max-error", "-1", "--out", "x.nrw"], "no bound"),
        (["compress", "old.npy.safetensors", "new.npy", "--max-error", "1", "--lossless"], "one promise"),
        (["compress", "old.npy.safetensors", "table.csv", "--out", "x.nrw"], "numbers were expected"),
        (["compress", "table.csv.safetensors", "other.csv", "--out", "x.nrw"], "no column 'kind'"),
        (["compress", "old.npy.safetensors", "empty.npy", "--out", "x.nrw"], "no rows"),
        (["compress", "old.npy.safetensors", "new.npy", "--out", "none/x.nrw"], "there is no folder"),
        (["compress", "half.safetensors", "new.npy", "--out", "x.nrw"], "half"),
        (["decompress", "none.nrw"], "there is no file"),
        (["decompress", "table.csv.safetensors", "x_.nrw", "--out", "a.npy"], "another model"),
        (
            ["compress", "old.npy.safetensors", "new.npy", "--max-error", "1", "--lossless"],
            "--max-error 1 and --loss",
        ),
        (["decompress", "x_.nrw", "--out", "a.npy"], "not the model"),
        (["decompress", "x_.nrw", "--out", "a.npy"], "--model"),
        (["decompress", "old.npy.safetensors", "short.nrw", "--out", "a.npy"], "cut short"),
        (["decompress", "old.npy.safetensors", "x_.nrw", "--out", "none/a.npy"], "there is no folder"),
        (["decompress", "old.npy.safetensors", "x_.nrw", "--out", "a.zip"], "ends in"),
        (["decompress", "old.npy.safetensors", "x_.nrw", "--rows", "3", "--out", "a.npy"], "no span"),
        (["decompress", "old.npy.safetensors", "x_.nrw", "--rows", "3:900", "--out", "a.npy"], "400"),
        (
            ["decompress", "old.npy.safetensors", "x_.nrw", "--rows", "3:900", "--out", "a.npy"],
            "give --rows with",
        ),
        (["decompress", "a.safetensors", "x_.nrw", "--model", "b.safetensors"], "two models"),
        (["decompress", "table.csv.safetensors", "t_.nrw", "--out", "a.npy"], ".csv or .parquet"),
        (["decompress", "new.npy", "--out", "a.npy"], "narrows"),
        (["decompress", "new.npy", "--rows", "3", "--out", "a.npy"], "narrows"),
    ],
)
def test_what_cannot_be_is_said_in_a_sentence(work, words, said, capsys, monkeypatch):
    monkeypatch.chdir(work)
    before = sorted(work.iterdir())
    assert main(words) == 2
    told = capsys.readouterr().err
    assert said in told and told.count("\n") == 1 and sorted(work.iterdir()) == before


def test_other_models_are_refused(work, tmp_path, capsys):
    nw.Autoencoder(2, max_epochs=1).fit(np.load(work / "old.npy")).save(tmp_path / "ae.safetensors")
    assert (
        main(["compress", f"{tmp_path}/ae.safetensors", f"{work}/new.npy", "--out", f"{tmp_path}/x.nrw"]) == 2
    )
    assert "holds no codec" in capsys.readouterr().err


def test_an_archive_does_not_say_where_it_is_written(work, tmp_path, capsys, monkeypatch):
    (tmp_path / "in").mkdir()
    monkeypatch.chdir(tmp_path / "in")
    with (
        Reader(work / "whole.nrw") as reader,
        Writer("evil.nrw", _evil(reader.header), reader.model()) as writer,
    ):
        for chunk in map(reader.chunk, range(len(reader))):
            writer.append(chunk.stop - chunk.start, chunk.method, chunk.payload, chunk.content)
    before = sorted(tmp_path.rglob("*"))
    assert main(["decompress", "evil.nrw"]) == 2
    assert "no codec's" in capsys.readouterr().err and sorted(tmp_path.rglob("*")) == before


def _evil(header):
    return header | {"ending": "/../../pwned.npy"}


def test_info_says_what_an_archive_holds(work, capsys):
    assert main(["info", f"{work}/x_.nrw", "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["content"] == "array" and facts["rows"] == 400 and facts["shape"] == [400, 6]
    assert facts["promise"] == "none: the error is the model's" and facts["model inside"] == "no"
    assert main(["info", f"{work}/whole.nrw"]) == 0
    assert "bytes" in capsys.readouterr().out
    assert main(["info", f"{work}/short.nrw"]) == 2
    assert "cut short" in capsys.readouterr().err


def test_a_model_inside_is_counted_apart(work, tmp_path, capsys):
    words = ["compress", f"{work}/old.npy.safetensors", f"{work}/new.npy", "--embed", "--json"]
    assert main([*words, "--out", f"{tmp_path}/x.nrw"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["payload"] + facts["model"] == facts["stored"] == (tmp_path / "x.nrw").stat().st_size

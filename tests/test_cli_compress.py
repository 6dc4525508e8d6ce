"""The verbs that make data small and large again."""

import json

import numpy as np
import pandas as pd
import pytest

import narrows as nw
from narrows.cli import main


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
    return folder


def test_there_and_back(work, tmp_path, capsys):
    model, archive = f"{work}/old.npy.safetensors", f"{tmp_path}/x.nrw"
    words = ["compress", model, f"{work}/new.npy", "--max-error", "0.01", "--out", archive]
    assert main([*words, "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["bytes"] == 400 * 6 * 4 and facts["ratio"] > 1.5 and 0 < facts["error"] <= 0.01
    assert main(["decompress", archive, "--model", model, "--out", f"{tmp_path}/y.npy"]) == 0
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


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["compress", "old.npy.safetensors", "new.npy", "--out", "x.zip"], "not an .nrw name"),
        (["compress", "old.npy.safetensors", "new.npy", "--max-error", "-1", "--out", "x.nrw"], "no bound"),
        (["compress", "old.npy.safetensors", "new.npy", "--max-error", "1", "--lossless"], "one promise"),
        (["decompress", "none.nrw"], "there is no file"),
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

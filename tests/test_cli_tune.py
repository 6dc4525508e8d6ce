"""The verb that chooses a model's numbers."""

import json

import numpy as np
import pytest

import narrows as nw
from narrows.cli import main

QUICK = ["--set", "max_epochs=3", "--try", "backbone.hidden=[[8], [4]]", "--try", "latent_dim=[1, 2]"]


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(80, 2)) @ rng.normal(size=(2, 5))
    path = tmp_path_factory.mktemp("rows") / "rows.csv"
    np.savetxt(path, rows, delimiter=",", header="a,b,c,d,e", comments="")
    return path


def test_a_search_writes_a_model_and_a_figure(table, tmp_path, capsys):
    out, picture = tmp_path / "m.safetensors", tmp_path / "curve.png"
    words = ["tune", str(table), *QUICK, "--trials", "3", "--out", str(out), "--figure", str(picture)]
    assert main(words) == 0
    shown = capsys.readouterr()
    for words in ("latent_dim", "pca_mse", "chosen: ", "too few", f"wrote {out}"):
        assert words in shown.out
    assert "candidate" in shown.err
    model = nw.load(out)
    assert model.latent_dim_ in (1, 2) and model.transform(table).shape == (80, model.latent_dim_)
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_a_search_as_json(table, tmp_path, capsys):
    out = tmp_path / "m.safetensors"
    assert (
        main(["tune", str(table), *QUICK, "--trials", "2", "--out", str(out), "--json", "--seed", "4"]) == 0
    )
    found = json.loads(capsys.readouterr().out)
    assert found["latent_dim"] == nw.load(out).latent_dim_
    assert {point["latent_dim"] for point in found["curve"]} == {
        line["latent_dim"] for line in found["trials"]
    }
    assert found["score"] == max(line["score"] for line in found["trials"])


def test_a_size_that_is_set_stays(table, tmp_path):
    out = tmp_path / "m.safetensors"
    words = ["tune", str(table), "--set", "latent_dim=3", "--set", "max_epochs=2", "--trials", "1", "--quiet"]
    assert main([*words, "--set", "backbone.hidden=[4]", "--out", str(out)]) == 0
    assert nw.load(out).latent_dim_ == 3


def test_labels_are_for_the_model_that_is_chosen(table, tmp_path, capsys):
    rows = np.loadtxt(table, delimiter=",", skiprows=1)
    labelled, out = tmp_path / "labelled.csv", tmp_path / "m.safetensors"
    kinds = np.where(rows[:, 0] > 0, "yes", "no")
    lines = [",".join([*map(str, row), kind]) for row, kind in zip(rows, kinds, strict=True)]
    labelled.write_text("a,b,c,d,e,kind\n" + "\n".join(lines) + "\n")
    words = ["tune", str(labelled), *QUICK, "--trials", "1", "--quiet", "--out", str(out)]
    assert main([*words, "--labels", "kind"]) == 0
    model = nw.load(out)
    assert list(model.classes_) == ["no", "yes"] and model.n_features_in_ == 5
    assert main([*words, "--set", "conditional=true"]) == 2
    assert "got no y" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--recipe", "dep"], "did you mean 'deep'"),
        (["--try", "latent_dim=4"], "--try 'latent_dim=4'"),
        (["--try", "speed=[4]"], "'speed'"),
        (["--out", "m.bin"], ".safetensors"),
        (["--figure", "curve.jpg"], ".png"),
        (["--budget", "0"], "budget=0"),
        (["--labels", "kind"], "--labels 'kind'"),
        (["--set", "patience=0"], "patience=0"),
    ],
)
def test_wrong_words_end_with_2(words, said, table, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["tune", str(table), *words]) == 2
    error = capsys.readouterr().err
    assert said in error and error.count("\n") == 1
    assert not list(tmp_path.iterdir())

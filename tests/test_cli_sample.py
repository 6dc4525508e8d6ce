"""The verb that makes new rows, also of a label."""

import numpy as np
import pandas as pd
import pytest

import narrows as nw
from narrows.cli import main


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A table of two kinds of rows, the kinds in a column and in files of their own, and a model of each."""
    folder = tmp_path_factory.mktemp("kinds")
    rng = np.random.default_rng(0)
    kind = np.where(rng.random(150) < 0.5, "cat", "dog")
    frame = pd.DataFrame({"a": rng.normal(size=150) + 9 * (kind == "cat"), "b": rng.normal(size=150)})
    frame.assign(kind=kind).to_csv(folder / "table.csv", index=False)
    np.save(folder / "rows.npy", frame.to_numpy())
    np.save(folder / "kinds.npy", (kind == "cat").astype(int))
    pd.DataFrame({"kind": kind}).to_csv(folder / "kinds.csv", index=False)
    for data, labels, recipe, name in (
        ("table.csv", "kind", ["linear", "--epochs", "60", "--set", "learning_rate=0.05"], "table"),
        ("rows.npy", f"{folder}/kinds.npy", ["variational", "--epochs", "2"], "rows"),
    ):
        words = ["--recipe", *recipe, "--latent-dim", "2", "--labels", labels, "--quiet"]
        assert main(["fit", f"{folder}/{data}", *words, "--out", f"{folder}/{name}.safetensors"]) == 0
    return folder


def test_a_column_of_labels_is_no_input_and_its_rows_can_be_drawn(folder, tmp_path):
    model, out = f"{folder}/table.safetensors", tmp_path / "cats.csv"
    assert main(["sample", model, "-n", "20", "--label", "cat", "--out", str(out), "--quiet"]) == 0
    cats = pd.read_csv(out)
    assert list(cats.columns) == ["a", "b"] and len(cats) == 20
    ae = nw.load(model)
    assert cats["a"].mean() > np.mean(ae.sample(20, labels="dog")["a"].to_numpy()) + 1
    assert ae.classes_.tolist() == ["cat", "dog"] and ae.n_features_in_ == 2
    assert np.allclose(cats["a"], ae.sample(20, labels="cat")["a"])


def test_labels_may_stand_in_a_file_and_be_numbers(folder, tmp_path):
    model, out = f"{folder}/rows.safetensors", tmp_path / "new.npy"
    assert main(["sample", model, "-n", "20", "--label", "0", "--out", str(out), "--quiet"]) == 0
    assert np.array_equal(np.load(out), nw.load(model).sample(20, labels=0))


def test_the_prior_may_be_fitted(folder, tmp_path):
    model, out = f"{folder}/rows.safetensors", tmp_path / "new.npy"
    assert main(["sample", model, "-n", "5", "--prior", "fitted", "--out", str(out), "--quiet"]) == 0
    assert np.array_equal(np.load(out), nw.load(model).sample(5, prior="fitted"))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["sample", "rows.safetensors", "--label", "5"], "labels has '5'"),
        (["sample", "rows.safetensors", "--prior", "flow"], "fitted"),
        (["fit", "table.csv", "--labels", "colour", "--quiet"], "'colour' is neither a file nor one of"),
        (["fit", "rows.npy", "--labels", "kind", "--quiet"], "'kind' is no file"),
        (["fit", "rows.npy", "--labels", "table.csv", "--quiet"], "has 3 columns"),
        (["fit", "table.csv", "--labels", "a", "--quiet"], "float"),
        (["fit", "table.csv", "--task", "detect", "--labels", "kind", "--quiet"], "--task detect"),
    ],
)
def test_what_cannot_be_done_is_said(folder, tmp_path, monkeypatch, capsys, words, said):
    monkeypatch.chdir(folder)
    assert (
        main([*words, "--out", str(tmp_path / ("x.npy" if words[0] == "sample" else "x.safetensors"))]) == 2
    )
    error = capsys.readouterr().err
    assert said in error and error.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_a_file_of_one_column_will_do(folder, tmp_path):
    out = f"{tmp_path}/m.safetensors"
    words = [
        "fit",
        f"{folder}/rows.npy",
        "--labels",
        f"{folder}/kinds.csv",
        "--epochs",
        "1",
        "--quiet",
        "--out",
        out,
    ]
    assert main(words) == 0
    assert nw.load(out).classes_.tolist() == ["cat", "dog"]

"""``narrows report``: a page for a model and data, with labels from wherever they are."""

import json

import numpy as np
import pandas as pd
import pytest

import narrows as nw
from narrows.cli.app import main
from narrows.cli.labels import built_in
from narrows.cli.options import read_data
from narrows.cli.report import labelled


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    folder = tmp_path_factory.mktemp("work")
    rng = np.random.default_rng(0)
    table = pd.DataFrame(rng.normal(size=(120, 4)), columns=list("abcd"))
    table["kind"] = np.where(table["a"] > 0, "high", "low")
    table.to_csv(folder / "labelled.csv", index=False)
    table.to_parquet(folder / "labelled.parquet")
    table[["kind"]].to_csv(folder / "kinds.csv", index=False)
    np.save(folder / "numbers.npy", np.arange(120))
    plain = table.drop(columns="kind")
    plain.to_csv(folder / "table.csv", index=False)
    fitted = nw.recipes.linear(2, max_epochs=2).fit(plain)
    fitted.save(folder / "m.safetensors")
    nw.recipes.linear(2, max_epochs=1).fit(nw.datasets.digits().x_test).save(folder / "d.safetensors")
    return folder


@pytest.fixture(autouse=True)
def here(work, monkeypatch):
    monkeypatch.chdir(work)


def test_a_page_is_written_with_the_labels_of_built_in_data(work, capsys):
    assert main(["report", "d.safetensors", "digits:test", "--out", "page.html"]) == 0
    assert capsys.readouterr().out.startswith("wrote page.html: 0.")
    html = (work / "page.html").read_text(encoding="utf-8")
    assert html.startswith("<!doctype html>") and "d, on digits:test" in html and "10 kinds: 0, 1, 2" in html


def test_a_column_of_the_data_is_taken_out_and_shown(work, capsys):
    assert main(["report", "m.safetensors", "labelled.csv", "--labels", "kind", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["report"] == "labelled-report.html"
    html = (work / "labelled-report.html").read_text(encoding="utf-8")
    assert said["bytes"] == len(html.encode()) and "2 kinds: high, low" in html


@pytest.mark.parametrize("labels", ["kinds.csv", "numbers.npy"])
def test_labels_may_stand_in_a_file_of_their_own(labels):
    rows, found = labelled(read_data("table.csv"), ["table.csv"], labels, None)
    kind = pd.read_csv("labelled.csv")["kind"]
    assert rows.shape == (120, 4)
    assert (found == (kind if labels == "kinds.csv" else np.arange(120))).all()


def test_a_column_that_the_model_knows_stays(monkeypatch):
    kind = pd.read_csv("labelled.csv")["kind"]
    rows, found = labelled(read_data("labelled.csv"), ["labelled.csv"], "kind", ("a", "kind"))
    assert "kind" in rows.column_names and (found == kind).all()
    large = nw.sources.Parquet("labelled.parquet")
    rows, found = labelled(large, ["labelled.parquet"], "kind", None)
    assert rows.names == tuple("abcd") and (found.to_numpy() == kind).all()


def test_built_in_labels():
    digits = nw.datasets.digits()
    assert (built_in("digits") == digits.y).all() and (built_in("digits:train") == digits.y_train).all()
    assert built_in("table.csv") is None


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["table.csv", "--labels", "x"], "--labels 'x' is neither a file nor one of the columns a, b, c, d"),
        (["table.csv", "--labels", "labelled.csv"], "'labelled.csv' has 5 columns, expected one"),
        (["table.csv", "--out", "page.pdf"], "--out 'page.pdf' is not an .html name"),
        (["labelled.csv", "--labels", "none.npy"], "none.npy"),
    ],
)
def test_what_cannot_be_is_said_in_a_sentence(words, said, capsys):
    assert main(["report", "m.safetensors", *words]) == 2
    error = capsys.readouterr().err
    assert error.startswith("narrows: ") and said in error and error.count("\n") == 1


def test_clothes_have_names(monkeypatch):
    y = np.array([0, 9, 5])
    found = nw.datasets.Dataset(np.zeros((3, 1)), y, np.zeros((3, 1)), y[::-1])
    monkeypatch.setattr(nw.datasets, "fashion_mnist", lambda: found)
    assert built_in("fashion_mnist:train").tolist() == ["T-shirt", "ankle boot", "sandal"]
    assert built_in("fashion_mnist:test").tolist() == ["sandal", "ankle boot", "T-shirt"]

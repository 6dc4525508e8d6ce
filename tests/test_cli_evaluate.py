"""The verb that measures a model: its table, its labels, its costly part."""

import json

import numpy as np
import pandas as pd
import pytest

from narrows import datasets
from narrows.cli import main, tables


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A variational model of digits, and labels of the test images in two kinds of file."""
    folder = tmp_path_factory.mktemp("evaluated")
    words = [
        "fit",
        "digits:train",
        "--recipe",
        "variational",
        "--latent-dim",
        "4",
        "--epochs",
        "3",
        "--quiet",
    ]
    assert main([*words, "--out", f"{folder}/m.safetensors"]) == 0
    y = datasets.digits().y_test
    pd.DataFrame({"digit": [f"number {i}" for i in y]}).to_csv(folder / "y.csv", index=False)
    np.save(folder / "y.npy", y)
    return folder


def test_the_table_has_groups_and_pca_beside(folder, capsys):
    assert main(["evaluate", f"{folder}/m.safetensors", "digits:test"]) == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    first = [line[0] if line else "" for line in lines]
    for group, names in {
        "Reconstruction": ["mse", "bits"],
        "Likelihood,": ["nll"],
        "Codes": ["collapsed"],
    }.items():
        assert all(first.index(group) < first.index(name) for name in names)
    assert "Use" not in first and len(lines[first.index("mse")]) == 3 and len(lines[first.index("rate")]) == 2


def test_built_in_data_bring_their_labels(folder, capsys):
    words = ["evaluate", f"{folder}/m.safetensors", "digits:test", "--labels", "digits:test", "--json"]
    assert main(words) == 0
    assert 0 < json.loads(capsys.readouterr().out)["probe_accuracy"] <= 1


@pytest.mark.parametrize("labels", ["y.csv", "y.npy"])
def test_labels_and_costly_measures_by_request(folder, capsys, labels):
    words = ["evaluate", f"{folder}/m.safetensors", "digits:test", "--labels", f"{folder}/{labels}"]
    assert main([*words, "--json"]) == 0
    metrics = json.loads(capsys.readouterr().out)
    assert 0.3 < metrics["probe_accuracy"] <= 1 and "trustworthiness" not in metrics
    if labels == "y.npy":
        assert main([*words, "--full"]) == 0
        table = capsys.readouterr().out
        for name in ("Use", "trustworthiness", "log_likelihood", "aggregate_gap"):
            assert name in table
        assert tables.show(metrics["probe_accuracy"]) in table


def test_labels_that_do_not_fit_are_refused(folder, capsys):
    words = ["evaluate", f"{folder}/m.safetensors", "digits:train", "--labels", f"{folder}/y.npy"]
    assert main(words) == 2
    assert "one label for each of 1438 rows" in capsys.readouterr().err


def test_names_without_a_group_are_shown_too(capsys):
    tables.print_metrics({"mse": 1.0, "unheard_of": 2.0, "pca_mse": 3.0}, "title")
    assert "unheard_of" in capsys.readouterr().out

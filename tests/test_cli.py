"""The command line: every verb, what it leaves behind, and how it ends."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from narrows.cli import app, main, tables
from narrows.sources import files

QUICK = ["--epochs", "2", "--quiet"]
VERBS = [
    "demo",
    "fit",
    "tune",
    "transform",
    "reconstruct",
    "evaluate",
    "sample",
    "detect",
    "denoise",
    "impute",
    "recommend",
    "compress",
    "decompress",
    "report",
    "info",
]


@pytest.fixture(scope="session")
def models(tmp_path_factory):
    """A model of images, fitted on digits, and one of a table, with the table."""
    folder = tmp_path_factory.mktemp("models")
    mixing = np.random.default_rng(0).normal(size=(3, 6))
    rows = np.random.default_rng(1).normal(size=(60, 3)) @ mixing
    frame = pd.DataFrame(rows, columns=["alpha", "beta", "gamma", "delta", "eps", "zeta"])
    frame.to_csv(folder / "table.csv", index=False)
    for data, recipe, name in (("digits", "variational", "digits"), (f"{folder}/table.csv", "deep", "table")):
        words = [
            "fit",
            data,
            "--recipe",
            recipe,
            "--latent-dim",
            "3",
            "--out",
            f"{folder}/{name}.safetensors",
        ]
        assert main([*words, *QUICK]) == 0
    return folder


@pytest.fixture
def here(tmp_path, monkeypatch):
    """An empty current folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def left_in(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


# Help


def test_every_verb_is_on_the_first_page(capsys):
    assert main(["--help"]) == 0
    page = capsys.readouterr().out
    assert re.findall(r"│ (\w+) {2,}", page) == VERBS


@pytest.mark.parametrize("verb", VERBS)
def test_each_page_has_an_example_and_explains_each_option(verb, capsys):
    assert main([verb, "--help"]) == 0
    page = capsys.readouterr().out
    assert f"    narrows {verb} " in page
    boxed = [line for line in page.splitlines() if line.startswith("│")]
    names = [line for line in boxed if re.match(r"│ (\*  [A-Z]|--)", line)]
    assert names
    for line in names:
        assert re.search(r"\S {2,}[A-Z]\w*[ ,].*│", line.replace("│ *  ", "│ ")), f"not explained: {line}"
    assert max(map(len, page.splitlines())) <= 80


def test_the_recipes_on_the_page_are_the_recipes(capsys):
    from narrows import recipes

    assert main(["fit", "--help"]) == 0
    listed = capsys.readouterr().out.partition("The recipes:")[2].partition("For example:")[0]
    names = [re.match(r" {4}(\w+(?:, \w+)*)(?: {2,}|$)", line) for line in listed.splitlines()]
    named = [name for match in names if match for name in match[1].split(", ")]
    assert sorted(named) == sorted(recipes.__all__)


def test_version_is_that_of_the_project(capsys):
    from narrows import __version__

    assert main(["--version"]) == 0
    assert re.fullmatch(r"\d+\.\d+\.\d+\S*", capsys.readouterr().out.strip())[0] == __version__


# The verbs


def test_fit_says_what_it_did(here, capsys):
    words = [
        "fit",
        "digits:test",
        "--recipe",
        "deep",
        "--latent-dim",
        "5",
        "--epochs",
        "2",
        "--seed",
        "3",
        "--json",
    ]
    assert main(words) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["model"] == "digits-test-deep.safetensors"
    assert (facts["rows"], facts["features"], facts["latent_dim"], facts["epochs"]) == (359, 64, 5, 2)
    assert left_in(here) == ["digits-test-deep.safetensors"]


def test_set_reaches_the_recipe_the_estimator_and_its_parts(here):
    words = ["fit", "digits:test", "--recipe", "beta_variational", "--out", "m.safetensors", *QUICK]
    words += [
        "--set",
        "bottleneck.beta=7.5",
        "--set",
        "backbone.hidden=[9, 8]",
        "--set",
        "learning_rate=0.005",
    ]
    assert main(words) == 0
    import narrows

    model = narrows.load("m.safetensors")
    assert model.bottleneck.beta == 7.5
    assert model.backbone.hidden == (9, 8)
    assert model.learning_rate == 0.005


def test_set_reaches_a_recipes_own_argument(here):
    words = ["fit", "digits:test", "--recipe", "sparse", "--set", "l1=0.25", "--out", "m.safetensors", *QUICK]
    assert main(words) == 0
    import narrows

    assert narrows.load("m.safetensors").penalties[0].weight == 0.25


def test_same_seed_same_model(here):
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        words = ["fit", "digits:test", "--seed", str(seed), "--out", f"{name}.safetensors", *QUICK]
        assert main(words) == 0
        assert (
            main(["transform", f"{name}.safetensors", "digits:test", "--out", f"{name}.npy", "--quiet"]) == 0
        )
    a, b, c = (np.load(f"{name}.npy") for name in "abc")
    np.testing.assert_array_equal(a, b)
    assert not np.array_equal(a, c)


@pytest.mark.parametrize("ending", files.ENDINGS)
def test_transform_answers_in_the_format_of_out(models, here, ending, capsys):
    assert main(["transform", f"{models}/digits.safetensors", "digits", "--out", f"codes{ending}"]) == 0
    assert capsys.readouterr().out == f"wrote codes{ending}: 1797 × 3\n"
    codes = files.read(f"codes{ending}")
    if not isinstance(codes, np.ndarray):
        import narrows

        names = narrows.load(models / "digits.safetensors").get_feature_names_out()
        assert codes.column_names == list(names)
        codes = np.column_stack(codes.columns)
    import narrows
    from narrows import datasets

    expected = narrows.load(models / "digits.safetensors").transform(datasets.digits().X)
    np.testing.assert_allclose(codes, expected, rtol=1e-6)


def test_without_out_the_name_and_the_format_are_those_of_data(models, here):
    assert main(["transform", f"{models}/table.safetensors", f"{models}/table.csv"]) == 0
    assert main(["reconstruct", f"{models}/table.safetensors", f"{models}/table.csv"]) == 0
    assert main(["reconstruct", f"{models}/digits.safetensors", "digits:test"]) == 0
    assert main(["sample", f"{models}/digits.safetensors"]) == 0
    assert left_in(here) == [
        "digits-samples.npy", "digits-test-reconstructed.npy", "table-codes.csv", "table-reconstructed.csv",
    ]  # fmt: skip
    assert np.load("digits-samples.npy").shape == (16, 8, 8)
    assert np.load("digits-test-reconstructed.npy").shape == (359, 8, 8)
    original, back = pd.read_csv(models / "table.csv"), pd.read_csv("table-reconstructed.csv")
    assert list(back.columns) == list(original.columns) and len(back) == len(original)
    assert pd.read_csv("table-codes.csv").shape == (60, 3)


def test_sample_follows_its_seed(models, here):
    for name, seed in (("a", "1"), ("b", "1"), ("c", "2")):
        words = ["sample", f"{models}/digits.safetensors", "-n", "4", "--seed", seed, "--out", f"{name}.npy"]
        assert main(words) == 0
    a, b, c = (np.load(f"{name}.npy") for name in "abc")
    assert a.shape == (4, 8, 8)
    np.testing.assert_array_equal(a, b)
    assert not np.array_equal(a, c)


def test_evaluate_sets_pca_beside_the_model(models, here, capsys):
    assert main(["evaluate", f"{models}/digits.safetensors", "digits:test", "--json"]) == 0
    metrics = json.loads(capsys.readouterr().out)
    assert {"mse", "r2", "nll", "rate", "score", "pca_mse"} <= set(metrics)
    assert main(["evaluate", f"{models}/digits.safetensors", "digits:test"]) == 0
    table = capsys.readouterr().out
    line = next(line for line in table.splitlines() if line.strip().startswith("mse"))
    assert line.split() == ["mse", tables.show(metrics["mse"]), tables.show(metrics["pca_mse"])]
    assert "PCA, same size" in table
    # Where PCA is ahead the table does not hide it.
    assert ("prefer it" in table) == (metrics["pca_mse"] <= metrics["mse"])


def test_info_of_a_model(models, capsys):
    assert main(["info", f"{models}/table.safetensors", "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert {"format", "spec", "schema", "versions", "params", "training"} <= set(facts)
    assert main(["info", f"{models}/table.safetensors"]) == 0
    shown = capsys.readouterr().out
    kept = facts["history"][facts["training"]["kept_epoch"] - 1]
    assert kept["val_loss"] == min(row["val_loss"] for row in facts["history"])
    assert "MLP(hidden=(512, 256)" in shown and "torch" in shown and "rows, " in shown, shown


def test_info_of_a_table(here, capsys):
    (here / "t.csv").write_text("n,word\n1,a\n,b\n3.5,\n")
    assert main(["info", "t.csv", "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts == {
        "rows": 3,
        "columns": [
            {
                "column": "n",
                "type": "double",
                "missing": 1,
                "min": 1.0,
                "mean": 2.25,
                "max": 3.5,
                "distinct": None,
                "as": "number",
                "levels": None,
            },
            {
                "column": "word",
                "type": "string",
                "missing": 1,
                "min": None,
                "mean": None,
                "max": None,
                "distinct": 2,
                "as": "category",
                "levels": 2,
            },
        ],
        "input": "Table",
    }
    assert main(["info", "t.csv"]) == 0
    assert "3 rows, 2 columns, 2 values missing; input: Table" in capsys.readouterr().out


def test_info_counts_what_is_not_a_number(here, capsys):
    np.save("a.npy", np.array([[1.0, np.nan], [np.inf, -3.0]]))
    assert main(["info", "a.npy", "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts == {
        "rows": 2, "shape": [2, 2], "type": "float64", "missing": 1, "infinite": 1,
        "min": -3.0, "max": 1.0, "mean": -1.0, "input": None, "why": facts["why"],
    }  # fmt: skip
    assert "NaN at row 0" in facts["why"]


def test_an_empty_column_is_shown(here, capsys):
    (here / "hollow.csv").write_text("a,b\n1,\n2,\n")
    assert main(["info", "hollow.csv"]) == 0
    assert "'b' is missing in every row" in " ".join(capsys.readouterr().out.split())


def test_a_sparse_matrix_and_a_sound(here, capsys):
    import scipy.io
    import scipy.io.wavfile
    import scipy.sparse

    scipy.io.mmwrite(here / "c.mtx", scipy.sparse.random(30, 5, 0.4, random_state=0))
    assert main(["fit", "c.mtx", "--out", "c.safetensors", *QUICK]) == 0
    for words in (
        ["info", "c.mtx"],
        ["evaluate", "c.safetensors", "c.mtx"],
        ["transform", "c.safetensors", "c.mtx"],
    ):
        assert main(words) == 0
    sound = (1000 * np.sin(np.arange(900) / 9)).astype(np.int16)
    scipy.io.wavfile.write(here / "s.wav", 8000, sound)
    assert main(["fit", "s.wav", "--out", "s.safetensors", *QUICK]) == 2
    assert "1 sound of 900 to 900 samples" in capsys.readouterr().err
    windows = ["--set", "input=signals", "--set", "input.window=64"]
    assert main(["fit", "s.wav", *windows, "--out", "s.safetensors", *QUICK]) == 0
    assert main(["reconstruct", "s.safetensors", "s.wav", "--out", "r.npy"]) == 0
    assert np.load(here / "r.npy").shape[-2:] == (900, 1)


def test_several_files_are_one_table(here, capsys):
    import pyarrow as pa
    import pyarrow.parquet as pq

    (here / "parts").mkdir()
    for i in range(3):
        table = pa.table({"a": np.arange(i, i + 20.0), "b": [f"v{j % 3}" for j in range(20)]})
        pq.write_table(table, here / "parts" / f"{i}.parquet")
    files = [str(path) for path in sorted((here / "parts").glob("*.parquet"))]
    assert main(["fit", *files, "--out", "m.safetensors", *QUICK]) == 0
    for data in (files, ["parts"], ["parts/*.parquet"]):
        assert main(["reconstruct", "m.safetensors", *data, "--out", "r.parquet"]) == 0
        assert "wrote r.parquet: 60 × 2" in capsys.readouterr().out
        assert pq.read_schema(here / "r.parquet").types == [pa.float64(), pa.string()]
    assert main(["transform", "m.safetensors", "parts"]) == 0
    assert (here / "parts-codes.parquet").is_file()
    assert main(["info", "parts"]) == 0
    assert "60 rows, 2 columns" in capsys.readouterr().out
    assert main(["fit", *files, "t.csv"]) == 2
    assert "only several .parquet or several .wav files" in capsys.readouterr().err


def test_names_that_look_like_markup_are_shown(here, capsys):
    (here / "t.csv").write_text("[bold],b\n1,2\n")
    assert main(["info", "t.csv"]) == 0
    assert "[bold]" in capsys.readouterr().out


def test_json_has_no_nan(capsys):
    tables.print_json({"a": np.float32("nan"), "b": [np.inf, np.int64(2)], "c": (1.5,)})
    assert json.loads(capsys.readouterr().out) == {"a": None, "b": [None, 2], "c": [1.5]}


# How it ends


WRONG = {
    "unknown verb": (["fir", "digits"], "fir"),
    "unknown option": (["fit", "digits", "--layers", "3"], "--layers"),
    "no data": (["fit"], "DATA"),
    "unknown built-in": (["info", "digitz"], "no built-in data of that name"),
    "unknown part": (["info", "digits:half"], "digits:half"),
    "absent data": (["fit", "absent.csv"], "there is no file 'absent.csv'"),
    "unknown ending": (["info", "t.xlsx"], "'.xlsx'"),
    "text named npy": (["fit", "text.npy"], "'text.npy' is not a complete npy file"),
    "truncated parquet": (["fit", "cut.parquet"], "'cut.parquet' is not a complete parquet file"),
    "empty csv": (["fit", "empty.csv"], "'empty.csv' is empty"),
    "nothing in a column": (
        ["fit", "nothing.csv", "--out", "out.safetensors"],
        "'b' is missing in every row",
    ),
    "infinite": (["fit", "infinite.npy", "--out", "out.safetensors"], "inf"),
    "not a number": (["fit", "nan.npy", "--out", "out.safetensors"], "nan"),
    "one axis": (["fit", "flat.npy", "--out", "out.safetensors"], "1"),
    "unknown recipe": (["fit", "digits", "--recipe", "variatonal"], "did you mean 'variational'"),
    "latent_dim 0": (["fit", "digits", "--latent-dim", "0"], "latent_dim"),
    "latent_dim 2.5": (["fit", "digits", "--latent-dim", "2.5"], "2.5"),
    "latent_dim word": (["fit", "digits", "--latent-dim", "few"], "few"),
    "epochs 0": (["fit", "digits", "--epochs", "0"], "max_epochs"),
    "negative noise": (["fit", "digits", "--recipe", "denoising", "--set", "noise=-1"], "-1"),
    "set without value": (["fit", "digits", "--set", "bottleneck.beta"], "not KEY=VALUE"),
    "set of nothing known": (["fit", "digits", "--set", "colour=3"], "colour"),
    "out of another kind": (["fit", "digits", "--out", "m.csv"], "m.csv"),
    "out in no folder": (["fit", "digits", "--out", "no/m.safetensors"], "there is no folder 'no'"),
    "absent model": (["transform", "absent.safetensors", "digits"], "there is no model 'absent.safetensors'"),
    "data as model": (["transform", "text.npy", "digits"], "is not a model"),
    "text as model": (["evaluate", "text.safetensors", "digits"], "text.safetensors"),
    "truncated model": (["reconstruct", "cut.safetensors", "digits", "--out", "out.npy"], "cut.safetensors"),
    "flipped model": (
        ["reconstruct", "flipped.safetensors", "digits", "--out", "out.npy"],
        "flipped.safetensors",
    ),
    "info of a text": (["info", "text.safetensors"], "text.safetensors"),
    "three features": (["transform", "digits.safetensors", "three.npy", "--out", "out.npy"], "64"),
    "over the input": (
        ["transform", "digits.safetensors", "three.npy", "--out", "three.npy"],
        "also what is read",
    ),
    "over the model": (["sample", "digits.safetensors", "--out", "digits.safetensors"], "also what is read"),
    "out of unknown kind": (["sample", "digits.safetensors", "--out", "s.png"], "'.png'"),
    "none to sample": (["sample", "digits.safetensors", "-n", "0"], "-n is 0"),
}


@pytest.fixture
def wrong_files(models, here):
    model = (models / "digits.safetensors").read_bytes()
    flipped = bytearray(model)
    flipped[-5] ^= 255
    files.write("cut.parquet", np.ones((5, 2)))
    for name, content in {
        "text.npy": b"these are words\n",
        "text.safetensors": b"these are words\n",
        "t.xlsx": b"PK",
        "empty.csv": b"",
        "nothing.csv": b"a,b\n1,\n2,\n",
        "cut.parquet": Path("cut.parquet").read_bytes()[:-9],
        "digits.safetensors": model,
        "cut.safetensors": model[:-100],
        "flipped.safetensors": bytes(flipped),
    }.items():
        (here / name).write_bytes(content)
    np.save("infinite.npy", np.array([[1.0, np.inf], [1.0, 2.0]]))
    np.save("nan.npy", np.array([[1.0, np.nan], [1.0, 2.0]]))
    np.save("flat.npy", np.arange(10.0))
    np.save("three.npy", np.ones((4, 3)))
    return here


@pytest.mark.parametrize("name", WRONG)
def test_a_mistake_gets_one_sentence_and_leaves_nothing(wrong_files, capsys, name):
    words, needle = WRONG[name]
    before = {path: (wrong_files / path).read_bytes() for path in left_in(wrong_files)}
    assert main(words) == 2
    out, said = capsys.readouterr()
    assert said.startswith("narrows: ") and said.count("\n") == 1
    assert needle.lower() in said.lower()
    assert out == ""
    assert {path: (wrong_files / path).read_bytes() for path in left_in(wrong_files)} == before


def run(*words, **options):
    return subprocess.run(
        [sys.executable, "-m", "narrows", *words], capture_output=True, text=True, **options
    )


def test_the_process_ends_with_2_and_no_traceback(here):
    (here / "text.npy").write_text("these are words\n")
    done = run("fit", "text.npy", "--out", "m.safetensors")
    assert done.returncode == 2
    assert (
        done.stdout == ""
        and done.stderr.startswith("narrows: 'text.npy' is not")
        and done.stderr.count("\n") == 1
    )
    assert left_in(here) == ["text.npy"]


def test_a_defect_of_ours_keeps_its_traceback(monkeypatch):
    def broken(name):
        raise AssertionError("ours")

    monkeypatch.setattr("narrows.cli.info.read_data", broken)
    with pytest.raises(AssertionError, match="ours"):
        main(["info", "digits"])


def test_the_traceback_can_be_asked_for(monkeypatch, here):
    monkeypatch.setenv("NARROWS_TRACEBACK", "1")
    with pytest.raises(FileNotFoundError):
        main(["info", "absent.csv"])


def test_ctrl_c_before_anything_is_kept(monkeypatch, capsys, here):
    def interrupted(name):
        raise KeyboardInterrupt

    monkeypatch.setattr("narrows.cli.verbs.read_data", interrupted)
    assert main(["fit", "digits"]) == 130
    assert capsys.readouterr().err == "narrows: interrupted; nothing was written.\n"
    assert left_in(here) == []


@pytest.mark.slow
def test_ctrl_c_while_training_keeps_the_best_so_far(here):
    words = ["fit", "digits", "--epochs", "100000", "--set", "patience=100000", "--out", "m.safetensors"]
    process = subprocess.Popen(
        [sys.executable, "-m", "narrows", *words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    try:
        line = process.stdout.readline()  # progress has begun
        assert line
        time.sleep(2)
        process.send_signal(signal.SIGINT)
        said, _ = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 0, said
    assert "interrupted" in said and "Traceback" not in said
    assert left_in(here) == ["m.safetensors"]
    assert main(["info", "m.safetensors"]) == 0


def test_a_warning_is_a_note(capsys, monkeypatch):
    import warnings

    def warned(name):
        warnings.warn("look here", UserWarning, stacklevel=1)
        return np.ones((2, 2))

    monkeypatch.setattr("narrows.cli.info.read_data", warned)
    with warnings.catch_warnings():
        warnings.simplefilter("default")
        assert main(["info", "digits"]) == 0
    assert capsys.readouterr().err == "narrows: note: look here\n"


def test_a_closed_pipe_is_no_error(here):
    np.save("a.npy", np.ones((2, 2)))
    reading, writing = os.pipe()
    os.close(reading)
    process = subprocess.Popen(
        [sys.executable, "-m", "narrows", "info", "a.npy", "--json"],
        stdout=writing,
        stderr=subprocess.PIPE,
        text=True,
    )
    os.close(writing)
    assert process.communicate(timeout=60)[1] == "" and process.returncode == 0


def test_the_exit_codes_are_the_documented_ones():
    assert (app.DONE, app.WRONG, app.INTERRUPTED) == (0, 2, 130)

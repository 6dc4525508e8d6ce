"""The verb that fills gaps."""

import json

import numpy as np
import pandas as pd
import pytest

import narrows as nw
from narrows.cli import main


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    rng = np.random.default_rng(0)
    z = rng.normal(size=120)
    frame = pd.DataFrame({"a": z, "b": 2 * z + 0.1 * rng.normal(size=120), "c": np.where(z > 0, "x", "y")})
    frame = frame.mask(rng.random(frame.shape) < 0.15)
    path = tmp_path_factory.mktemp("gaps") / "table.csv"
    frame.to_csv(path, index=False)
    return path


@pytest.fixture(scope="module")
def model(table):
    path = table.with_name("imputer.safetensors")
    words = ["fit", str(table), "--task", "impute", "--set", "members=2", "--out", str(path), "--quiet"]
    assert main(words) == 0
    return path


def test_a_saved_imputer_fills(model, table, tmp_path, capsys):
    out, page = tmp_path / "filled.csv", tmp_path / "gaps.html"
    assert main(["impute", str(model), str(table), "--out", str(out), "--report", str(page)]) == 0
    given, filled = pd.read_csv(table), pd.read_csv(out)
    assert not filled.isna().any().any()
    for name in given:
        there = given[name].notna()
        assert (filled[name][there] == given[name][there]).all()
    assert "120 rows" in capsys.readouterr().out
    text = page.read_text()
    assert "90% intervals" in text and "data:image/png" in text


def test_facts_for_programs(model, table, tmp_path, capsys):
    out, page = tmp_path / "f.csv", tmp_path / "f.html"
    words = ["impute", str(model), str(table), "--out", str(out), "--json"]
    assert main([*words, "--report", str(page)]) == 0
    assert json.loads(capsys.readouterr().out) == {"rows": 120, "wrote": str(out), "report": str(page)}
    assert main([*words, "--draws", "2"]) == 0
    several = [str(tmp_path / f"f-{i}.csv") for i in (1, 2)]
    assert json.loads(capsys.readouterr().out) == {"rows": 120, "wrote": several}


def test_draws_are_tables_of_their_own(model, table, tmp_path):
    out = tmp_path / "filled.csv"
    assert main(["impute", str(model), str(table), "--draws", "2", "--out", str(out), "--quiet"]) == 0
    first, second = (pd.read_csv(tmp_path / f"filled-{i}.csv") for i in (1, 2))
    assert list(first.columns) == ["a", "b", "c"] and not first.isna().any().any()
    assert not first.equals(second) and not out.exists()


def test_draws_never_overwrite_what_is_read(model, table, tmp_path, capsys):
    own = tmp_path / "h-1.csv"
    own.write_bytes(table.read_bytes())
    words = ["impute", str(model), str(own), "--out", str(tmp_path / "h.csv"), "--draws", "2"]
    assert main(words) == 2
    assert "is also what is read" in capsys.readouterr().err
    assert own.read_bytes() == table.read_bytes() and not (tmp_path / "h-2.csv").exists()


def test_draws_are_all_written_or_none(model, table, tmp_path, capsys, monkeypatch):
    from narrows.sources import files

    real, calls = files.write, []

    def write(path, rows, names=None):
        calls.append(path)
        if len(calls) == 2:
            raise OSError("the disk is full.")
        real(path, rows, names)

    monkeypatch.setattr(files, "write", write)
    words = ["impute", str(model), str(table), "--out", str(tmp_path / "h.csv"), "--draws", "3"]
    assert main(words) != 0
    assert len(calls) == 2 and not list(tmp_path.iterdir())


def test_draws_of_text_are_no_array(model, table, tmp_path, capsys):
    out = tmp_path / "h.npy"
    assert main(["impute", str(model), str(table), "--out", str(out), "--draws", "2"]) == 2
    error = capsys.readouterr().err
    assert "'c'" in error and "h-1.npy'" in error and "/.h-1" not in error
    assert not list(tmp_path.iterdir())


def test_an_autoencoder_of_a_table_fills_too(table, tmp_path):
    ae = nw.Autoencoder(2, corruption=nw.corruptions.Masking(0.3), max_epochs=3).fit(pd.read_csv(table))
    ae.save(tmp_path / "ae.safetensors")
    out = tmp_path / "filled.csv"
    assert main(["impute", str(tmp_path / "ae.safetensors"), str(table), "--out", str(out), "--quiet"]) == 0
    assert not pd.read_csv(out).isna().any().any()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--draws", "-1"], "--draws is -1"),
        (["--report", "gaps.txt"], "is not an .html name"),
        (["--out", "filled.wav"], "filled.wav"),
    ],
)
def test_wrong_words_are_one_sentence(model, table, words, said, capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert main(["impute", str(model), str(table), *words]) == 2
    assert said in capsys.readouterr().err


def test_names_are_left_out_and_the_page_speaks_in_units(tmp_path, capsys):
    rng = np.random.default_rng(0)
    z = rng.normal(size=100)
    frame = pd.DataFrame(
        {
            "name": [f"p{i}" for i in range(100)],
            "age": np.round(40 + 10 * z),
            "kind": np.where(z > 0, "x", "y"),
            "born": pd.Timestamp("1980-01-01") - pd.to_timedelta(np.round(3000 * z), unit="D"),
        }
    )
    for column in ("age", "kind", "born"):
        frame[column] = frame[column].mask(rng.random(100) < 0.15)
    path, model = tmp_path / "people.parquet", str(tmp_path / "m.safetensors")
    frame.to_parquet(path)
    words = ["fit", str(path), "--task", "impute", "--recipe", "undercomplete", "--epochs", "3", "--quiet"]
    assert main([*words, "--drop", "name", "--out", model]) == 0
    assert "name" not in capsys.readouterr().err
    assert nw.load(model).ae_.input == nw.inputs.Table(drop=("name",))
    out, page = tmp_path / "filled.parquet", tmp_path / "gaps.html"
    assert main(["impute", model, str(path), "--out", str(out), "--report", str(page), "--quiet"]) == 0
    filled = pd.read_parquet(out)
    assert filled["name"].equals(frame["name"]) and not filled.isna().any().any()
    text = page.read_text()
    assert " days<" in text and "in σ" in text and "probability" in text


def test_the_page_of_images_has_a_column_for_each_pixel(tmp_path):
    rng = np.random.default_rng(0)
    images = rng.random((12, 15, 15)).astype(np.float32)
    nw.Autoencoder(2, max_epochs=1).fit(images).save(tmp_path / "m.safetensors")
    images[:2, 2:5, 3:6] = np.nan
    np.save(tmp_path / "x.npy", images)
    out, page = tmp_path / "y.npy", tmp_path / "gaps.html"
    words = ["impute", str(tmp_path / "m.safetensors"), str(tmp_path / "x.npy"), "--out", str(out)]
    assert main([*words, "--report", str(page), "--quiet"]) == 0
    assert not np.isnan(np.load(out)).any()
    text = page.read_text()
    assert "18 of 2700 values were missing, in 2 of 12 rows" in text
    assert "x33<" in text and "200 columns of 225" in text


@pytest.mark.filterwarnings("default:.*not seen")
def test_the_page_counts_no_category_that_is_new(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # where the filled rows are left
    frame = pd.DataFrame({"a": np.arange(40.0), "kind": ["x", "y"] * 20})
    frame.loc[0, "a"] = frame.loc[1, "kind"] = None
    ae = nw.Autoencoder(2, corruption=nw.corruptions.Masking(0.3), max_epochs=1).fit(frame)
    nw.Imputer(ae).fit(frame).save(tmp_path / "m.safetensors")
    frame.loc[5:9, "kind"] = "z"
    frame.to_parquet(tmp_path / "x.parquet")
    words = ["impute", str(tmp_path / "m.safetensors"), str(tmp_path / "x.parquet"), "--quiet"]
    assert main([*words, "--report", str(tmp_path / "gaps.html")]) == 0
    assert "2 of 80 values were missing, in 2 of 40 rows" in (tmp_path / "gaps.html").read_text()

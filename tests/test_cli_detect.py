"""``narrows fit --task detect`` and ``narrows detect``: tables of anomalies with reasons, and a page."""

import json

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from scipy.io import wavfile

import narrows as nw
from narrows.cli.app import main


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    folder = tmp_path_factory.mktemp("work")
    rng = np.random.default_rng(0)

    def table(n):
        t = rng.normal(20, 2, n)
        return pd.DataFrame({"t": t, "p": 1000 + 3 * t + rng.normal(size=n), "s": np.where(t > 20, "a", "b")})

    table(400).to_csv(folder / "usual.csv", index=False)
    new = table(100)
    new.loc[:4, "p"] += 20
    new.to_csv(folder / "new.csv", index=False)
    words = ["fit", str(folder / "usual.csv"), "--out", str(folder / "d.safetensors"), "--quiet"]
    assert main([*words, "--task", "detect"]) == 0
    ae = [
        "fit",
        str(folder / "usual.csv"),
        "--out",
        str(folder / "ae.safetensors"),
        "--quiet",
        "--epochs",
        "5",
    ]
    assert main([*ae, "--recipe", "undercomplete"]) == 0
    return folder


@pytest.fixture(autouse=True)
def here(work, monkeypatch):
    monkeypatch.chdir(work)


def test_a_table_of_answers_and_a_page(capsys):
    assert main(["detect", "d.safetensors", "new.csv", "--report", "odd.html"]) == 0
    said = capsys.readouterr().out
    assert "wrote new-anomalies.csv" in said and "wrote odd.html" in said
    found = pd.read_csv("new-anomalies.csv")
    assert list(found) == ["row", "score", "p_value", "anomaly", "reason_1", "reason_2", "reason_3"]
    assert found["anomaly"][:5].all() and found["anomaly"][5:].mean() < 0.15
    assert (found["reason_1"][:5].isin(["p", "t"])).all()
    with open("odd.html") as page:
        assert "Anomalies in new.csv" in page.read()


def test_facts_for_programs_and_false_discoveries(capsys):
    words = ["detect", "d.safetensors", "new.csv", "--fdr", "0.3", "--json", "--out", "z.parquet"]
    assert main(words) == 0
    facts = json.loads(capsys.readouterr().out)
    found = pd.read_parquet("z.parquet")["anomaly"]
    assert facts == {"rows": 100, "anomalies": int(found.sum()), "wrote": "z.parquet"} and found[:5].all()


def test_any_autoencoder_with_usual_rows(capsys):
    assert main(["detect", "ae.safetensors", "new.csv", "--out", "a.csv"]) == 2
    assert "give --usual DATA" in capsys.readouterr().err
    assert main(["detect", "ae.safetensors", "new.csv", "--usual", "usual.csv", "--out", "a.npy"]) == 0
    assert np.load("a.npy").shape == (100, 3)
    assert main(["detect", "d.safetensors", "new.csv", "--usual", "usual.csv"]) == 2


@pytest.mark.parametrize(
    ("words", "what"),
    [
        (["detect", "d.safetensors", "new.csv", "--out", "a.csv", "--report", "a.csv"], "also what is read"),
        (["detect", "d.safetensors", "new.csv", "--report", "a.pdf"], "not an .html name"),
        (["transform", "d.safetensors", "new.csv", "--out", "c.csv"], "use 'narrows detect'"),
        (["evaluate", "d.safetensors", "new.csv"], "use 'narrows detect'"),
        (["sample", "d.safetensors"], "use 'narrows detect'"),
        (["fit", "usual.csv", "--task", "detect", "--epochs", "3"], "name a --recipe too"),
        (["fit", "usual.csv", "--task", "detect", "--set", "foo=3"], "--set foo is no choice"),
    ],
)
def test_what_cannot_be_is_said_in_a_sentence(words, what, capsys):
    assert main(words) == 2
    said = capsys.readouterr().err
    assert what in said and said.count("\n") == 1


def test_a_task_of_one_model_is_one_of_that_model(capsys):
    words = ["fit", "usual.csv", "--task", "detect", "--recipe", "undercomplete", "--epochs", "3", "--quiet"]
    assert main([*words, "--set", "contamination=0.1", "--out", "one.safetensors"]) == 0
    assert nw.load("one.safetensors").contamination == 0.1
    assert main(["transform", "one.safetensors", "new.csv", "--out", "codes.npy"]) == 0
    assert len(np.load("codes.npy")) == 100


def test_sounds_are_cut_into_windows():
    t = np.arange(16_000) / 9
    wavfile.write("s.wav", 8000, np.int16(20_000 * np.sin(t)))
    words = ["fit", "s.wav", "--task", "detect", "--quiet", "--out", "s.safetensors"]
    assert main([*words, "--set", "input=signals", "--set", "input.window=64"]) == 0
    assert nw.load("s.safetensors").input == nw.inputs.Signals(window=64)


def test_columns_are_left_out(capsys):
    frame = pd.DataFrame(
        {"id": [f"a{i}" for i in range(100)], "b": np.arange(100.0), "c": np.arange(100.0) % 7}
    )
    frame.to_csv("ids.csv", index=False)
    words = ["fit", "ids.csv", "--task", "detect", "--recipe", "undercomplete", "--epochs", "2", "--quiet"]
    assert main([*words, "--drop", "id", "--drop", "c", "--out", "few.safetensors"]) == 0
    assert list(nw.load("few.safetensors").feature_names_in_) == ["b"]
    assert main(["detect", "few.safetensors", "ids.csv", "--out", "few.csv", "--quiet"]) == 0
    assert set(pd.read_csv("few.csv")["reason_1"]) == {"b"}
    assert main([*words, "--drop", "x", "--out", "none.safetensors"]) == 2
    assert "there is no column 'x'" in capsys.readouterr().err


def test_the_page_shows_the_oddest_rows_themselves(tmp_path, capsys):
    digits = nw.datasets.digits()
    nw.AnomalyDetector(nw.Autoencoder(2, max_epochs=3)).fit(digits.x_train[:200]).save(
        tmp_path / "d.safetensors"
    )
    np.save(tmp_path / "new.npy", digits.x_test[:30])
    page = tmp_path / "page.html"
    assert main(["detect", f"{tmp_path}/d.safetensors", f"{tmp_path}/new.npy", "--out", f"{tmp_path}/a.csv",
                 "--report", str(page)]) == 0  # fmt: skip
    text = page.read_text(encoding="utf-8")
    assert "Where these pictures are odd" in text and "The oddest 20 of 30 rows" in text


def test_the_page_of_a_sound_and_of_a_folder(tmp_path, capsys):
    """Windows of a sound and patches have no file of their own, pictures of a folder have."""
    rng = np.random.default_rng(0)
    wavfile.write(tmp_path / "a.wav", 8000, (rng.normal(size=2000) * 3000).astype(np.int16))
    sounds = nw.AnomalyDetector(nw.Autoencoder(2, max_epochs=2), input=nw.inputs.Signals(window=16))
    sounds.fit(tmp_path / "a.wav").save(tmp_path / "s.safetensors")
    page = tmp_path / "page.html"
    out = ["--out", str(tmp_path / "a.csv"), "--report", str(page), "--quiet"]
    assert main(["detect", f"{tmp_path}/s.safetensors", f"{tmp_path}/a.wav", *out]) == 0
    assert "The oddest 20 of 2000 rows" in page.read_text(encoding="utf-8")
    (tmp_path / "photos").mkdir()
    for i in range(30):
        Image.fromarray(rng.integers(0, 256, (8, 8)).astype(np.uint8)).save(
            tmp_path / "photos" / f"p{i:02}.png"
        )
    pictures = nw.AnomalyDetector(nw.Autoencoder(2, max_epochs=2), contamination=0.1)
    pictures.fit(tmp_path / "photos").save(tmp_path / "p.safetensors")
    assert main(["detect", f"{tmp_path}/p.safetensors", f"{tmp_path}/photos", *out]) == 0
    assert page.read_text(encoding="utf-8").count(".png</t") == 20
    patches = nw.AnomalyDetector(
        nw.Autoencoder(2, max_epochs=2), contamination=0.1, input=nw.inputs.Patches(size=4, step=4)
    )
    patches.fit(tmp_path / "photos").save(tmp_path / "q.safetensors")
    assert main(["detect", f"{tmp_path}/q.safetensors", f"{tmp_path}/photos", *out]) == 0
    assert "The oddest 20 of 120 rows" in page.read_text(encoding="utf-8")


def test_sounds_are_judged_at_their_times(tmp_path):
    """A sound in a file gets what its samples in memory get, times of several stand below each other."""
    rng = np.random.default_rng(0)
    (tmp_path / "s").mkdir()
    for name, n in (("a", 600), ("b", 500)):
        wavfile.write(tmp_path / "s" / f"{name}.wav", 8000, (rng.normal(size=n) * 3000).astype(np.int16))
    detector = nw.AnomalyDetector(nw.Autoencoder(2, max_epochs=2), input=nw.inputs.Signals(window=16))
    detector.fit(tmp_path / "s").save(tmp_path / "d.safetensors")
    long, short = detector.score_samples(tmp_path / "s")
    samples = wavfile.read(tmp_path / "s" / "b.wav")[1][:, None] / np.float32(2**15)
    np.testing.assert_allclose(short, detector.score_samples(samples), rtol=1e-12)
    np.testing.assert_allclose(-detector.explain(tmp_path / "s")[1].sum(1), short, rtol=1e-9)
    assert len(long) == 600 and [len(p) for p in detector.predict(tmp_path / "s")] == [600, 500]
    words = ["detect", f"{tmp_path}/d.safetensors", f"{tmp_path}/s", "--out", f"{tmp_path}/a.csv", "--quiet"]
    assert main([*words, "--report", f"{tmp_path}/page.html"]) == 0
    found = pd.read_csv(tmp_path / "a.csv")
    assert found.file.tolist() == ["a.wav"] * 600 + ["b.wav"] * 500
    assert found.row.tolist() == [*range(600), *range(500)]
    np.testing.assert_allclose(found.score, [*long, *short])

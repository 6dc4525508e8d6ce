"""``narrows denoise``: from a fit to files without noise."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import narrows as nw
from narrows.cli import main
from narrows.estimators import _denoising
from narrows.sources import pictures, wav


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("PICTURES", "SIGNALS"):
        backbone, budget = getattr(_denoising, name)
        backbone = dataclasses.replace(backbone, channels=8, layers=4)
        monkeypatch.setattr(_denoising, name, (backbone, dataclasses.replace(budget, steps=20, batch=8)))


def run(words):
    return main(words.split())


def test_a_folder_of_pictures(tmp_path, capsys):
    rng = np.random.default_rng(0)
    (tmp_path / "photos").mkdir()
    for i, shape in enumerate([(64, 80), (70, 66)]):
        Image.fromarray(rng.integers(90, 160, shape).astype(np.uint8)).save(tmp_path / "photos" / f"{i}.png")
    assert run("fit photos --task denoise --out m.safetensors --quiet") == 0
    assert run("denoise m.safetensors photos --out clean --picture both.png") == 0
    assert "wrote clean: 2 files" in capsys.readouterr().out
    answers = [np.asarray(Image.open(tmp_path / "clean" / f"{i}.png")) for i in (0, 1)]
    assert [a.shape for a in answers] == [(64, 80), (70, 66)]
    assert np.asarray(Image.open("both.png")).shape[0] == 2 * 64 + 1


def test_a_sound_and_a_table(capsys):
    rng = np.random.default_rng(0)
    tone = 0.3 * np.sin(np.arange(3000) / 9) + 0.05 * rng.normal(size=3000)
    wav.write("noisy.wav", tone[:, None].astype(np.float32), 8000)
    assert run("fit noisy.wav --task denoise --set noise=[0,0.1] --out m.safetensors --quiet") == 0
    assert run("denoise m.safetensors noisy.wav --out clean.wav --level 0.05 --picture both.png --quiet") == 0
    np.save("rows.npy", rng.normal(size=(50, 4)))
    nw.recipes.denoising(2, max_epochs=1).fit(np.load("rows.npy")).save("ae.safetensors")
    assert run("denoise ae.safetensors rows.npy") == 0
    assert np.array_equal(
        np.load("rows-denoised.npy"), nw.load("ae.safetensors").reconstruct(np.load("rows.npy"))
    )
    assert "wrote rows-denoised.npy: 50 rows" in capsys.readouterr().out


@pytest.fixture
def drawn(monkeypatch):
    """The shapes of what is drawn, before and after."""
    from narrows.report import before_after

    shapes, draw = [], before_after._signals

    def spy(before, after, ink):
        shapes.append([[x.shape for x in some] for some in (before, after)])
        return draw(before, after, ink)

    monkeypatch.setattr(before_after, "_signals", spy)
    return shapes


def test_the_beginning_of_a_long_series_is_drawn(drawn):
    rng = np.random.default_rng(0)
    series = np.sin(np.arange(6000) / 9)[:, None] + 0.1 * rng.normal(size=(6000, 2))
    ae = nw.Autoencoder(2, input=nw.inputs.Signals(window=64), backbone="conv1d", max_epochs=1).fit(series)
    ae.save("m.safetensors")
    for name, rows in (("long", series), ("short", series[:100])):
        np.save(f"{name}.npy", rows)
        assert run(f"denoise m.safetensors {name}.npy --picture {name}.png --report {name}.html --quiet") == 0
    assert drawn == 2 * [[[(4000, 2)]] * 2] + 2 * [[[(100, 2)]] * 2]
    np.save("several.npy", np.stack([series, series]))
    assert run("denoise m.safetensors several.npy --picture several.png --quiet") == 0
    assert drawn[-1] == [[(4000, 2)] * 2] * 2
    columns = "\n".join(f"{a},{b}" for a, b in series[:5000])
    Path("s.csv").write_text(f"a,b\n{columns}\n")
    assert (
        run("fit s.csv --task denoise --set input=signals --set input.window=64 --out f.safetensors --quiet")
        == 0
    )
    assert run("denoise f.safetensors s.csv --report s.html --quiet") == 0
    assert drawn[-1] == [[(4000, 2)]] * 2


def test_rows_of_a_table_are_drawn_one_by_one(drawn, capsys):
    rng = np.random.default_rng(0)
    rows = "\n".join(f"{a},{b},{c},x{int(c > 0)}" for a, b, c in rng.normal(size=(60, 3)))
    Path("text.csv").write_text(f"a,b,c,k\n{rows}\n,1.0,2.0,x1\n")
    Path("numbers.csv").write_text(
        "a,b,c\n,1.0,2.0\n" + "".join(f"{line[:-3]}\n" for line in rows.splitlines())
    )
    for name in ("text", "numbers"):
        assert run(f"fit {name}.csv --out {name}.safetensors --set max_epochs=1 --quiet") == 0
    assert run("denoise numbers.safetensors numbers.csv --picture n.png --report n.html --quiet") == 0
    assert drawn == 2 * [[[(3,)] * 8] * 2]
    capsys.readouterr()
    for option in ("--picture t.png", "--report t.html"):
        assert run(f"denoise text.safetensors text.csv --out t.csv {option}") == 2
        said = capsys.readouterr().err
        assert "'k'" in said and option.split()[0] in said and "Traceback" not in said
    assert not any(Path(name).exists() for name in ("t.csv", "t.png", "t.html"))
    assert run("denoise text.safetensors text.csv --out t.csv --quiet") == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [("none.safetensors rows.npy", "no model"), ("ae.safetensors rows.npy --level 0.1", "one level of noise"),
     ("ae.safetensors rows.npy --picture both.jpg", ".png"), ("detector.safetensors rows.npy", "AnomalyDetector")],
)  # fmt: skip
def test_what_cannot_be_done_is_said(words, said, capsys):
    rows = np.random.default_rng(0).normal(size=(80, 4))
    np.save("rows.npy", rows)
    nw.recipes.denoising(2, max_epochs=1).fit(rows).save("ae.safetensors")
    if "detector" in words:
        nw.AnomalyDetector(nw.load("ae.safetensors")).fit(rows).save("detector.safetensors")
    assert run(f"denoise {words}") == 2
    assert said in capsys.readouterr().err


def test_one_picture_facts_and_a_page(tmp_path, capsys):
    rng = np.random.default_rng(0)
    photo = rng.integers(90, 160, (64, 80, 3)).astype(np.uint8)
    Image.fromarray(photo).save("photo.png")
    Image.fromarray(photo).save("other.jpg")
    assert run("fit photo.png --task denoise --out m.safetensors --quiet") == 0
    capsys.readouterr()
    assert run("denoise m.safetensors photo.png --out clean.png --json --report page.html") == 0
    facts = json.loads(capsys.readouterr().out)
    assert (facts["rows"], facts["noise"], facts["wrote"]) == (1, "gaussian", "clean.png") and facts[
        "level"
    ] > 0
    assert np.array_equal(pictures.decode("clean.png"), nw.load("m.safetensors").transform(photo[None])[0])
    text = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "gaussian" in text and "photo.png" in text and "data:image/png" in text
    nw.load("m.safetensors").ae_.save("ae.safetensors")
    assert (
        run("denoise m.safetensors other.jpg") == 0
        and pictures.decode("other-denoised.png").shape == photo.shape
    )
    assert run("reconstruct ae.safetensors photo.png --out again.png") == 0
    assert pictures.decode("again.png").shape == photo.shape
    assert "wrote again.png: 1 × 64 × 80 × 3" in capsys.readouterr().out
    np.save("two.npy", np.stack([photo, photo]))
    np.save("first.npy", np.stack([photo / 255.0]))
    assert run("denoise m.safetensors two.npy --out two.png") == 2 and "holds one" in capsys.readouterr().err
    assert run("denoise m.safetensors first.npy --out f.png") == 2 and "bytes" in capsys.readouterr().err
    assert (
        run("denoise m.safetensors photo.png --report page.txt") == 2 and ".html" in capsys.readouterr().err
    )

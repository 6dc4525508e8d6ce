"""The demo trains every recipe, says so on the screen, and leaves a whole page and a working model."""

import contextlib
import io
import re
import runpy
import shlex
import time
from pathlib import Path

import numpy as np
import pytest

from narrows import datasets, demo, load
from narrows.cli import main
from narrows.demo.picture import draw
from narrows.demo.plan import MAP, for_pictures, trials
from narrows.demo.work import Outcome, Results, noise_test, train, verdict
from narrows.report import figure_png

check = runpy.run_path(str(Path(__file__).parent / "report" / "pages.py"))["check"]


# One epoch is too short for a code to say anything.
pytestmark = pytest.mark.filterwarnings("ignore:The posterior has collapsed:UserWarning")


class Quiet:
    def begin(self, trial): ...
    def epoch(self, number): ...
    def done(self, outcome): ...
    def close(self): ...


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """One short demo: its folder, its page, and what it printed on either channel."""
    folder = tmp_path_factory.mktemp("demo") / "a new" / "folder"
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        report = demo.run(folder, epochs=1)
    return report, report.read_text(encoding="utf-8"), out.getvalue(), err.getvalue()


def test_it_writes_a_page_and_a_model_and_nothing_else(done):
    report, html, *_ = done
    assert report.name == "report.html"
    assert sorted(file.name for file in report.parent.iterdir()) == ["report.html", "variational.safetensors"]
    assert len(html) <= 4 * 2**20


def test_the_page_is_whole_and_has_every_recipe_in_its_table(done):
    seen = check(done[1])
    head, *rows = seen.cells
    assert head[:4] == ["recipe", "latent size", "MSE", "PCA’s MSE"]
    assert sorted(row[0] for row in rows) == sorted(for_pictures())
    for name, size, mse, pca, seconds in rows:
        assert float(mse) > 0 and float(seconds) >= 0, name
        assert (pca == "lossless") == (int(size) >= 64), name
        assert pca == "lossless" or 0 < float(pca) < 19, name


def test_the_page_shows_what_was_promised(done):
    seen = check(done[1])
    assert "`" not in seen.text  # all became code
    alts = "\n".join(image["alt"] for image in seen.all("img"))
    for name in for_pictures():
        assert f"as {name} reconstructs them" in alts
        assert f"Loss of {name} over 1 epochs" in alts
    for words in (
        "under heavy Gaussian noise",
        "What denoising makes of",
        "drawn by variational",
        "Map of the held-out",
    ):
        assert words in alts
    for words in ("narrows 0.", "torch 2.", "seed", "nw.recipes.denoising(latent_dim=16, noise=0.3"):
        assert words in seen.text


def test_the_screen_says_the_same(done):
    *_, out, err = done
    assert len(re.findall(r"^ *\d+/19 ", err, re.MULTILINE)) == len(trials()) == 19
    for name in for_pictures():
        assert re.search(rf"^{name} +\d+ +\d+\.\d\d +(\d+\.\d\d|lossless) +\d+\.\d s", out, re.MULTILINE), (
            name
        )
    assert "PCA loses nothing" in out and "[" not in out


def test_what_next_really_works(done, tmp_path, monkeypatch, capsys):
    commands = re.findall(r"^ +\S.*?((?:evaluate|sample|transform) .*)$", done[2], re.MULTILINE)
    assert len(commands) == 3
    monkeypatch.chdir(tmp_path)
    for command in commands:
        assert main(shlex.split(command)) == 0
    capsys.readouterr()
    assert np.load("new-digits.npy").shape == (16, 8, 8)
    assert len(Path("codes.csv").read_text().splitlines()) == 1798


def test_the_model_is_the_one_of_the_table(done):
    ae = load(done[0].with_name("variational.safetensors"))
    row = next(row for row in check(done[1]).cells if row[0] == "variational")
    assert f"{ae.evaluate(datasets.digits().x_test)['mse']:.2f}" == row[2]


def test_a_file_in_the_way_is_said_before_any_work(tmp_path):
    (tmp_path / "taken").write_text("mine")
    began = time.perf_counter()
    with pytest.raises(NotADirectoryError, match="a file is in the way; give the name of a folder"):
        demo.run(tmp_path / "taken")
    with pytest.raises(NotADirectoryError, match="a file is in the way"):
        demo.run(tmp_path / "taken" / "deeper")
    assert (tmp_path / "taken").read_text() == "mine"
    assert time.perf_counter() - began < 2


def test_ctrl_c_ends_the_demo_and_not_one_model(tmp_path):
    class Impatient(Quiet):
        seen = 0

        def epoch(self, number):
            type(self).seen += 1
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(trials(3), datasets.digits(), 0, Impatient())
    assert Impatient.seen == 1


def outcome(title, mse, pca_mse, ae):
    trial = next(trial for trial in trials(1) if trial.title == title)
    return Outcome(trial, ae, {"mse": mse, "pca_mse": pca_mse})


def test_the_verdict_is_honest():
    data = datasets.digits()
    plan = [trial for trial in trials(1) if trial.title in ("deep", "denoising", "topk")]
    fits = {o.trial.title: o.ae for o in train(plan, data, 0, Quiet())}

    def said(deep, pca):
        rows = [
            outcome("deep", deep, pca, fits["deep"]),
            outcome("denoising", 3.5, 3.0, fits["denoising"]),
            outcome("topk", 1.0, 0.0, fits["topk"]),
        ]
        results = Results(data, rows)
        return "\n".join(verdict(results, noise_test(results, 0)))

    assert (
        "Better than PCA of the same size: `deep`. The best of them, `deep`, has an error 2.0 times"
        in said(3.0, 6.0)
    )
    assert "as good as or better than `denoising`: " in said(3.0, 6.0)
    assert "as good as or better than `deep` and `denoising`: " in said(5.9, 6.0)  # 2% is no victory
    assert "Better" not in said(5.9, 6.0)
    assert "no contest with `topk`" in said(3.0, 6.0)


def test_the_plan_is_planned_for_every_recipe():
    plan = trials()
    assert sorted(trial.recipe for trial in plan if trial.title != MAP) == sorted(for_pictures())
    assert all(trial.about.endswith(".") and "\n" not in trial.about for trial in plan)
    assert all(trial.about.count("`") % 2 == 0 and "``" not in trial.about for trial in plan)
    assert {trial.epochs for trial in trials(7)} == {7}
    ae = eval(next(t.call for t in plan if t.title == "topk"), {"nw": __import__("narrows")})
    assert ae.bottleneck.k == 12 and ae.latent_dim == 128


def test_the_picture_of_the_readme_can_be_drawn_anew(capsys):
    assert figure_png(draw(epochs=1), dpi=50)[:4] == b"\x89PNG"
    capsys.readouterr()

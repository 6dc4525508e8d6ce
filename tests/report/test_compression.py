"""The section about a codec: its figures are those that were measured, and its page is whole."""

import dataclasses
import os
import runpy
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import narrows as nw
from narrows.cli import main
from narrows.report import DARK, compression, figure_png, model_page
from narrows.report.rate_curve import rate_curve, write
from narrows.tasks.rates import rated

HERE = Path(__file__).parent
browser_module = runpy.run_path(str(HERE / "browser.py"))
check = runpy.run_path(str(HERE / "pages.py"))["check"]
PROGRAM = browser_module["found"]()
SHOTS = os.environ.get("NARROWS_SHOTS")


def pictures():
    X = nw.datasets.digits().x_test[:200]
    return nw.Codec(nw.recipes.rate_distortion(12, hidden=(), max_epochs=2)).fit(X), X


def table():
    z = np.random.default_rng(0).normal(size=(200, 2))
    frame = pd.DataFrame({"a": z[:, 0], "b": 1000 * z.sum(1), "kind": np.where(z[:, 0] > 0, "u", "v")})
    part = nw.bottlenecks.Factorised(0.01)
    model = nw.Autoencoder(
        2, backbone=nw.backbones.MLP((8,)), bottleneck=part, scale="standard", max_epochs=2
    )
    return nw.Codec(model, rel_error=0.01).fit(frame), frame


@pytest.fixture(scope="module", params=[pictures, table])
def made(request, tmp_path_factory):
    codec, X = request.param()
    rates = nw.rates(codec, X)
    path = tmp_path_factory.mktemp("pages") / f"codec-{request.param.__name__}.html"
    path.write_text(model_page(codec.ae_, X, rates=rates), encoding="utf-8")
    return rates, path


def test_the_page_holds_what_was_measured(made):
    rates, path = made
    seen = check(path.read_text(encoding="utf-8"))
    assert [section["id"] for section in seen.all("section")][:3] == ["in-short", "compression", "data"]
    sizes = rates.sizes
    for words in (
        f"{sizes['stored']:,} bytes",
        f"{sizes['raw']:,} bytes become",
        f"{sizes['model']:,} bytes",
    ):
        assert words in seen.text
    rows = [row for row in seen.cells if len(row) >= 4 and row[0].startswith(tuple(rates.curves))]
    assert len(rows) == sum(map(len, rates.curves.values()))
    points = [point for points in rates.curves.values() for point in points]
    assert [row[2] for row in rows] == [f"{point.stored:,}" for point in points]
    assert not [cell for row in seen.cells for cell in row if cell in ("nan", "inf", "None")]
    assert f"Error against bits of a value, of {', '.join(rates.curves)}" in {
        i["alt"] for i in seen.all("img")
    }


def curves():
    x = np.full((8, 2), -5.0)  # without a natural largest value
    return {
        "codec": [rated(x, x + 1, 8)],
        "codec within bounds": [rated(x, x + 0.5, 16, 0.5), rated(x, x + 0.1, 64, 0.1), rated(x, x, 90, 0.0)],
        "PCA and rANS": [rated(x, x + 0.7, 32, 1.0), rated(x, x + 0.2, 128, 0.5)],
    }


def test_lines_go_through_the_points():
    found = curves()
    (ax,) = rate_curve(found, chosen=found["codec"][0], ink=DARK).axes
    lines = {line.get_label(): np.array(line.get_xydata()) for line in ax.lines}
    assert lines["codec"] == pytest.approx(np.array([[4.0, 1.0]]))
    assert lines["codec within bounds"] == pytest.approx(np.array([[8.0, 0.5], [32.0, 0.1]]))
    assert lines["as it is set"] == pytest.approx(np.array([[4.0, 1.0]]))
    low, high = ax.get_ylim()
    assert low > high, "a smaller error is higher"


def test_decibels_where_there_are_any():
    x = np.random.default_rng(0).random((8, 4))
    found = {"codec": [rated(x, x + 0.1, 8)], "JPEG": [rated(x, x + 0.01, 80, 5)]}
    ax = rate_curve(found).axes[0]
    assert ax.get_ylabel() == "PSNR, dB"
    assert ax.lines[0].get_ydata() == pytest.approx([20]) and ax.lines[1].get_ydata() == pytest.approx([40])
    assert rate_curve(found, apart=True).axes[0].get_ylabel().endswith("standard deviations")


def test_odd_curves_are_drawn():
    x = np.zeros((4, 1))
    for odd in ({}, {"codec": []}, {"codec": [rated(x, x, 3)]}, {"PCA and rANS": [rated(x, x + 1, 3, 1.0)]}):
        assert figure_png(rate_curve(odd)).startswith(b"\x89PNG")


def test_a_picture_is_written(tmp_path, refused):
    figure = rate_curve(curves())
    for ending, first in (("png", b"\x89PNG"), ("svg", b"<?xml"), ("pdf", b"%PDF")):
        write(figure, tmp_path / f"c.{ending}")
        assert (tmp_path / f"c.{ending}").read_bytes().startswith(first)
    with refused("c.txt"):
        write(figure, tmp_path / "c.txt")


def test_what_never_pays_is_said(made):
    rates, _ = made
    sizes = dict(rates.sizes) | {
        "stored": rates.sizes["raw"] + 1,
        "chunks": {"bytes": 0, "model": 0, "PCA": 0, "rounding": 0},
    }
    bare = dataclasses.replace(rates, sizes=sizes, curves={}, own_pca=None)
    section = compression.section(bare)
    facts = section.blocks[0].items
    assert len(section.blocks) == 1 and not section.notes
    assert facts["with the model"] == "never fewer" and facts["chunks"] == "none"


def test_the_command_line_shows_it_for_a_codec(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    codec, X = pictures()
    codec.save("codec.safetensors")
    np.save("x.npy", X)
    assert main(["report", "codec.safetensors", "x.npy", "--out", "page.html", "--quiet"]) == 0
    sections = [
        section["id"] for section in check(Path("page.html").read_text(encoding="utf-8")).all("section")
    ]
    assert {"compression", "reconstructions", "map"} <= set(sections)


@pytest.mark.skipif(PROGRAM is None, reason="NO BROWSER: install Chromium to test the pages")
@pytest.mark.parametrize(
    ("width", "dark", "touch"), [(1000, False, False), (1000, True, False), (390, False, True)]
)
def test_the_section_is_drawn_and_fits(made, width, dark, touch):
    _, path = made
    section = "document.querySelector('#compression')"
    with browser_module["Browser"](PROGRAM) as browser:
        browser.open(path, width, 800, dark, touch)
        browser.run(f"{section}.querySelectorAll('details').forEach((d) => (d.open = true))")
        browser.settle()
        assert browser.run("document.documentElement.scrollWidth") <= width
        image = f"{section}.querySelector('img')"
        assert browser.run(f"{image}.naturalWidth") > 600 and browser.run(f"{image}.clientWidth") > 300
        assert browser.run(f"{image}.currentSrc === {image}.src") != dark
        assert browser.errors == []
        if SHOTS:
            top, height = browser.run(
                f"(() => {{ const r = {section}.getBoundingClientRect(); return [r.top + scrollY, r.height]; }})()"
            )
            kind = "phone" if touch else "dark" if dark else "light"
            browser.screenshot(Path(SHOTS) / f"{path.stem}-{kind}.png", (0, top, width, height))

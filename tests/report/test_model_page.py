"""The page about a model is complete in itself, says what is so, and stays small."""

import base64
import re
import runpy
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import narrows as nw
from narrows.report import latent_sizes, model_page
from narrows.report.evidence import gather
from narrows.report.pack import numbers, shades
from narrows.report.sprites import sheet
from narrows.report.views import CurvesView, PicturesView, ValuesView, view_of

HERE = Path(__file__).parent
pages = runpy.run_path(str(HERE / "pages.py"))
EVERY = runpy.run_path(str(HERE / "made.py"))["EVERY"]
check, moving = pages["check"], pages["moving"]
SECTIONS = [
    "in-short", "data", "learning", "reconstructions", "errors-by-feature", "latent-size", "map", "samples",
    "traversals", "interpolations", "anomalies", "model-card",
]  # fmt: skip


@pytest.fixture(scope="module", params=EVERY)
def made(request):
    ae, X, labels = EVERY[request.param]()
    html = model_page(ae, X, labels=labels)
    return ae, X, labels, html, check(html)


def unpacked(packed):
    """What the page's own script reads."""
    kind = {"uint8": "u1", "uint16": "<u2", "float32": "<f4"}[packed["type"]]
    raw = np.frombuffer(base64.b64decode(packed["data"]), kind)
    values = packed["low"] + packed["step"] * raw.astype(float)
    return np.where(raw == packed.get("gap", np.inf), np.nan, values)


def test_a_page_of_any_data_is_whole(made):
    *_, seen = made
    assert [section["id"] for section in seen.all("section")] == SECTIONS
    assert not [cell for row in seen.cells for cell in row if re.search(r"\bnan\b|\binf\b|None", cell)]


def test_every_chart_has_a_table(made):
    *_, html, _ = made
    for figure in re.findall(r'<figure class="(?:chart|live)".*?</figure>', html, re.DOTALL):
        assert "<details>" in figure and "<table" in figure
        assert re.search(r'<img src="data:image/png', figure) or figure.count("<table") == 2


def test_the_map_holds_every_row(made):
    ae, X, labels, _, seen = made
    data = moving(seen)[0]
    codes = ae.transform(X)
    assert data["count"] == len(codes) and data["index"] is None
    axes = {axis["name"]: unpacked(axis["values"]) for axis in data["axes"]}
    for j in range(ae.latent_dim_ if ae.latent_dim_ <= 8 else 0):
        spread = np.ptp(codes[:, j])
        assert np.allclose(axes[f"latent {j}"], codes[:, j], atol=spread / 60_000)
    colours = {column["name"]: column for column in data["colours"]}
    scores = ae.score_samples(X)
    assert np.allclose(unpacked(colours["score"]["values"]), scores, rtol=1e-5, atol=1e-4)
    assert ("label" in colours) == (labels is not None)
    if labels is not None and "levels" in colours["label"]:
        names = np.array(colours["label"]["levels"])
        assert (
            names[unpacked(colours["label"]["values"]).astype(int)] == np.asarray(labels).astype(str)
        ).all()


def test_rows_are_shown_by_their_shape():
    kinds = {}
    for name, make in EVERY.items():
        ae, X, _ = make()
        kinds[name] = view_of(ae.fitted_.schema, ae.fitted_.schema.rows(X)[:])
    assert isinstance(kinds["pictures"], PicturesView)
    assert isinstance(kinds["signals"], CurvesView) and isinstance(kinds["wide"], CurvesView)
    assert all(isinstance(kinds[name], ValuesView) for name in ("table", "vectors", "words"))
    counts = np.random.default_rng(0).poisson(1.0, (30, 70))
    schema = nw.inputs.Counts().learn(counts)
    assert isinstance(view_of(schema, schema.rows(counts)[:]), ValuesView)


def test_a_category_that_is_not_known_is_no_gap():
    frame = pd.DataFrame({"a": np.arange(8.0), "kind": [*"xyxyxy", None, "y"]})
    schema = nw.inputs.Table().learn(frame)
    frame.loc[0, "kind"] = "z"
    with pytest.warns(UserWarning, match="not seen"):
        view = view_of(schema, schema.rows(frame))
    assert view.said_value(1, float(view.rows[0, 1])) == "a category not seen"
    assert view.said_value(1, float(view.rows[6, 1])) == "–"
    assert view.facts()["missing values"] == "1 of 16"
    (table,) = view.examples(view.rows)
    assert table.rows[1][2] == "12.5"


def test_a_table_shows_its_own_values():
    ae, frame, labels = EVERY["table"]()
    seen = check(model_page(ae, frame, labels=labels))
    columns = {column["name"]: column for column in moving(seen)[0]["colours"]}
    assert np.array_equal(unpacked(columns["age"]["values"]), frame["age"])
    assert np.allclose(unpacked(columns["pay"]["values"]), frame["pay"], rtol=1e-6, equal_nan=True)
    jobs = unpacked(columns["job"]["values"])
    names = [columns["job"]["levels"][int(j)] if j == j else None for j in jobs]
    assert names == [None if job != job else job for job in frame["job"].where(frame["job"].notna(), np.nan)]
    assert columns["since"]["time"] and all(columns[name]["shown"] for name in frame.columns)
    assert "<b>pilot</b>" in seen.text and not seen.all("b")


def test_errors_beside_pca_are_those_of_evaluate():
    for name in ("pictures", "vectors", "signals", "table"):
        ae, X, _ = EVERY[name]()
        found, figures = gather(ae.fitted_, X), ae.evaluate(X)
        ours, linear = found.kept
        if name == "table":
            numbers_ = np.array(ae.fitted_.schema.levels) == 0
            assert np.nanmean(ours[numbers_]) == pytest.approx(figures["r2"], abs=1e-6)
            assert np.nanmean(linear[numbers_]) == pytest.approx(figures["pca_r2"], abs=1e-6)
        curve = dict(latent_sizes.linear_curve(ae.fitted_, found.rows))
        assert curve[ae.latent_dim_] == pytest.approx(1 - figures["pca_r2"], rel=1e-3)
        lost = [curve[size] for size in sorted(curve)]
        assert lost == sorted(lost, reverse=True)


def test_a_curve_of_sizes_stands_beside_pca():
    ae, X, _ = EVERY["vectors"]()
    curve = [{"latent_dim": k, "r2": r2, "pca_r2": r2 - 0.25} for k, r2 in ((1, 0.5), (2, 0.75), (4, 0.9))]
    seen = check(model_page(ae, X, curve=curve))
    assert ["1", "75%", "50%"] in seen.cells and ["4", "35%", "10%"] in seen.cells


def test_scores_of_the_users_own_order_the_oddest_rows():
    ae, X, _ = EVERY["vectors"]()
    score = np.arange(len(X), 0.0, -1.0)
    seen = check(model_page(ae, X, score=score))
    odd = [row[0] for row in seen.cells if len(row) == 3 and row[1] in {f"{i:g}" for i in range(1, 4)}]
    assert odd[:3] == ["149", "148", "147"]


@pytest.mark.parametrize(("given", "named"), [({"labels": [1, 2]}, "(2,)"), ({"score": np.zeros(3)}, "(3,)")])
def test_labels_and_scores_are_one_for_each_row(refused, given, named):
    ae, X, _ = EVERY["vectors"]()
    with refused(named, "150"):
        model_page(ae, X, **given)


def test_a_model_whose_decoder_sees_the_row_makes_nothing_up():
    X = np.random.default_rng(0).normal(size=(40, 1, 12, 12)).astype("f4")
    ae = nw.Autoencoder(
        input=nw.inputs.Images(channels="first"), backbone=nw.backbones.Residual(), max_epochs=1
    ).fit(X)
    seen = check(model_page(ae, X))
    assert [s["id"] for s in seen.all("section")] == [n for n in SECTIONS if n not in SECTIONS[7:10]]


def test_one_row_and_equal_rows_make_a_page():
    ae, X, _ = EVERY["vectors"]()
    check(model_page(ae, X[:1]))
    check(model_page(ae, np.repeat(X[:1], 5, axis=0)))


def test_a_column_that_is_empty_in_these_rows_makes_a_page():
    frame = pd.DataFrame({"a": [1, 2, np.nan, 4] * 20, "b": np.arange(80.0) % 7, "c": list("xyzx") * 20})
    ae = nw.Autoencoder(2, max_epochs=3).fit(frame)
    check(model_page(ae, frame[2:3]))
    check(model_page(ae, frame.assign(a=np.nan)))


def test_a_conditional_model_shows_samples_of_each_label():
    rng = np.random.default_rng(0)
    y = np.repeat(["cat", "dog"], 40)
    for X in (rng.random((80, 6, 6)), rng.normal(size=(80, 5)), rng.normal(size=(80, 1, 64))):
        kind = "signals" if X.ndim == 3 and X.shape[1] == 1 else None
        ae = nw.Autoencoder(2, max_epochs=2, conditional=True, input=kind).fit(X, y)
        html = model_page(ae, X, labels=y)
        check(html)
        assert "12 of each label" in html and ": cat" in html and ": dog" in html


def test_the_page_says_where_pca_is_better_and_where_rows_are_strange(tmp_path):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 2)) @ rng.normal(size=(2, 8)) + 0.01 * rng.normal(size=(200, 8))
    ae = nw.Autoencoder(2, backbone="mlp", max_epochs=1).fit(X)
    assert "PCA is better, and simpler" in model_page(ae, X)
    assert "the mean of these rows would do better" in model_page(ae, X + 30)
    found = nw.tune(X, nw.Autoencoder(2, max_epochs=2), trials=1)
    assert "html" in model_page(found.best_, X, curve=found)[:200].lower()
    with pytest.raises(ValueError, match=r"not an \.html name"):
        ae.report(X, tmp_path / "page.pdf")
    with pytest.raises(TypeError, match="labels=y"):
        ae.report(X, np.ones(200))


@pytest.mark.slow
def test_twenty_thousand_rows_fit_into_four_megabytes():
    rng = np.random.default_rng(0)
    noisy = rng.integers(0, 256, (20_000, 28, 28), dtype=np.uint8)  # nothing is harder to pack
    table = rng.normal(size=(20_000, 40))
    signals = rng.normal(size=(20_000, 64, 3))
    for X, chosen in ((noisy, {}), (table, {}), (signals, {"input": "signals"})):
        ae = nw.Autoencoder(2, backbone=nw.backbones.MLP(()), max_epochs=1, **chosen).fit(X[:500])
        html = model_page(ae, X, labels=rng.permutation([f"kind {i}" for i in range(20_000)]))
        assert len(html.encode()) <= 4_000_000
        assert moving(check(html))[0]["count"] == 20_000


def test_of_more_rows_some_are_shown_by_their_own_numbers(monkeypatch):
    monkeypatch.setattr("narrows.report.evidence.ROWS", 50)
    ae, X, labels = EVERY["pictures"]()
    seen = check(model_page(ae, X, labels=labels))
    data = moving(seen)[0]
    index = unpacked(data["index"]).astype(int)
    assert len(index) == 50 and (np.diff(index) > 0).all() and index.max() < len(X)
    label = next(column for column in data["colours"] if column["name"] == "label")
    assert (unpacked(label["values"]) == labels[index]).all()
    assert "50 of 359 rows" in seen.text


@pytest.mark.parametrize(
    "values", [[3.0, 5.0, np.nan], [0.25, -1e6, 7.0], [1.0], [np.nan], np.arange(70_000.0)]
)
def test_packed_numbers_come_back(values):
    values = np.asarray(values, float)
    spread = (
        np.nanmax(values, initial=-np.inf) - np.nanmin(values, initial=np.inf)
        if np.isfinite(values).any()
        else 0
    )
    assert np.allclose(unpacked(numbers(values)), values, atol=spread / 65_534, rtol=0, equal_nan=True)
    assert np.allclose(unpacked(numbers(values, exact=True)), values, rtol=1e-6, equal_nan=True)


def test_shades_are_within_half_a_step():
    values = np.linspace(-3, 9, 1000)
    assert np.abs(unpacked(shades(values)) - values).max() <= 12 / 255 / 2 + 1e-9


def test_a_sheet_is_exact_where_there_is_room_and_small_where_there_is_not():
    import io

    from PIL import Image

    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (7, 8, 6, 1), dtype=np.uint8)
    found = sheet(images, 100_000)
    assert (found.mime, found.width, found.height, found.columns) == ("image/png", 6, 8, 3)
    whole = np.asarray(Image.open(io.BytesIO(found.file)))
    for i, image in enumerate(images):
        top, left = 8 * (i // 3), 6 * (i % 3)
        assert (whole[top : top + 8, left : left + 6] == image[..., 0]).all()
    many = rng.integers(0, 256, (300, 40, 40, 3), dtype=np.uint8)
    assert len(sheet(many, 60_000).file) <= 75_000


def test_an_estimator_writes_the_page(tmp_path):
    X = np.random.default_rng(0).normal(size=(80, 5))
    ae = nw.Autoencoder(2, max_epochs=3).fit(X)
    path = ae.report(X, tmp_path / "page.html", labels=np.arange(80) % 2)
    assert path == tmp_path / "page.html" and path.read_text(encoding="utf-8").startswith("<!doctype html>")
    np.save(tmp_path / "x.npy", X)
    assert ae.report(tmp_path / "x.npy", tmp_path / "file.html").is_file()
    with pytest.raises(ValueError, match=r"x\.npy"):
        ae.report(tmp_path / "x.npy", tmp_path / "x.npy")

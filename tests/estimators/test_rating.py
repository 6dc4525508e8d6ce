"""What a codec's bytes buy, beside other ways: points are what is really stored, rivals are what they are called."""

import math

import numpy as np
import pandas as pd
import pytest
import scipy.sparse

import narrows as nw
from narrows.coding import plain
from narrows.estimators import _rivals
from narrows.estimators._coders import Linear
from narrows.estimators._forms import form_of
from narrows.estimators._promise import Promise
from narrows.estimators.rating import BOUND, OWN, PCA, ZSTD, at_equal_error, some_of
from narrows.tasks.rates import peak, rated

HEADER = {"dtype": "<f8", "shape": [4]}


def table(n=400, d=6, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, 2)) @ rng.normal(size=(2, d)) + 0.05 * rng.normal(size=(n, d))


def small(latent=3, **choices):
    return nw.recipes.rate_distortion(latent, hidden=(), max_epochs=2, **choices)


@pytest.fixture(scope="module")
def codec():
    return nw.Codec(small()).fit(table())


@pytest.fixture(scope="module")
def pictures():
    X = nw.datasets.digits().X[:260].astype(np.uint8) * 15
    return nw.Codec(small(16), max_error=8).fit(X), X


# Points


def test_a_point_in_closed_form():
    x = np.zeros((10, 2))
    x[:, 0] = [-1, 1] * 5
    found = rated(x, x + np.array([0.5, 0.0]), 20, setting=3)
    assert (found.setting, found.stored, found.bits_per_row, found.bits_per_value) == (3, 20, 16, 8)
    assert (found.mse, found.lost, found.error) == (0.125, 0.25, 0.5)
    assert math.isnan(found.psnr)
    first = rated(x, x + np.array([0.5, 9.0]), 20, number=np.array([True, False]), apart=True)
    assert (first.mse, first.lost) == (0.25, 0.25) and first.squared(True) == first.lost
    gaps = np.where(x < 0, np.nan, x)
    assert rated(gaps, gaps + 1, 1).mse == 1


@pytest.mark.parametrize(
    ("rows", "largest"),
    [(np.array([0.2, 1.0]), 1), (np.array([0, 9], np.uint8), 255), (np.array([0, 1], np.uint8), 1)],
)
def test_decibels_are_of_the_largest_value_there_can_be(rows, largest):
    assert peak(rows) == largest
    found = rated(rows[:, None], rows[:, None] + 0.5, 1)
    assert found.psnr == pytest.approx(20 * math.log10(largest / 0.5))
    assert rated(rows[:, None], rows[:, None], 1).psnr == math.inf


def test_the_same_error_lies_between_two_points():
    x = np.zeros((4, 1))
    curve = [rated(x, x + away, size) for away, size in ((1.0, 10), (0.1, 1000))]
    wanted = rated(x, x + math.sqrt(0.1), 1)
    assert at_equal_error(curve, wanted) == pytest.approx(8 * 100 / 4)
    assert math.isnan(at_equal_error(curve, rated(x, x + 2, 1)))
    assert math.isnan(at_equal_error(curve, rated(x, x, 1)))


# The codec


def test_points_are_what_compress_stores(codec):
    X = table(300, seed=1)
    before = codec.get_params()
    found = nw.rates(codec, X)
    assert codec.get_params() == before and not hasattr(codec, "sizes_")
    assert (found.rows, found.total, found.shape) == (300, 300, (6,))
    (own,) = found.curves[OWN]
    assert found.chosen == own and own.stored == len(codec.compress(X)) == found.sizes["stored"]
    assert own.bits_per_value == 8 * own.stored / X.size
    assert own.mse == pytest.approx(np.square(codec.decompress(codec.compress(X)) - X).mean())
    within = nw.Codec(small(), rel_error=0.1).fit(table())
    for point in found.curves[BOUND]:
        within.set_params(rel_error=point.setting)
        within.models_, within.tables_ = codec.models_, codec.tables_
        within.linear_, within.linear_tables_ = codec.linear_, codec.linear_tables_
        assert point.stored == pytest.approx(len(within.compress(X)), abs=64)  # names in the header
        assert point.error <= point.setting * np.ptp(X, axis=0).max()
    assert [p.mse for p in found.curves[BOUND]] == sorted((p.mse for p in found.curves[BOUND]), reverse=True)
    assert found.lossless["codec"].error == 0 and found.lossless["zstd"].stored == len(plain.encode(X))
    assert set(found.beside()) <= {PCA, ZSTD}
    assert len(found.curve) == sum(map(len, found.curves.values())) and "bits/value" in repr(found)


def test_what_the_codec_is_set_to_is_told(codec):
    X = table(100, seed=2)
    for promise, said in (
        ({"max_error": 0.05}, "0.05"),
        ({"rel_error": 0.01}, "1%"),
        ({"lossless": True}, "every bit"),
    ):
        mine = nw.Codec(small(), **promise).fit(table())
        found = nw.rates(mine, X)
        assert said in found.promise and found.chosen.stored == len(mine.compress(X))
        assert found.chosen.mse < found.curves[OWN][0].mse


# PCA


def test_pca_takes_what_theory_says():
    """Gaussian columns in fine steps: ½·log₂(2πe·σ²) − log₂ Δ bits and an error of Δ²/12 each."""
    rng = np.random.default_rng(0)
    sigma = np.array([1.0, 2.0, 4.0, 8.0])
    x = rng.normal(size=(6000, 4)) * sigma
    ae = nw.Autoencoder(4, scale=None, backbone="mlp", max_epochs=1).fit(x)
    codec = nw.Codec()
    codec.linear_ = Linear(ae.fitted_.affine, np.zeros(4), np.eye(4), 1.0, (4,))
    form = form_of(ae.fitted_)
    points = {
        step: (size, values) for step, size, values in _rivals.linear(codec, form, x, Promise(), HEADER)
    }
    assert list(points) == list(_rivals.STEPS)
    for step in (0.5, 0.25):
        size, values = points[step]
        bits = (0.5 * np.log2(2 * np.pi * np.e * sigma**2) - np.log2(step)).mean()
        assert 8 * size / x.size == pytest.approx(bits, rel=0.03)
        assert np.square(values - x).mean() == pytest.approx(step**2 / 12, rel=0.03)


def test_components_that_the_codec_left_out_are_learned(codec):
    x = table(300, 6, seed=3)
    whole = codec.linear_
    form = form_of(codec.ae_.fitted_)
    codec_ = nw.Codec()
    codec_.linear_ = Linear(whole.affine, whole.mean, whole.components[:1], whole.step, whole.row)
    wide = _rivals._wider(codec_.linear_, form.cut(x))
    assert len(wide.components) == 6
    np.testing.assert_allclose(wide.components @ wide.components.T, np.eye(6), atol=1e-5)
    points = list(_rivals.linear(codec_, form, x, Promise(), HEADER))
    assert np.square(points[-1][2] - x).mean() < 0.01
    assert len(_rivals._wider(wide, form.cut(x)).components) == 6
    assert not list(_rivals.linear(codec_, form, x[:2], Promise(), HEADER))


# zstd and pictures


@pytest.mark.parametrize("kind", ["f4", "f8", "u1", "i2"])
def test_rounded_values_keep_the_bound(kind):
    rng = np.random.default_rng(0)
    x = (rng.normal(size=(500, 3)) * 20 + 60).astype(kind)
    for eps in (0.0, 0.5, 3.0):
        size, values = _rivals.zstd(x, np.asarray(eps))
        assert values.dtype == x.dtype
        assert np.abs(values.astype(float) - x).max() <= eps * (1 + 1e-5) + 1e-12
        assert size < x.nbytes or eps == 0
    assert _rivals.zstd(x, np.zeros(()))[0] == len(plain.encode(x))


def test_gaps_and_exact_columns_stay_when_values_are_rounded():
    x = np.random.default_rng(0).normal(size=(200, 3))
    x[3, 0], x[5, 1] = np.nan, np.inf
    size, values = _rivals.zstd(x, np.array([0.1, 0.1, 0.0]))
    assert np.isnan(values[3, 0]) and values[5, 1] == np.inf and (values[:, 2] == x[:, 2]).all()
    assert np.nanmax(np.abs(values[:, 0] - x[:, 0])) <= 0.1 + 1e-12 and size > 8 * 200 * 0.8


@pytest.mark.parametrize("shape", [(7, 1, 4, 6), (12, 3, 5, 5), (1, 1, 3, 3)])
def test_a_mosaic_is_taken_apart_again(shape):
    n = _rivals.filled(shape[0])
    x = np.random.default_rng(0).random((n, *shape[1:]))
    whole = _rivals._mosaic(x)
    assert whole.size == x.size and (_rivals._tiles(whole, x.shape) == x).all()
    assert (whole[: shape[2], : shape[3]] == x[0].transpose(1, 2, 0)).all()


def test_pictures_stand_beside_jpeg_and_webp(pictures):
    codec, X = pictures
    found = nw.rates(codec, X)
    assert found.rows == 256 and not found.apart
    assert {OWN, BOUND, PCA, ZSTD, "JPEG"} <= set(found.curves)
    for name in {"JPEG", "WebP"} & set(found.curves):
        points = found.curves[name]
        assert [p.setting for p in points] == sorted(p.setting for p in points)
        assert [p.stored for p in points] == sorted(p.stored for p in points)
        assert points[-1].psnr > points[0].psnr + 5
    assert all(p.error <= p.setting for p in found.curves[BOUND])
    bounds = [p.setting for p in found.curves[BOUND]]
    assert bounds == [float(int(eps)) for eps in bounds] and bounds[-1] >= 1


def test_colours_and_channels_first_come_back_as_they_were():
    x = np.random.default_rng(0).random((9, 3, 8, 8))
    x = np.repeat(np.repeat(x[..., ::8, ::8], 8, 2), 8, 3)  # one colour each
    for layout, rows in (("first", x), ("last", x.transpose(0, 2, 3, 1))):
        schema = nw.inputs.Images(channels=layout).learn(rows)
        for points in _rivals.pictures(rows, schema).values():
            assert points[-1][2].shape == rows.shape and np.abs(points[-1][2] - rows).mean() < 0.05


# All kinds of rows


def test_tables_series_and_sparse_rows():
    rng = np.random.default_rng(0)
    z = rng.normal(size=300)
    frame = pd.DataFrame({"x": z, "y": 3 * z + 0.1 * rng.normal(size=300), "kind": np.where(z > 0, "u", "v")})
    frame.loc[4, "y"] = np.nan
    part = nw.bottlenecks.Factorised(0.01)
    typed = nw.Autoencoder(
        3, backbone=nw.backbones.MLP((8,)), bottleneck=part, scale="standard", max_epochs=2
    )
    series = np.cumsum(rng.normal(size=(500, 2)), 0)
    counts = rng.poisson(0.5, (200, 5)).astype(float)
    for model, X, kind in (
        (typed, frame, None),
        (small(), series, nw.inputs.Signals(window=16)),
        (small(), series[:, 0], nw.inputs.Signals(window=16)),
    ):
        codec = nw.Codec(model, input=kind).fit(X)
        found = nw.rates(codec, X)
        assert (
            found.rows == len(X)
            and {OWN, BOUND, PCA, ZSTD} <= set(found.curves)
            and found.apart == (X.ndim > 1)
        )
    bare = nw.rates(nw.Codec(small()).fit(counts), scipy.sparse.csr_matrix(counts))
    assert not bare.curves and bare.chosen.error == 0 and bare.own_pca is None


def test_of_many_rows_some_are_taken(monkeypatch):
    monkeypatch.setitem(some_of.__globals__, "ROWS", 64)
    X = np.arange(1000.0)[:, None]
    schema = nw.inputs.Vectors().learn(X)
    some, total = some_of(X, schema)
    assert (
        (len(some), total) == (64, 1000)
        and (np.diff(some[:, 0]) > 0).all()
        and some[0] == 0
        and some[-1] == 999
    )
    frame = pd.DataFrame({"a": X[:, 0]}, index=X[:, 0] + 5)
    assert (some_of(frame, nw.inputs.Table().learn(frame))[0]["a"].to_numpy() == some[:, 0]).all()
    images, total = some_of(np.zeros((70, 4, 4)), nw.inputs.Images().learn(np.zeros((70, 4, 4))))
    assert len(images) == 64 and total == 70
    monkeypatch.setitem(some_of.__globals__, "ENTRIES", 100)
    windows = nw.inputs.Signals(window=8).learn(X)
    stretch, total = some_of(X, windows)
    assert len(stretch) == 96 and (np.diff(stretch[:, 0]) == 1).all() and total == 1000
    assert len(some_of([X, X], windows)[0]) == 96


def test_one_row_and_equal_rows(codec):
    for X in (table(1, seed=4), np.ones((40, 6))):
        found = nw.rates(codec, X)
        assert found.chosen.stored == found.sizes["stored"] and found.rows == len(X)

"""The ways to code a chunk, each alone: the promise holds whichever is taken."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import narrows as nw
from narrows.backbones import MLP, Principal
from narrows.bottlenecks import Factorised
from narrows.coding import Reader
from narrows.estimators._thrifty import worth

TYPES = ["f2", "f4", "f8", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8"]


def model(backbone=None, **choices):
    keywords = {"scale": "standard", "likelihood": "normal", "max_epochs": 2, "random_state": 0} | choices
    return nw.Autoencoder(3, backbone=backbone or Principal(()), bottleneck=Factorised(0.01), **keywords)


def table(n=600, d=8, seed=0):
    rng = np.random.default_rng(seed)
    return (rng.normal(size=(n, 2)) @ rng.normal(size=(2, d)) + 0.05 * rng.normal(size=(n, d))).astype(
        np.float32
    )


@pytest.fixture(scope="module")
def codec():
    return nw.Codec(model()).fit(table())


def promised(codec, **promise):
    return codec.set_params(**{"max_error": None, "rel_error": None, "lossless": False} | promise)


def there_and_back(codec, X, *numbers):
    """What comes back where only the ways of these numbers are there; and which were taken."""
    every = nw.Codec._ways
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(nw.Codec, "_ways", lambda *given: {i: every(*given)[i] for i in numbers})
        data = codec.compress(X)
    with Reader(data) as reader:
        taken = {entry.method for entry in reader.entries}
    return codec.decompress(data), taken


@settings(max_examples=120, deadline=None)
@given(data=st.data(), exponent=st.integers(-12, 0), name=st.sampled_from(TYPES))
def test_rounding_alone_keeps_every_bound(codec, data, exponent, name):
    """±0, subnormals, the largest, NaN and infinity among the numbers."""
    X = data.draw(hnp.arrays(name, st.tuples(st.integers(1, 40), st.just(8))))
    there = np.isfinite(X)
    with np.errstate(over="ignore"):
        span = np.float64(X.max(initial=0, where=there)) - np.float64(X.min(initial=0, where=there))
    bound = float(np.clip(10.0**exponent * span, 0, 1e299))
    Y, taken = there_and_back(promised(codec, max_error=bound), X, 3)
    assert Y.dtype == X.dtype and taken == {3}
    assert X[~there].tobytes() == Y[~there].tobytes()
    for x, y in zip(X[there].tolist(), Y[there].tolist(), strict=True):
        assert abs(x - y) <= bound
    back, _ = there_and_back(promised(codec, lossless=True), X, 3)
    assert back.tobytes() == X.tobytes()


@pytest.mark.parametrize("number", [0, 1, 2, 3])
@pytest.mark.parametrize("promise", [{"max_error": 0.01}, {"rel_error": 1e-3}, {"lossless": True}])
def test_each_way_alone_keeps_the_promise(codec, number, promise):
    X = table(seed=1)
    X[3, 4], X[5, 1] = np.nan, -np.inf
    Y, taken = there_and_back(promised(codec, **promise), X, number)
    assert taken == {number}
    odd = ~np.isfinite(X)
    assert X[odd].tobytes() == Y[odd].tobytes()
    spans = np.ptp(np.where(odd, np.nanmedian(X), X).astype(float), axis=0)
    bound = promise.get("max_error", promise.get("rel_error", 0) * spans)
    assert (np.abs(np.where(odd, 0, Y).astype(float) - np.where(odd, 0, X)) <= bound).all()


def test_rounding_keeps_what_is_exact_in_a_table():
    """Categories, whole numbers, times and gaps bit for bit, numbers within the bound."""
    rng = np.random.default_rng(0)
    z = rng.normal(size=900)
    frame = pd.DataFrame(
        {
            "x": np.where(z > 2, np.nan, z),
            "kind": np.where(z > 0, "u", "v"),
            "n": rng.integers(0, 2**40, 900),
            "when": pd.Timestamp("2020-01-01") + pd.to_timedelta(np.arange(900), "h"),
        }
    )
    codec = nw.Codec(model(backbone=MLP((16,)), likelihood=None), max_error=0.05).fit(frame)
    back, taken = there_and_back(codec, frame, 3)
    assert taken == {3}
    pd.testing.assert_frame_equal(back.drop(columns="x"), frame.drop(columns="x"))
    assert (back["x"].isna() == frame["x"].isna()).all() and (back["x"] - frame["x"]).abs().max() <= 0.05
    assert len(codec.compress(frame)) < 900 * (1 + 5 + 1 + 1) + 2000


def test_rounding_is_no_way_where_nothing_is_promised(codec):
    """Else all numbers could be stored as one."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(300, 3)), columns=list("abc")).assign(k=rng.integers(0, 3, 300))
    found = nw.Codec(model(backbone=MLP((16,)), likelihood=None)).fit(frame)
    found.compress(frame)
    assert found.sizes_["chunks"]["rounding"] == 0
    promised(codec).compress(table())
    assert codec.sizes_["chunks"]["rounding"] == 0


def test_rows_unlike_those_of_training_take_what_rounding_takes(codec):
    """Noise that no model knows: seven bits of each number, not what its errors cost."""
    X = np.random.default_rng(0).normal(size=(4000, 8)).astype(np.float32)
    Y, taken = there_and_back(promised(codec, max_error=0.05), X, 0, 1, 2, 3)
    assert taken == {3} and np.abs(Y.astype(float) - X).max() <= 0.05
    assert codec.sizes_["chunks"] == {"bytes": 0, "model": 0, "PCA": 0, "rounding": 1}
    entropy = 0.5 * np.log2(2 * np.pi * np.e) - np.log2(0.1)
    assert codec.sizes_["stored"] < 1.05 * X.size * entropy / 8 + 1000


def test_wide_bounds_make_a_nat_worth_more_than_narrow_ones_but_less_than_in_proportion():
    rows = table().astype(float) / table().std(0)
    steps = [worth(rows, eps, None, False) for eps in (0.001, 0.1, 0.2, 0.5, 3.0)]
    assert steps == sorted(steps) and steps[1] == steps[2] == 0.05
    assert (
        steps[0] < 1e-4
        and steps[3] == pytest.approx(0.125, rel=0.1)
        and steps[4] == pytest.approx(4.5, rel=0.1)
    )


def test_symbols_need_no_densities_of_one_class():
    for classes in (1, 3):
        ae = nw.recipes.rate_distortion(2, max_epochs=1, hidden=(8,), classes=classes).fit(table(100))
        net, x = ae.net_, nw.tasks.symbols.symbols(ae.fitted_, table(50))
        scaled = ((table(50) - ae.fitted_.affine.shift) / ae.fitted_.affine.scale).astype(np.float32)
        with torch.inference_mode():
            np.testing.assert_array_equal(net.encode(torch.from_numpy(scaled)).indices.numpy(), x)


@pytest.mark.parametrize("library", [pd.DataFrame, pl.DataFrame])
def test_a_frame_may_be_a_long_series(library, refused):
    series = np.cumsum(np.random.default_rng(0).normal(size=(333, 2)), 0)
    frame = library({"a": series[:, 0], "b": series[:, 1]})
    codec = nw.Codec(model(), rel_error=0.01, input=nw.inputs.Signals(window=16)).fit(frame)
    for numbers in ((3,), (1,), (0, 1, 2, 3)):
        back, _ = there_and_back(codec, frame, *numbers)
        assert type(back) is library and list(back.columns) == ["a", "b"] and back.shape == frame.shape
        assert (np.abs(back.to_numpy() - series) <= 0.01 * np.ptp(series, axis=0)).all()
    part = codec.decompress(codec.compress(frame), start=7, stop=20)
    np.testing.assert_array_equal(part.to_numpy(), codec.decompress(codec.compress(frame)).to_numpy()[7:20])
    with refused("pass"):
        codec.compress(library({"a": series[:, 0]}))


def test_a_page_about_a_codec(codec, tmp_path):
    X = table(200, seed=3)
    path = promised(codec, max_error=0.01).report(X, tmp_path / "page.html")
    assert path == tmp_path / "page.html" and "Compression" in path.read_text(encoding="utf-8")
    with pytest.raises(ValueError, match=r"name the page for example 'report.html'"):
        codec.report(X, tmp_path / "page.txt")

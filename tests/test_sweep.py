"""A codec for each β: fewer bytes and more error as it grows, and each point is what is really stored."""

import numpy as np
import pandas as pd
import pytest

import narrows as nw
from narrows.sources import Npy

BETAS = (0.1, 0.003, 0.02)


def table(n=500, d=6, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, 3)) @ rng.normal(size=(3, d)) + 0.05 * rng.normal(size=(n, d))


def small(**choices):
    return nw.recipes.rate_distortion(3, hidden=(), max_epochs=3, **choices)


@pytest.fixture(scope="module")
def swept():
    return nw.rate_distortion(table(), BETAS, small(), test=table(200, seed=1))


def test_the_rate_falls_and_the_error_grows_with_beta(swept):
    assert [point.setting for point in swept.points] == sorted(BETAS)
    stored, errors = ([getattr(p, name) for p in swept.points] for name in ("stored", "mse"))
    assert stored == sorted(stored, reverse=True) and errors == sorted(errors)
    assert len(set(stored)) == 3


def test_points_are_what_compress_stores(swept):
    X = table(200, seed=1)
    for point, codec in zip(swept.points, swept.codecs, strict=True):
        assert codec.ae_.bottleneck.beta == point.setting
        data = codec.compress(X)
        assert point.stored == len(data) and point.bits_per_row == 8 * len(data) / 200
        assert point.mse == pytest.approx(np.square(codec.decompress(data) - X).mean())
    assert [line["beta"] for line in swept.curve] == sorted(BETAS)
    assert pd.DataFrame(swept.curve)["stored"].tolist() == [p.stored for p in swept.points]
    assert "bits/value" in repr(swept) and len(repr(swept).split("\n")) == 5


def test_a_model_trained_here_is_the_one_trained_alone(swept):
    alone = small(beta=0.02).fit(table())
    x = table(50, seed=2)
    together = swept.codecs[1].ae_
    np.testing.assert_allclose(together.reconstruct(x), alone.reconstruct(x), atol=1e-3)


def test_a_tenth_is_held_out_and_a_seed_means_the_same():
    X = table()
    found, again = (nw.rate_distortion(X, (0.05,), small()) for _ in range(2))
    (point,), (codec,) = found.points, found.codecs
    assert 8 * point.stored / point.bits_per_row == 50
    assert codec.ae_.fitted_.training["rows"] + codec.ae_.fitted_.training["validation_rows"] == 450
    other = again.points[0]
    assert (point.stored, point.mse) == (other.stored, other.mse)


def test_frames_and_series():
    X = table()
    frame = pd.DataFrame(X, columns=list("abcdef"))
    (point,) = nw.rate_distortion(frame, (0.05,), small()).points
    assert 0 < point.lost < 0.5 and 8 * point.stored / point.bits_per_row == 50
    series = np.cumsum(X, 0)
    (point,) = nw.rate_distortion(series, (0.05,), small(), input=nw.inputs.Signals(window=10)).points
    assert 8 * point.stored / point.bits_per_row == 50


def test_the_default_model(monkeypatch):
    made = []
    places = nw.rate_distortion.__globals__
    monkeypatch.setitem(places, "default", lambda X, codec: made.append(codec) or small())
    (point,) = nw.rate_distortion(table(), (0.05,)).points
    assert point.stored > 0 and isinstance(made[0], nw.Codec)


def test_a_figure(swept, tmp_path):
    figure = swept.figure(tmp_path / "curve.png")
    assert (tmp_path / "curve.png").read_bytes().startswith(b"\x89PNG")
    assert figure.axes[0].lines[0].get_xdata() == pytest.approx([p.bits_per_value for p in swept.points])


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"betas": ()}, "()"),
        ({"betas": 0.1}, "0.1"),
        ({"betas": (0.1, -1)}, "-1"),
        ({"ae": nw.Autoencoder(2)}, "Deterministic"),
        ({"ae": nw.recipes.vector_quantised()}, "VQ"),
        ({"ae": "vanilla"}, "str"),
    ],
)
def test_what_cannot_be_is_said_in_a_sentence(refused, given, named):
    with refused(named):
        nw.rate_distortion(table(40), **given)


def test_rows_must_be_left_to_be_coded(refused, tmp_path):
    np.save(tmp_path / "x.npy", table())
    with refused("test=rows"):
        nw.rate_distortion(Npy(tmp_path / "x.npy"), ae=small())
    with refused("3 rows"):
        nw.rate_distortion(table(3), ae=small())

"""The kind of noise that is found, and what is learned from it: generated pictures and signals."""

import dataclasses
from unittest import mock

import numpy as np
import pandas as pd
import pytest

import narrows as nw
from narrows.backbones import MLP
from narrows.estimators import _denoising
from narrows.estimators._noise_kind import kind_of


@pytest.fixture
def small(monkeypatch):
    """Networks and budgets that a test has time for."""
    for name in ("PICTURES", "SMALL_PICTURES", "SIGNALS"):
        backbone, budget = getattr(_denoising, name)
        backbone = dataclasses.replace(backbone, channels=12, layers=4)
        monkeypatch.setattr(_denoising, name, (backbone, dataclasses.replace(budget, steps=120, batch=8)))


def scenes(n=4, size=96, seed=0):
    """Smooth shades, flat black and white regions, edges, thin lines and some texture, 0…255."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:size, :size] / size
    angle, phase = rng.uniform(0, 2 * np.pi, (2, n, 1, 1))
    clean = 128 + 90 * np.sin(5 * (np.cos(angle) * x + np.sin(angle) * y) + phase)
    clean[:, : size // 5], clean[:, -size // 6 :, : size // 2] = 0, 255
    clean[:, size // 2, 5:-5] = 0
    clean[:, 30:60, 60:80] += rng.normal(0, 12, (n, 30, 20))
    return np.clip(clean, 0, 255)


def fields(n=6, size=80, seed=0):
    """Smooth pictures in [0, 1]."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:size, :size] / size
    angle, phase = rng.uniform(0, 2 * np.pi, (2, n, 1, 1))
    return 0.5 + 0.35 * np.sin(6 * (np.cos(angle) * x + np.sin(angle) * y) + phase)


def salt_pepper(clean, share, seed=1, low=0.0, high=255.0):
    u = np.random.default_rng(seed).random(clean.shape)
    return np.where(u < share, np.where(u < share / 2, low, high), clean)


def psnr(a, b):
    return -10 * np.log10(np.square(a - b).mean())


def found(X):
    return kind_of([x[None] for x in X], 1.0)


@pytest.mark.parametrize("clipped", [False, True])
@pytest.mark.parametrize("sigma", [0, 1, 5, 15, 25, 50])
def test_gaussian_noise_is_gaussian(sigma, clipped):
    X = scenes() + sigma * np.random.default_rng(0).normal(size=(4, 96, 96))
    if clipped:
        X = np.clip(X.round(), 0, 255).astype(np.uint8)
    assert found(X) == nw.estimators._noise_kind.Kind("gaussian", 1.0)


@pytest.mark.parametrize("share", [0.02, 0.1, 0.3])
def test_salt_and_pepper(share):
    kind = found(salt_pepper(scenes(), share))
    assert (kind.name, kind.values) == ("impulse", (0.0, 255.0)) and kind.level < 3


def test_dead_pixels_in_other_noise():
    rng = np.random.default_rng(0)
    X = scenes() + 10 * rng.normal(size=(4, 96, 96))
    X[rng.random(X.shape) < 0.02] = -1.0  # within what the noise reaches
    kind = found(X)
    assert (kind.name, kind.values) == ("impulse", (-1.0,)) and kind.level == pytest.approx(10, rel=0.2)


def test_clicks_in_a_signal():
    wave = np.sin(np.arange(4000) / 30)[None]
    assert kind_of([wave], 0.0).name == "gaussian"
    assert kind_of([salt_pepper(wave, 0.02, low=-1.0, high=1.0)], 0.0).name == "impulse"


@pytest.mark.parametrize("peak", [10, 30, 100])
def test_poisson(peak):
    clean = fields(8, 128)
    kind = found(np.random.default_rng(0).poisson(peak * clean) / peak)
    a, b, c = kind.curve
    assert kind.name == "varying"
    for s in (0.25, 0.5, 0.75):
        assert a + b * s + c * s**2 == pytest.approx(s / peak, rel=0.25)


def test_speckle():
    clean = fields(8, 128)
    a, b, c = found(clean * (1 + 0.2 * np.random.default_rng(0).normal(size=clean.shape))).curve
    for s in (0.25, 0.5, 0.75):
        assert a + b * s + c * s**2 == pytest.approx(0.04 * s**2, rel=0.25)


def test_nothing_to_see():
    assert kind_of([np.full((1, 40, 40), 3.0)], 0.0).name == "gaussian"
    assert kind_of([np.zeros((1, 2, 2)), np.ones((1, 1, 1))], 0.5).name == "gaussian"


# What a Denoiser makes of it ----------------------------------------------------------------------


@pytest.mark.slow
def test_salt_and_pepper_are_taken_out(small, tmp_path):
    clean = fields()
    noisy = salt_pepper(clean, 0.1, high=1.0)
    denoiser = nw.Denoiser().fit(noisy)
    answer = denoiser.transform(noisy)
    assert denoiser.noise_kind_ == "impulse" and denoiser.noise_level_ < 0.01
    assert psnr(answer, clean) > psnr(noisy, clean) + 15
    with mock.patch("narrows.estimators.denoiser.kind_in", return_value=None):
        gaussian = nw.Denoiser().fit(noisy)
    assert gaussian.noise_kind_ is None and psnr(answer, clean) > psnr(gaussian.transform(noisy), clean) + 10
    denoiser.save(tmp_path / "m.safetensors")
    loaded = nw.load(tmp_path / "m.safetensors")
    assert (loaded.noise_kind_, loaded.trust_) == (denoiser.noise_kind_, denoiser.trust_)
    assert np.array_equal(loaded.transform(noisy), answer)
    assert np.array_equal(nw.Denoiser().fit(noisy).transform(noisy), answer), "the same seed, the same bits"


def test_noise_of_light_is_taken_out(small):
    clean = fields()
    noisy = np.random.default_rng(0).poisson(20 * clean) / 20
    denoiser = nw.Denoiser().fit(noisy)
    assert denoiser.noise_kind_ == "varying"
    assert psnr(denoiser.transform(noisy), clean) > psnr(noisy, clean) + 3


def test_blind_assumes_nothing(small):
    clean = fields()
    noisy = clean + 0.15 * np.random.default_rng(0).choice([-1, 1], clean.shape)
    denoiser = nw.Denoiser(noise="blind").fit(noisy)
    assert denoiser.noise_kind_ is None and denoiser.noise_level_ is None
    assert psnr(denoiser.transform(noisy), clean) > psnr(noisy, clean) + 1.5


def test_blind_on_columns():
    """The mean of columns that share one value is the best guess of it."""
    rng = np.random.default_rng(0)
    clean = np.repeat(rng.normal(size=(800, 1)), 10, 1)
    noisy = clean + 0.5 * rng.normal(size=clean.shape)
    answer = nw.Denoiser(noise="blind", max_epochs=12).fit(noisy).transform(noisy)
    assert np.square(answer - clean).mean() < 0.5 * np.square(noisy - clean).mean()


def few(epochs):
    """The default for columns, smaller."""
    backbone, end = MLP((64,), activation="silu"), {"patience": None, "validation_fraction": 0.0}
    return nw.Autoencoder(32, backbone=backbone, max_epochs=epochs, batch_size=32, **end)


@pytest.mark.parametrize("columns", [3, 4, 5, 6])
def test_blind_on_few_columns(columns):
    rng = np.random.default_rng(1)
    clean = np.repeat(rng.normal(size=(1000, 1)), columns, 1)
    noisy = clean + 0.3 * rng.normal(size=clean.shape)
    denoiser = nw.Denoiser(few(30), noise="blind").fit(noisy)
    best = 0.09 / (columns - 1)  # the mean of the other columns
    assert np.square(denoiser.transform(noisy) - clean).mean() < 0.5 * (best + 0.09)


def test_blind_on_columns_goes_to_the_end():
    rows = np.random.default_rng(0).normal(size=(60, 4))
    history = nw.Denoiser(noise="blind", max_epochs=15).fit(rows).ae_.history_
    assert len(history) == 15 and "val_loss" not in history[-1]


def test_blind_hides_more_of_columns_than_of_pictures(small):
    X = fields(8, 24)
    for rows, share in ((X.reshape(8, -1)[:, :5], 0.25), (X, 0.06), (list(X.reshape(8, -1)), 0.06)):
        spec = nw.Denoiser(noise="blind", max_epochs=1).fit(rows).ae_.fitted_.spec
        assert spec.corruption == nw.corruptions.BlindSpot(share)


def test_blind_on_a_table_with_categories_and_gaps():
    rng = np.random.default_rng(0)
    z = rng.normal(size=1000)
    clean = np.stack([z, z, 2 * z], 1)
    noisy = clean + 0.3 * rng.normal(size=clean.shape) * [1, 1, 2]
    X = pd.DataFrame(noisy, columns=["a", "b", "c"]).assign(k=np.where(z > 0, "x", "y"))
    X.loc[::10, "a"] = np.nan
    answer = nw.Denoiser(few(30), noise="blind").fit(X).transform(X)
    there = X[["a", "b", "c"]].notna().to_numpy()
    for j, name in enumerate("abc"):
        error, before = (
            np.square(some[there[:, j], j] - clean[there[:, j], j]).mean()
            for some in (answer[["a", "b", "c"]].to_numpy(), noisy)
        )
        assert error < before, name


def test_an_answer_to_a_picture_with_impulses_does_not_depend_on_others(small):
    clean = fields(6, 24)
    X = np.where(np.random.default_rng(0).random(clean.shape) < 0.05, 1.0, clean)
    denoiser = nw.Denoiser(max_epochs=1).fit(X)
    corruption = denoiser.ae_.fitted_.spec.corruption
    assert len(corruption.impulses) == 1 and corruption.span == pytest.approx(1.0)
    dim = np.clip(0.1 * X[:1] + 0.88, 0, 1)
    dim[0, 10, 10] = 1.0
    beside = denoiser.transform(np.concatenate([dim, 4 * X[1:2]]))[:1]
    assert np.allclose(denoiser.transform(dim), beside, atol=1e-5)


def test_a_constant_picture_with_impulses_comes_back_constant(small):
    X = salt_pepper(np.full((4, 70, 70), 0.4), 0.1, high=1.0)
    denoiser = nw.Denoiser(max_epochs=6).fit(X)
    assert denoiser.noise_kind_ == "impulse"
    assert np.allclose(denoiser.transform(X), 0.4, atol=0.03)


@pytest.mark.parametrize("layout", ["bytes", "small", "colour", "list", "signal"])
def test_impulses_in_every_kind_of_data(small, layout, tmp_path):
    clean = fields(8, 70)
    noisy = salt_pepper(clean, 0.1, high=1.0)
    X = {
        "bytes": (255 * noisy).astype(np.uint8),
        "small": noisy[:, :20, :24].astype(np.float32),
        "colour": np.stack([noisy, noisy[::-1], noisy], -1),
        "list": [*noisy[:3], noisy[3][:, :66]],
        "signal": list(noisy.reshape(8, -1)),
    }[layout]
    denoiser = nw.Denoiser(max_epochs=1).fit(X)
    assert denoiser.noise_kind_ == "impulse"
    answer = denoiser.transform(X)
    assert [np.shape(a) for a in answer] == [np.shape(x) for x in X]
    assert all(np.isfinite(a).all() for a in answer)


@pytest.mark.parametrize("sigma", [1.0, 4.0])
def test_detail_of_tiny_pictures_is_no_noise(sigma):
    """Of 8×8 digits neighbouring pixels tell little, but no direction among them all varies less than noise does."""
    clean = nw.datasets.digits().x_train
    noisy = clean + sigma * np.random.default_rng(0).normal(size=clean.shape)
    denoiser = nw.Denoiser(max_epochs=1).fit(noisy)
    assert denoiser.noise_kind_ == "gaussian"
    assert denoiser.noise_level_ == pytest.approx(sigma, rel=0.2)

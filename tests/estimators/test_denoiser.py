"""Denoiser: known answers, every kind of data, files, and scikit-learn's own checks."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.utils.estimator_checks import check_estimator

import narrows as nw
from narrows import tasks
from narrows.corruptions import SaltPepper
from narrows.estimators import _denoising
from narrows.estimators._denoising import Noise
from narrows.estimators._levels import of_columns
from narrows.estimators._reading import input_for

RNG = np.random.default_rng(0)
D, SIGMA = 8, 0.5


@pytest.fixture(autouse=True)
def small(monkeypatch):
    """Networks and budgets that a test has time for."""
    for name, steps in (("PICTURES", 60), ("SMALL_PICTURES", 60), ("SIGNALS", 60)):
        backbone, budget = getattr(_denoising, name)
        backbone = dataclasses.replace(backbone, channels=12, layers=4)
        monkeypatch.setattr(_denoising, name, (backbone, dataclasses.replace(budget, steps=steps, batch=8)))


def gaussian(n, seed=0, sigma=SIGMA):
    """Clean rows of a linear-Gaussian model, and noisy ones."""
    rng = np.random.default_rng(seed)
    axes = np.random.default_rng(7).normal(size=(2, D))
    clean = rng.normal(size=(n, 2)) @ axes
    return clean, clean + sigma * rng.normal(size=clean.shape)


def lmmse(clean, noisy):
    """The best linear estimate, which is the best of all for Gaussian rows."""
    cov = np.cov(clean.T)
    gain = np.linalg.solve(cov + SIGMA**2 * np.eye(D), cov)
    return np.square(clean.mean(0) + (noisy - clean.mean(0)) @ gain - clean).mean()


def mse(a, b):
    return float(np.square(np.asarray(a, float) - b).mean())


def fields(n, size, seed=0, levels=0.15):
    """Smooth pictures in [0, 1], and noisy ones."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:size, :size] / size
    angle, phase = rng.uniform(0, 2 * np.pi, (2, n, 1, 1))
    clean = 0.5 + 0.4 * np.sin(4 * (np.cos(angle) * x + np.sin(angle) * y) + phase)
    return clean, clean + levels * rng.normal(size=clean.shape)


# Known answers ------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("how", ["clean targets", "noise to come", "range of noise"])
def test_on_gaussian_rows_it_comes_close_to_the_wiener_filter(how):
    clean, noisy = gaussian(4000)
    if how == "clean targets":
        denoiser = nw.Denoiser().fit(noisy, clean)
    else:
        denoiser = nw.Denoiser(noise=SIGMA if how == "noise to come" else (0.9 * SIGMA, 1.1 * SIGMA)).fit(
            clean
        )
    clean, noisy = gaussian(2000, seed=1)
    assert mse(denoiser.transform(noisy), clean) < 1.15 * lmmse(clean, noisy) < mse(noisy, clean) / 3


@pytest.mark.slow
def test_noisy_rows_alone_come_close_too():
    denoiser = nw.Denoiser().fit(gaussian(4000)[1])
    clean, noisy = gaussian(2000, seed=1)
    assert mse(denoiser.transform(noisy), clean) < 1.5 * lmmse(clean, noisy) < mse(noisy, clean) / 2.5


@pytest.mark.slow
def test_noisy_pictures_alone_are_nearly_as_good_as_clean_ones(monkeypatch):
    backbone, budget = _denoising.SMALL_PICTURES
    budget = dataclasses.replace(budget, steps=400, batch=16)
    monkeypatch.setattr(_denoising, "SMALL_PICTURES", (backbone, budget))
    clean, noisy = fields(300, 16)
    blind, taught = nw.Denoiser().fit(noisy), nw.Denoiser(noise=0.15).fit(clean)
    clean, noisy = fields(50, 16, seed=1)
    before, after, best = (
        mse(noisy, clean),
        mse(blind.transform(noisy), clean),
        mse(taught.transform(noisy), clean),
    )
    assert after < 0.6 * before and after < 1.7 * best


@pytest.mark.parametrize("sigma", [0.1, 0.5, 2.0])
def test_the_level_of_noise_is_found(sigma):
    clean = gaussian(2000)[0]
    assert of_columns(clean + sigma * RNG.normal(size=clean.shape)) == pytest.approx(sigma, rel=0.1)
    denoiser = nw.Denoiser(max_epochs=1).fit(100 * (fields(4, 80, levels=sigma / 10)[1]))
    assert denoiser.noise_level_ == pytest.approx(10 * sigma, rel=0.1)


def test_where_there_is_no_noise_nothing_is_taken():
    for X in (np.full((3, 70, 70), 0.3), np.full((40, 12, 12), 7.0)):
        denoiser = nw.Denoiser().fit(X)
        assert denoiser.noise_level_ == 0
        assert np.allclose(denoiser.transform(X), X, atol=1e-3)


def test_a_constant_picture_stays_constant():
    denoiser = nw.Denoiser(noise=0.05).fit(fields(4, 80)[0])
    flat = np.full((1, 96, 70), 0.5)
    assert np.allclose(denoiser.transform(flat), 0.5, atol=0.05)
    assert denoiser.transform(flat).std() < 0.02


# Every kind of data -------------------------------------------------------------------------------


KINDS = {
    "rows": RNG.normal(size=(40, 6)),
    "frame": pd.DataFrame(RNG.normal(size=(40, 3)), columns=list("abc"), index=np.arange(40) + 5),
    "pictures": RNG.random((12, 9, 8)).astype(np.float32),
    "colour": RNG.integers(0, 256, (6, 10, 12, 3)).astype(np.uint8),
    "photographs": [RNG.random((70, 90)), RNG.random((64, 71))],
    "large": RNG.integers(0, 256, (2, 70, 80)).astype(np.uint8),
    "sounds": [RNG.normal(size=n).astype(np.float32) for n in (1100, 1500)],
    "mixed": pd.DataFrame(
        {"a": np.where(np.arange(40) % 9, RNG.normal(size=40), np.nan), "b": list("xy") * 20}
    ),
}


def alike(a, b):
    if isinstance(a, list):
        return all(map(np.array_equal, a, b))
    return a.equals(b) if hasattr(a, "equals") else np.array_equal(a, b)


@pytest.mark.parametrize("noise", ["auto", 0.1, (0.0, 0.2)], ids=str)
@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_comes_back_as_it_went_in(kind, noise, tmp_path):
    X = KINDS[kind]
    denoiser = nw.Denoiser(noise=noise, max_epochs=1).fit(X)
    answer = denoiser.transform(X)
    if isinstance(X, list):
        assert [(a.shape, a.dtype) for a in answer] == [(x.shape, x.dtype) for x in X]
    elif isinstance(X, pd.DataFrame):
        pd.testing.assert_index_equal(answer.index, X.index)
        assert list(answer.columns) == list(X.columns) and (answer.dtypes == X.dtypes).all()
    else:
        assert (answer.shape, answer.dtype) == (X.shape, X.dtype)
    assert alike(denoiser.transform(X), answer), "the same call, the same bits"
    denoiser.save(tmp_path / "m.safetensors")
    loaded = nw.load(tmp_path / "m.safetensors")
    assert type(loaded) is nw.Denoiser and loaded.noise == denoiser.noise
    assert np.array_equal(loaded.noise_level_, denoiser.noise_level_)
    assert alike(loaded.transform(X), answer)
    if noise == 0.1:
        assert alike(clone(denoiser).fit(X).transform(X), answer), "the same seed, the same bits"


@pytest.mark.parametrize("kind", ["rows", "pictures", "photographs", "sounds"])
def test_clean_targets_of_every_kind(kind):
    clean = KINDS[kind]

    def add(x):
        return x + 0.1 * np.sin(np.arange(x.size)).reshape(x.shape).astype(x.dtype)

    noisy = [add(x) for x in clean] if isinstance(clean, list) else add(clean)
    denoiser = nw.Denoiser(max_epochs=1).fit(noisy, clean)
    assert not alike(denoiser.transform(noisy), nw.Denoiser(max_epochs=1).fit(noisy, noisy).transform(noisy))


def test_any_size_goes_through_at_once():
    denoiser = nw.Denoiser(noise=0.1, max_epochs=1).fit(fields(3, 70)[0])
    wide, high = RNG.random((1, 48, 333)), RNG.random((1, 201, 50))
    assert denoiser.transform(wide).shape == wide.shape and denoiser.transform(high).shape == high.shape


@pytest.mark.parametrize("noise", [0.1, (0.0, 0.2)], ids=str)
def test_pieces_of_a_large_picture_make_the_whole(noise, monkeypatch):
    denoiser = nw.Denoiser(noise=noise, max_epochs=1).fit(fields(3, 70)[0])
    X = fields(1, 300, seed=3)[1]
    whole = denoiser.transform(X)
    monkeypatch.setitem(tasks.denoise_whole.__globals__, "PIXELS", 12_000)
    assert np.allclose(denoiser.transform(X), whole, atol=1e-5)


def test_a_row_does_not_depend_on_its_company():
    X = KINDS["pictures"]
    denoiser = nw.Denoiser(noise=(0, 0.2), max_epochs=1).fit(X)
    assert np.allclose(denoiser.transform(X)[3:5], denoiser.transform(X[3:5]), atol=1e-5)


def test_noise_in_decibels_goes_with_the_power_of_each_series(refused, tmp_path):
    sounds = [a * np.sin(np.arange(n) / 9).astype(np.float32) for a, n in ((0.01, 1100), (5, 1500))]
    denoiser = nw.Denoiser(noise="0:10 dB", max_epochs=1).fit(sounds)
    quiet, loud = denoiser.transform([sounds[1] / 100, sounds[1]])
    assert np.allclose(100 * quiet, loud, rtol=1e-4, atol=1e-4)
    denoiser.save(tmp_path / "m.safetensors")
    assert alike(nw.load(tmp_path / "m.safetensors").transform(sounds), denoiser.transform(sounds))
    assert nw.Denoiser(noise="5 dB", max_epochs=1).fit(sounds).ae_.fitted_.spec.corruption.told
    with refused("dB", "X is no sounds"):
        nw.Denoiser(noise="5 dB").fit(np.ones((5, 3)))


def test_a_range_of_noise_is_told_or_estimated():
    clean = fields(4, 80)[0]
    denoiser = nw.Denoiser(noise=(0, 0.4)).fit(clean)
    noisy = clean + 0.3 * RNG.normal(size=clean.shape)
    judged, told, wrong = (
        denoiser.transform(noisy),
        denoiser.transform(noisy, level=0.3),
        denoiser.transform(noisy, level=0.01),
    )
    assert np.abs(judged - told).max() < 0.1 * np.abs(wrong - told).max() + 0.02


@pytest.mark.parametrize("n", [1, 2, 5, 31])
@pytest.mark.parametrize("noise", ["auto", 0.3])
def test_few_rows_do(n, noise):
    X = RNG.normal(size=(n, 4))
    assert np.isfinite(nw.Denoiser(noise=noise, max_epochs=2).fit(X).transform(X)).all()


# Parameters ---------------------------------------------------------------------------------------


def test_a_fitted_autoencoder_is_used_as_it_is(plane):
    ae = nw.recipes.denoising(4, max_epochs=2).fit(plane)
    denoiser = nw.Denoiser(ae).fit(plane)
    assert denoiser.ae_ is ae and np.array_equal(denoiser.transform(plane), ae.reconstruct(plane))
    assert nw.Denoiser(FrozenEstimator(ae)).fit(plane).ae_ is ae
    assert np.array_equal(nw.Denoiser.around(ae).transform(plane), ae.reconstruct(plane))


def test_an_unfitted_one_is_cloned_and_keeps_its_own_corruption(plane):
    ae = nw.recipes.denoising(4, noise=0.7, max_epochs=2)
    fitted = nw.Denoiser(ae).fit(plane).ae_
    assert fitted is not ae and not hasattr(ae, "fitted_")
    assert fitted.fitted_.spec.corruption == nw.corruptions.Gaussian(0.7)


@pytest.mark.parametrize("noise", [0.1, (0, 0.1), "blind", SaltPepper(0.1)])
def test_two_kinds_of_noise_at_once_are_refused(noise, plane):
    ae = nw.recipes.denoising(4, noise=0.7, max_epochs=1)
    with pytest.raises(ValueError, match="leave noise='auto'"):
        nw.Denoiser(ae, noise=noise).fit(plane)
    nw.Denoiser(ae, noise=noise).fit(plane, plane + 0.0)  # targets say what noise is


@pytest.mark.parametrize("part", ["shift", nw.corruptions.Binarise()])
def test_what_moves_the_targets_is_no_noise(part):
    clean, noisy = fields(8, 12)
    with pytest.raises(ValueError, match="no noise to take out"):
        nw.Denoiser(noise=part, max_epochs=1).fit(clean)
    with pytest.raises(ValueError, match="no noise to take out"):
        nw.Denoiser(nw.Autoencoder(2, corruption=part, max_epochs=1)).fit(clean)
    nw.Denoiser(noise=part, max_epochs=1).fit(noisy, clean)


def test_other_noise_is_a_corruption(plane):
    denoiser = nw.Denoiser(noise=SaltPepper(0.2), max_epochs=1).fit(plane)
    assert denoiser.ae_.fitted_.spec.corruption == SaltPepper(0.2)
    assert (
        nw.Denoiser(noise="salt_pepper", max_epochs=1).fit(plane).ae_.fitted_.spec.corruption == SaltPepper()
    )


def test_noise_has_the_units_of_the_data():
    X = 1000 * RNG.normal(size=(100, 3)) * np.array([1, 1, 10])
    corruption = nw.Denoiser(noise=50.0, max_epochs=1).fit(X).ae_.fitted_.spec.corruption
    scale = X.std(0)
    assert np.allclose(corruption.high * np.array(corruption.features), 50 / scale, rtol=0.15)


def test_labels_are_ignored(plane):
    labelled = nw.Denoiser(noise=0.1, max_epochs=1).fit(plane, np.arange(len(plane)))
    assert np.array_equal(
        labelled.transform(plane), nw.Denoiser(noise=0.1, max_epochs=1).fit(plane).transform(plane)
    )


@pytest.mark.parametrize("noise", [-1, "loud", (3, 1), (1, 2, 3), np.inf, True, [0.1, 0.2], None], ids=repr)
def test_noise_that_makes_no_sense_is_refused(noise, refused):
    with refused(repr(noise)):
        nw.Denoiser(noise=noise).fit(np.ones((5, 3)))


def test_a_level_that_cannot_be_told_is_refused(plane, refused):
    denoiser = nw.Denoiser(noise=0.1, max_epochs=1).fit(plane)
    with refused("level=0.2", "range"):
        denoiser.transform(plane, level=0.2)
    with refused("level=-1"):
        denoiser.transform(plane, level=-1)


def test_what_is_no_autoencoder_is_refused(plane):
    with pytest.raises(TypeError, match="ae is a int"):
        nw.Denoiser(3).fit(plane)


@pytest.mark.parametrize(
    ("X", "kind"),
    [(np.zeros((5, 3)), "Vectors"), (np.zeros((5, 28, 28)), "Images"), (np.zeros((5, 64, 99)), "Patches"),
     (np.zeros((2, 80, 90, 3)), "Patches"), ([np.zeros((70, 80)), np.zeros((50, 90))], "Patches"),
     ([np.zeros(1000), np.zeros(2000)], "Signals")],
    ids=["rows", "small", "large", "colour", "list", "sounds"],
)  # fmt: skip
def test_how_data_are_read(X, kind):
    assert type(input_for(X)).__name__ == kind


def test_meanings_of_noise():
    assert Noise.meant("auto").present and not Noise.meant(0.1).ranged and Noise.meant((0, 1)).ranged


@pytest.mark.slow
@pytest.mark.parametrize("noise", ["auto", 0.1])
def test_scikit_learns_own_checks(noise):
    results = check_estimator(nw.Denoiser(noise=noise, max_epochs=2), on_fail=None, on_skip=None)
    assert [r["check_name"] for r in results if r["status"] == "skipped"] == ["check_array_api_input"]
    failed = [(r["check_name"], r["exception"]) for r in results if r["status"] not in ("passed", "skipped")]
    assert not failed
    assert not any(r["expected_to_fail"] for r in results)


def test_columns_in_other_units_are_denoised_alike():
    rng = np.random.default_rng(0)
    clean = rng.normal(size=(500, 2)) @ rng.normal(size=(2, 10))
    noisy, units = clean + 0.5 * rng.normal(size=clean.shape), np.where(np.arange(10) < 5, 1.0, 1000.0)
    denoiser = nw.Denoiser(max_epochs=40, random_state=0).fit(noisy * units)
    np.testing.assert_allclose(denoiser.noise_level_, 0.5 * units, rtol=0.2)
    errors = np.sqrt(np.square(denoiser.transform(noisy * units) / units - clean).mean(0))
    assert (errors < 0.5).all() and errors.mean() < 0.35

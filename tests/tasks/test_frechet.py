"""The Fréchet distance: against closed forms."""

import sys

import numpy as np
import pytest
from scipy.linalg import sqrtm

import narrows as nw
from narrows.tasks import frechet
from narrows.tasks.frechet import frechet_of_moments


def white(n, d, seed):
    """Rows with mean exactly 0 and covariance exactly the identity."""
    noise = np.random.default_rng(seed).normal(size=(n, d))
    return np.linalg.qr(noise - noise.mean(0))[0] * np.sqrt(n - 1)


def test_gaussians_with_common_axes():
    """Σᵢ (sᵢ − tᵢ)² + ‖μₐ − μ_b‖² where covariances commute."""
    s, t, shift = np.array([1.0, 2.0, 0.5]), np.array([3.0, 2.0, 0.1]), np.array([0.0, 1.0, -2.0])
    turn = np.linalg.qr(np.random.default_rng(5).normal(size=(3, 3)))[0]
    a, b = white(200, 3, 0) * s @ turn, white(300, 3, 1) * t @ turn + shift
    assert frechet(a, b) == pytest.approx(np.square(s - t).sum() + 5.0)


def test_any_covariances_by_the_matrix_root():
    rng = np.random.default_rng(0)
    A, B = (m @ m.T for m in rng.normal(size=(2, 6, 6)))
    mean = rng.normal(size=6)
    wanted = mean @ mean + np.trace(A + B - 2 * np.real(sqrtm(A @ B)))
    assert frechet_of_moments(mean, A, 0 * mean, B) == pytest.approx(wanted)


def test_it_is_symmetric_and_nothing_for_the_same_rows():
    a, b = np.random.default_rng(0).normal(size=(2, 60, 80))  # singular: fewer rows than columns
    b = 2 * b + 1
    assert frechet(a, b) == pytest.approx(frechet(b, a), rel=1e-6)
    assert frechet(a, a[::-1]) == pytest.approx(0, abs=1e-5)
    constant = np.ones((5, 2))
    assert frechet(constant, constant + np.array([0, 3])) == pytest.approx(9)


def test_features_are_pluggable(digits):
    a, b = digits[:150], digits[150:]
    assert frechet(a, b, features=lambda rows: rows[:, :10]) == pytest.approx(frechet(a[:, :10], b[:, :10]))
    ae = nw.recipes.linear(4, max_epochs=5).fit(digits)
    assert frechet(a, b, features=ae.transform) == pytest.approx(frechet(ae.transform(a), ae.transform(b)))
    assert frechet(a.reshape(-1, 8, 8), b.reshape(-1, 8, 8)) == pytest.approx(frechet(a, b))


def test_wide_rows_are_compared_by_their_principal_components(monkeypatch):
    a, b = (white(200, 12, seed) * np.linspace(3, 0.01, 12) for seed in (0, 1))
    exactly = frechet(a, b + 1)
    module = sys.modules["narrows.tasks.frechet"]  # the function has its name
    monkeypatch.setattr(module, "WIDE", 10)
    monkeypatch.setattr(module, "COMPONENTS", 12)
    assert frechet(a, b + 1) == pytest.approx(exactly, rel=1e-3)


@pytest.mark.parametrize(
    ("a", "b", "words"),
    [
        (np.zeros((4, 2)), np.zeros((4, 3)), "columns"),
        (np.zeros(4), np.zeros((4, 3)), "a has features of shape (4,)"),
        (np.zeros((4, 3)), np.zeros((1, 3)), "b has features of shape (1, 3)"),
        (np.full((4, 3), np.nan), np.zeros((4, 3)), "NaN"),
    ],
)
def test_what_has_no_distance_is_refused(a, b, words):
    with pytest.raises(ValueError) as caught:
        frechet(a, b)
    assert words in str(caught.value)

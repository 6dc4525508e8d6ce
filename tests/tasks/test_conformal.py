"""p-values that keep their promise, thresholds that agree with them, false discoveries under control."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from narrows.tasks.conformal import discoveries, p_values, threshold


def test_the_known_answer():
    calibration = np.arange(1.0, 20.0)
    scores = np.arange(0.5, 20.0)
    assert np.array_equal(p_values(calibration, scores), np.arange(20, 0, -1) / 20)


def test_ties_count_as_at_least_as_odd():
    assert p_values(np.array([1.0, 1.0, 2.0]), np.array([1.0, 2.0, 2.5])).tolist() == [1.0, 0.5, 0.25]


@given(
    st.lists(st.integers(-5, 5), max_size=40),
    st.lists(st.integers(-6, 6), min_size=1, max_size=20),
    st.sampled_from([0.01, 0.05, 0.1, 0.2, 1 / 3, 0.5, 0.999]),
)
def test_the_threshold_says_what_the_p_values_say(calibration, scores, alpha):
    calibration, scores = np.array(calibration, float), np.array(scores, float)
    assert np.array_equal(p_values(calibration, scores) <= alpha, scores > threshold(calibration, alpha))


@pytest.mark.parametrize("n", [3, 19, 100])
def test_small_p_values_are_as_rare_as_they_say(n):
    rng = np.random.default_rng(0)
    p = np.array([p_values(rng.normal(size=n), rng.normal(size=1))[0] for _ in range(4000)])
    for alpha in (0.01, 0.05, 0.1, 0.5):
        assert (p <= alpha).mean() <= alpha + 2 * np.sqrt(alpha * (1 - alpha) / len(p))
    exact = np.floor(alpha * (n + 1)) / (n + 1)
    assert (p <= alpha).mean() == pytest.approx(exact, abs=0.03)  # no more timid than it must be


def test_false_discoveries_are_under_control():
    rng = np.random.default_rng(0)
    shares = []
    for _ in range(300):
        calibration = rng.normal(size=500)
        scores = np.concatenate([rng.normal(size=180), rng.normal(5, 1, size=20)])
        found = discoveries(p_values(calibration, scores), 0.1)
        shares.append(found[:180].sum() / max(found.sum(), 1))
        assert found[180:].sum() > 10
    se = np.std(shares) / np.sqrt(len(shares))
    assert np.mean(shares) <= 0.1 + 2 * se


def test_the_step_up_rule():
    p = np.array([0.01, 0.04, 0.03, 0.5])  # 0.04 ≤ 0.1·3/4: it takes 0.03 and 0.01 with it
    assert discoveries(p, 0.1).tolist() == [True, True, True, False]
    assert not discoveries(np.array([0.2, 0.9]), 0.1).any()

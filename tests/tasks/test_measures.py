"""What evaluate adds by request: per feature, neighbourhoods, probes."""

import math
import sys

import numpy as np
import pytest

import narrows as nw
from narrows import tasks
from narrows.tasks.errors import bits


@pytest.fixture(scope="module")
def data():
    found = nw.datasets.digits()
    return found.x_test.reshape(-1, 64), found.y_test


@pytest.fixture(scope="module")
def plain(data):
    return nw.recipes.undercomplete(6, max_epochs=8).fit(data[0])


@pytest.fixture(scope="module")
def variational(data):
    return nw.recipes.variational(6, max_epochs=8).fit(data[0])


# Per feature


def test_each_feature_has_its_share_and_its_bits(data, plain):
    X = data[0].astype(float)
    names, r2, told = tasks.per_feature(plain, X)
    back = plain.reconstruct(X)
    varies = X.std(0) > 0
    wanted = 1 - np.square(X - back).sum(0)[varies] / np.square(X - X.mean(0)).sum(0)[varies]
    assert names[:2] == ["x0", "x1"] and np.allclose(r2[varies], wanted)
    assert np.isnan(r2[~varies]).all() and not told[~varies].any()
    assert np.allclose(told[varies], -0.5 * np.log2(1 - np.maximum(wanted, 0)))
    assert plain.evaluate(X)["bits"] == pytest.approx(told.sum())


def test_a_channel_of_known_noise_has_the_bits_of_its_capacity():
    """x̂ = E[x | x + noise]: R² = S/(S + N), and ½ log₂(1 + S/N) bits."""
    assert bits(np.array([15 / 16, 3 / 4, -0.3, 1.0])) == pytest.approx([2, 1, 0, 24])


def test_tables_have_names_and_categories_no_bits():
    import pandas as pd

    rng = np.random.default_rng(0)
    number = rng.normal(size=200)
    frame = pd.DataFrame({"a": number, "b": 2 * number, "kind": rng.choice(["x", "y"], 200)})
    ae = nw.Autoencoder(2, max_epochs=25).fit(frame)
    names, r2, told = tasks.per_feature(ae, frame)
    assert names == ["a", "b", "kind"]
    assert (r2[:2] > 0.5).all() and math.isnan(r2[2]) and told[2] == 0
    assert ae.evaluate(frame)["bits"] == pytest.approx(told.sum())


# Neighbourhoods


def test_the_identity_keeps_all_neighbours():
    X = np.random.default_rng(0).normal(size=(60, 4))
    assert tasks.trustworthiness(X, 3 * X + 1) == tasks.continuity(X, 3 * X + 1) == 1.0


def test_a_fold_is_not_trusted_and_a_cut_is_not_continuous():
    t = np.linspace(0, 1, 200)[:, None]
    folded, cut = np.abs(t - 0.5), np.where(t < 0.5, t, t + 10)
    assert tasks.trustworthiness(t, folded) < 0.9 and tasks.continuity(t, folded) > 0.97
    ring = np.hstack([np.cos(2 * np.pi * t), np.sin(2 * np.pi * t)])
    assert tasks.continuity(ring, t) < tasks.trustworthiness(ring, t)
    assert tasks.continuity(t, cut) > 0.99  # distances grow, neighbours stay


def test_too_few_rows_have_no_neighbourhoods(refused):
    assert math.isnan(tasks.trustworthiness(np.eye(3), np.eye(3)))
    with refused("5 rows"):
        tasks.trustworthiness(np.zeros((5, 2)), np.zeros((4, 2)))


# Probes


def test_labels_that_are_a_line_in_the_code_are_read_off(data, plain):
    Z = plain.transform(data[0])
    line = Z @ np.arange(1, 7)
    assert tasks.probe(plain, data[0], line)["probe_r2"] == pytest.approx(1, abs=1e-3)
    sides = np.where(line > np.median(line), "above", "below")
    assert tasks.probe(plain, data[0], sides)["probe_accuracy"] > 0.95


def test_labels_that_have_nothing_to_do_with_rows_are_not(data, plain):
    y = np.random.default_rng(0).integers(0, 2, len(data[0]))
    found = tasks.probe(plain, data[0], y)
    assert 0.3 < found["probe_accuracy"] < 0.7 and 0.3 < found["pca_probe_accuracy"] < 0.7


def test_lonely_labels_are_left_out(data, plain):
    y = data[1].astype(object)
    y[0] = 77
    assert tasks.probe(plain, data[0], y)["probe_accuracy"] > 0.5
    assert math.isnan(tasks.probe(plain, data[0], [f"id {i}" for i in range(len(y))])["probe_accuracy"])
    # Whole numbers that do not repeat are numbers.
    assert "probe_r2" in tasks.probe(plain, data[0], np.arange(len(y)))


def test_bad_labels_are_refused(data, plain, refused):
    X, y = data
    for wrong in (y[:-1], np.stack([y, y], 1), np.where(y == 3, np.nan, y), [None, *y[1:]], [{}] * len(y)):
        with pytest.raises(ValueError, match="y h"):
            plain.evaluate(X, wrong)
    with refused("(358,)"):
        plain.evaluate(X, y[:-1])


# evaluate


CHEAP = {"mse", "r2", "bits", "nll", "rate", "score", "pca_mse", "pca_r2", "pca_bits", "pca_nll"}
USED = {"active_units", "active_share"}
FULL = {"trustworthiness", "continuity", "pca_trustworthiness", "pca_continuity"}


def test_costly_measures_come_by_request_alone(data, plain, variational):
    X, y = data
    assert set(plain.evaluate(X)) == CHEAP | USED
    assert set(variational.evaluate(X)) == CHEAP | USED | {"collapsed"}
    assert set(plain.evaluate(X, y)) == CHEAP | USED | {"probe_accuracy", "pca_probe_accuracy"}
    assert set(plain.evaluate(X, full=True)) == CHEAP | USED | FULL
    random = {"log_likelihood", "mutual_information", "aggregate_gap", "collapsed"}
    assert set(variational.evaluate(X, full=True, k=3)) == CHEAP | USED | FULL | random
    assert all(type(value) is float for value in variational.evaluate(X, y, full=True, k=3).values())


def test_it_is_the_same_every_time_and_touches_no_global_state(data, variational):
    X, y = data
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    first = variational.evaluate(X, y, full=True, k=5)
    assert first == variational.evaluate(X, y, full=True, k=5)
    assert np.array_equal(before, np.random.get_state()[1])  # noqa: NPY002


def test_many_rows_are_drawn_from(data, plain, monkeypatch):
    X, y = data
    monkeypatch.setattr("narrows.tasks.neighbourhoods.MOST", 100)
    monkeypatch.setattr(sys.modules["narrows.tasks.probe"], "MOST", 150)  # the function has its name
    got = plain.evaluate(X, y, full=True)
    assert 0.5 < got["trustworthiness"] <= 1 and got["probe_accuracy"] > 0.3


def test_rows_on_demand_are_measured_too(data, tmp_path):
    pd = pytest.importorskip("pandas")
    X, y = data[0][:120], data[1][:120] % 2
    frame = pd.DataFrame(X, columns=[f"p{i}" for i in range(64)])
    frame.to_parquet(tmp_path / "x.parquet", row_group_size=50)
    ae = nw.recipes.variational(3, max_epochs=3).fit(frame)
    whole = ae.evaluate(frame, y, full=True, k=2)
    assert ae.evaluate(nw.sources.Parquet(tmp_path / "x.parquet"), y, full=True, k=2) == pytest.approx(
        whole, rel=1e-4, nan_ok=True
    )

"""Classifiers and regressors that start from an encoder."""

import pickle

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.base import clone, is_classifier, is_regressor
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import cross_val_score
from sklearn.utils.estimator_checks import check_estimator
from torch import nn

import narrows as nw
from narrows.backbones import MLP
from narrows.tasks import heads
from narrows.tasks._given import is_real, plain_labels


@pytest.fixture(scope="module")
def labels():
    from sklearn.datasets import load_digits

    return load_digits().target[:300]


@pytest.fixture(scope="module")
def ae(digits):
    return nw.recipes.denoising(16, hidden=(32,), max_epochs=8).fit(digits)


@pytest.mark.slow
@pytest.mark.parametrize("kind", [nw.Classifier, nw.Regressor])
def test_scikit_learns_own_checks(kind):
    results = check_estimator(kind(nw.Autoencoder(max_epochs=5), max_epochs=10), on_fail=None, on_skip=None)
    assert [r["check_name"] for r in results if r["status"] == "skipped"] == ["check_array_api_input"]
    failed = [(r["check_name"], r["exception"]) for r in results if r["status"] not in ("passed", "skipped")]
    assert not failed


# What comes of it


def test_few_labels_make_a_classifier(ae, digits, labels):
    before = ae.transform(digits)
    few = nw.tasks.fine_tune(ae, digits[:150], labels[:150], max_epochs=5)
    assert isinstance(few, nw.Classifier) and is_classifier(few) and few.classes_.tolist() == list(range(10))
    chance = few.predict_proba(digits)
    assert chance.shape == (300, 10) and np.allclose(chance.sum(1), 1)
    assert np.array_equal(few.predict(digits), few.classes_[chance.argmax(1)])
    assert few.score(digits[150:], labels[150:]) > 0.7
    assert np.array_equal(ae.transform(digits), before), "what it started from is as it was"
    assert not np.array_equal(few.ae_.transform(digits), before)


def test_strings_and_booleans_are_classes(ae, digits, labels):
    names = np.array([f"digit {i}" for i in labels])
    few = nw.fine_tune(ae, digits, names, max_epochs=2)
    assert few.classes_.tolist() == [f"digit {i}" for i in range(10)]
    assert set(few.predict(digits)) <= set(names) and few.score(digits, names) > 0.8
    assert nw.fine_tune(ae, digits, labels > 4, max_epochs=2).predict(digits).dtype == bool
    assert (
        nw.fine_tune(ae, digits, pd.Series(names, dtype="category"), max_epochs=1).score(digits, names) > 0.8
    )


def test_numbers_make_a_regressor(ae, digits):
    ink = digits.sum(1) / 7
    few = nw.tasks.fine_tune(ae, digits[:150], ink[:150], max_epochs=5)
    assert isinstance(few, nw.Regressor) and is_regressor(few)
    assert few.predict(digits).shape == (300,) and few.score(digits[150:], ink[150:]) > 0.5
    both = nw.tasks.fine_tune(ae, digits, np.stack([ink, -ink], 1), max_epochs=2)
    assert both.predict(digits).shape == (300, 2) and both.score(digits, np.stack([ink, -ink], 1)) > 0.5


@pytest.mark.parametrize(
    ("y", "real"),
    [
        ([0.5, 1.5, 2.0], True),
        ([0, 1, 2] * 10, False),
        ([0.0, 1.0] * 10, False),
        (list("abc"), False),
        (range(100), True),
        (np.arange(20).reshape(10, 2), True),
        ([True, False], False),
        (np.array([0.5, 1.5], dtype=object), True),
        (pd.array([1, 2, 1] * 10, dtype="Int64"), False),
        (pd.Series(["a", None]), False),
    ],
    ids=repr,
)
def test_what_is_real(y, real):
    assert is_real(plain_labels(y)) is real


def test_labels_in_objects_are_what_they_hold(ae, digits, labels):
    some = nw.fine_tune(ae, digits[:60], pd.Series(labels[:60], dtype="Int64"), max_epochs=2)
    assert some.classes_.dtype.kind == "i"
    real = nw.fine_tune(
        ae, digits[:60], np.array([float(v) + 0.5 for v in labels[:60]], dtype=object), max_epochs=2
    )
    assert isinstance(real, nw.Regressor)


@pytest.mark.parametrize(
    ("y", "said"),
    [
        ([None, *"ab" * 30][:60], "missing labels"),
        ([float("nan"), *[0.0, 1.0] * 30][:60], "NaN"),
        (np.eye(3, dtype=int)[[0, 1, 2] * 20], "one-hot"),
        (np.eye(3, dtype=bool)[[0, 1, 2] * 20], "one-hot"),
    ],
    ids=["none", "nan", "one-hot", "one-hot bool"],
)
def test_labels_that_are_none_are_refused_in_a_sentence(ae, digits, y, said):
    with pytest.raises(ValueError, match=said):
        nw.fine_tune(ae, digits[:60], y)


def test_a_regressor_wants_numbers(ae, digits):
    with pytest.raises(ValueError, match=r"use nw\.Classifier"):
        nw.Regressor(ae).fit(digits[:3], ["a", "b", "c"])


# Known answers


def test_a_frozen_encoder_gets_a_logistic_regression(ae, digits, labels):
    few = nw.Classifier(ae, freeze=True, layer="bottleneck", validation_fraction=0.0).fit(digits, labels)
    assert np.array_equal(few.ae_.transform(digits), ae.transform(digits))
    codes = ae.transform(digits).astype(np.float64)
    codes -= codes.mean(0)
    codes *= heads.NORM / np.sqrt(np.square(codes).sum(1).mean())
    peer = LogisticRegression(C=1 / (heads.DECAY * len(codes)), max_iter=5000, tol=1e-8).fit(codes, labels)
    assert np.abs(few.predict_proba(digits) - peer.predict_proba(codes)).max() < 1e-2


def test_a_frozen_encoder_gets_a_ridge_regression(ae, digits):
    y = digits.sum(1)
    few = nw.Regressor(ae, freeze=True, layer="bottleneck", validation_fraction=0.0).fit(digits, y)
    codes = ae.transform(digits).astype(np.float64)
    codes -= codes.mean(0)
    codes *= heads.NORM / np.sqrt(np.square(codes).sum(1).mean())
    peer = Ridge(heads.DECAY * len(codes)).fit(codes, y)
    assert np.abs(few.predict(digits) - peer.predict(codes)).max() < 1e-2 * y.std()


def test_training_is_never_worse_on_held_out_labels_than_its_start(ae, digits, labels):
    """A rate at which training goes astray: the start, the best on held-out labels, stays."""
    wild = nw.Classifier(ae, learning_rate=100.0, max_epochs=2).fit(digits, labels)
    assert np.array_equal(wild.ae_.transform(digits), ae.transform(digits))
    assert wild.score(digits, labels) > 0.8


def test_held_out_labels_are_from_all_classes_and_leave_each_some():
    y = np.repeat([0, 1, 2, 3], [60, 30, 9, 1])
    train, held = heads.split(y, 0.2, 0)
    assert sorted([*train, *held]) == list(range(100)) and len(held) in (19, 20)
    assert set(y[train]) == {0, 1, 2, 3} and {0, 1, 2} <= set(y[held])
    train, held = heads.split(y[:20], 0.1, 0)
    assert len(train) == 20 and not len(held), "two labels judge nothing"


# As any estimator


def test_the_same_seed_gives_the_same_bits_and_rows_stand_alone(ae, digits, labels):
    first, again = (nw.Classifier(ae, max_epochs=3).fit(digits, labels) for _ in range(2))
    whole = first.predict_proba(digits)
    assert np.array_equal(whole, again.predict_proba(digits))
    assert np.array_equal(first.predict_proba(digits[3:4]), whole[3:4])
    other = nw.Classifier(ae, max_epochs=3, random_state=1).fit(digits, labels)
    assert not np.array_equal(whole, other.predict_proba(digits))


def test_training_leaves_the_global_state_alone(ae, digits, labels):
    torch.manual_seed(0)
    expected = torch.rand(3)
    torch.manual_seed(0)
    nw.Classifier(ae, max_epochs=1).fit(digits, labels)
    assert torch.equal(torch.rand(3), expected)


@pytest.mark.parametrize("names", [False, True])
def test_saved_and_loaded(ae, digits, labels, names, tmp_path):
    y = np.array([f"d{i}" for i in labels], dtype=object if names else None) if names else labels
    few = nw.Classifier(ae, max_epochs=2).fit(digits, y)
    few.save(tmp_path / "c.safetensors")
    loaded = nw.load(tmp_path / "c.safetensors")
    assert type(loaded) is nw.Classifier and loaded.classes_.tolist() == few.classes_.tolist()
    assert np.array_equal(loaded.predict_proba(digits), few.predict_proba(digits))
    assert loaded.get_params(deep=False).keys() == few.get_params(deep=False).keys()
    number = nw.Regressor(ae, max_epochs=2).fit(digits, digits.sum(1))
    number.save(tmp_path / "r.safetensors")
    assert np.array_equal(nw.load(tmp_path / "r.safetensors").predict(digits), number.predict(digits))
    assert np.array_equal(pickle.loads(pickle.dumps(number)).predict(digits), number.predict(digits))


def test_an_unfitted_model_is_fitted_first_and_a_frozen_one_survives_cloning(ae, digits, labels):
    fresh = nw.Classifier(nw.Autoencoder(8, backbone=MLP((16,)), max_epochs=2), max_epochs=2)
    assert fresh.fit(digits, labels).ae_.latent_dim_ == 8 and not hasattr(fresh.ae, "fitted_")
    assert not hasattr(clone(nw.Classifier(ae)).ae, "fitted_")
    frozen = nw.Classifier(FrozenEstimator(ae), freeze=True)
    assert cross_val_score(frozen, digits, labels, cv=2).mean() > 0.6


def test_networks_of_the_users_own_and_tables(plane):
    kind = np.where(plane[:, 0] > np.median(plane[:, 0]), "high", "low")
    pair = (nn.Sequential(nn.Linear(6, 5), nn.ReLU(), nn.Dropout(0.5), nn.Linear(5, 2)), nn.Linear(2, 6))
    mine = nw.Autoencoder(2, backbone=pair, scale="standard", max_epochs=5).fit(plane)
    assert nw.fine_tune(mine, plane, kind, max_epochs=10).score(plane, kind) > 0.6
    frame = pd.DataFrame(plane, columns=list("abcdef")).assign(g=kind)
    frame.loc[::7, "b"] = np.nan
    of_table = nw.Autoencoder(3, max_epochs=5).fit(frame)
    assert nw.fine_tune(of_table, frame, kind, max_epochs=10).score(frame, kind) > 0.9


def test_picked_columns_stay_picked(plane):
    ae = nw.recipes.concrete(2, max_epochs=2).fit(plane)
    few = nw.Classifier(ae, max_epochs=2).fit(plane, plane[:, 0] > 0)
    assert np.array_equal(nw.tasks.selected(few.ae_), nw.tasks.selected(ae))


@pytest.mark.parametrize(
    "wrong",
    [{"max_epochs": 0}, {"learning_rate": -1}, {"validation_fraction": 0.9}, {"patience": 0}, {"layer": 5}],
    ids=repr,
)
def test_wrong_parameters_are_refused(ae, digits, labels, wrong, refused):
    ((name, value),) = wrong.items()
    with refused(f"{name}={value!r}"):
        nw.Classifier(ae, **wrong).fit(digits, labels)


def test_wrong_labels_are_refused(ae, digits, labels, refused):
    with refused("one class alone"):
        nw.Classifier(ae).fit(digits, np.zeros(300))
    with refused("Classifier", "y"):
        nw.Classifier(ae).fit(digits, None)
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        nw.Classifier(ae).fit(digits, labels[:20])
    with refused("a Ridge"):
        nw.Classifier(Ridge()).fit(digits, labels)

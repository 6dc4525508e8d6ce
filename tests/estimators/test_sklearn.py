"""scikit-learn's own checks, and the ways in which its users reach into an estimator."""

import pickle
from collections import Counter

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import check_estimator

import narrows as nw
from narrows.backbones import MLP
from narrows.bottlenecks import Deterministic, Gaussian, TopK
from narrows.corruptions import Masking
from narrows.likelihoods import Normal
from narrows.penalties import L1, KLSparsity
from narrows.priors import StandardNormal

OF_ROWS = [name for name in nw.recipes.__all__ if "convolutional" not in name]
OF_VECTORS = [name for name in OF_ROWS if getattr(nw.recipes, name)().input is None]  # of any sign


def checked(estimator):
    return check_estimator(estimator, on_fail=None, on_skip=None)


@pytest.mark.parametrize("recipe", [None, *OF_VECTORS])
def test_scikit_learns_own_checks(recipe):
    estimator = nw.Autoencoder(max_epochs=2) if recipe is None else getattr(nw.recipes, recipe)(max_epochs=2)
    results = checked(estimator)
    assert [r["check_name"] for r in results if r["status"] == "skipped"] == ["check_array_api_input"]
    failed = [(r["check_name"], r["exception"]) for r in results if r["status"] not in ("passed", "skipped")]
    assert not failed
    assert not any(r["expected_to_fail"] for r in results)
    assert Counter(r["status"] for r in results)["passed"] > 40


# Parameters


def test_parameters_of_parts_are_reached_by_their_long_names():
    ae = nw.Autoencoder(
        bottleneck=Gaussian(beta=2.0),
        penalties=(L1(0.1), L1(0.2)),
        corruption=Masking(0.3),
        backbone=MLP((7,)),
    )
    params = ae.get_params()
    assert params["bottleneck__beta"] == 2.0
    assert params["bottleneck__prior"] == StandardNormal()
    assert params["penalties__0__weight"] == 0.1 and params["penalties__1__weight"] == 0.2
    assert params["corruption__p"] == 0.3 and params["backbone__hidden"] == (7,)
    assert set(ae.get_params(deep=False)) == set(nw.Autoencoder._get_param_names())


def test_parameters_of_parts_are_set_by_their_long_names():
    ae = nw.Autoencoder(bottleneck=Gaussian(), penalties=(L1(0.1), KLSparsity()))
    before = ae.bottleneck
    same = ae.set_params(bottleneck__beta=4.0, bottleneck__warmup=0.2, penalties__0__weight=0.7, latent_dim=3)
    assert same is ae
    assert ae.bottleneck == Gaussian(beta=4.0, warmup=0.2) and ae.latent_dim == 3
    assert ae.penalties == (L1(0.7), KLSparsity())
    assert before == Gaussian(), "parts are values: the old one is as it was"


def test_a_part_and_its_parameter_may_be_set_together():
    ae = nw.Autoencoder().set_params(bottleneck__k=3, bottleneck=TopK(9))
    assert ae.bottleneck == TopK(3)


def test_parameters_are_set_in_parts_given_by_name():
    ae = nw.Autoencoder(bottleneck="gaussian", penalties=["l1"]).set_params(
        bottleneck__beta=4.0, penalties__0__weight=0.5
    )
    assert ae.bottleneck == Gaussian(beta=4.0) and ae.penalties == [L1(0.5)]


def test_everything_that_is_got_can_be_set():
    first = nw.Autoencoder(3, bottleneck=Gaussian(2.0), penalties=(L1(0.1),), corruption=Masking(0.2))
    second = nw.Autoencoder(bottleneck=Gaussian(), penalties=(L1(0.3),), corruption=Masking())
    second.set_params(**first.get_params())
    assert second.get_params() == first.get_params()


@pytest.mark.parametrize(
    ("params", "given"),
    [
        ({"bottleneck__gamma": 1}, "'gamma'"),
        ({"botleneck__beta": 1}, "'botleneck'"),
        ({"corruption__std": 1}, "corruption"),
        ({"penalties__3__weight": 1}, "penalties__3"),
        ({"penalties__first__weight": 1}, "penalties__first"),
        ({"latent_dims": 1}, "'latent_dims'"),
        ({"bottleneck__beta": -1}, "-1"),
    ],
    ids=repr,
)
def test_parameters_that_do_not_exist_are_refused(params, given):
    with pytest.raises(ValueError, match=given.replace("'", "['`]")):
        nw.Autoencoder(bottleneck=Gaussian(), penalties=(L1(),)).set_params(**params)


@pytest.mark.parametrize("recipe", nw.recipes.__all__)
def test_recipes_are_cloned_and_printed_as_they_are(recipe):
    ae = getattr(nw.recipes, recipe)()
    assert clone(ae).get_params() == ae.get_params()
    assert type(ae) is nw.Autoencoder and repr(ae).startswith("Autoencoder(")


def test_init_only_stores():
    given = {"bottleneck": "no such part", "scale": object(), "max_epochs": -1, "penalties": [3]}
    ae = nw.Autoencoder("x", **given)
    assert ae.latent_dim == "x" and all(getattr(ae, name) is value for name, value in given.items())


def test_fit_changes_no_parameter(plane):
    ae = nw.Autoencoder(2, bottleneck="gaussian", penalties=[L1(0.1)], max_epochs=1)
    before = ae.get_params()
    ae.fit(plane)
    assert ae.get_params() == before


# Composition


def test_grid_search_reaches_into_parts(plane):
    search = GridSearchCV(
        nw.recipes.variational(2, hidden=(8,), max_epochs=15), {"bottleneck__beta": [1.0, 100.0]}, cv=3
    ).fit(plane)
    assert search.best_params_ == {"bottleneck__beta": 1.0}
    assert search.best_estimator_.bottleneck.beta == 1.0


def test_parts_may_be_searched_by_name(plane):
    search = GridSearchCV(
        nw.Autoencoder(2, max_epochs=2), {"likelihood": ["laplace", Normal("shared")]}, cv=2
    )
    assert search.fit(plane).best_params_["likelihood"] in ("laplace", Normal("shared"))


def test_in_a_pipeline_before_a_classifier():
    from sklearn.datasets import load_digits

    X, y = load_digits(return_X_y=True)
    X, y = X[:400], y[:400]
    model = make_pipeline(
        StandardScaler(), nw.Autoencoder(10, max_epochs=15), LogisticRegression(max_iter=1000)
    )
    assert cross_val_score(model, X, y, cv=2).mean() > 0.7


def test_labels_are_ignored(plane):
    first = nw.Autoencoder(2, max_epochs=1).fit_transform(plane)
    second = nw.Autoencoder(2, max_epochs=1).fit_transform(plane, np.arange(len(plane)))
    assert np.array_equal(first, second)


@pytest.mark.parametrize("recipe", OF_ROWS)
def test_fitted_models_are_pickled(plane, recipe):
    plane = abs(plane)
    ae = getattr(nw.recipes, recipe)(3, max_epochs=1).fit(plane)
    again = pickle.loads(pickle.dumps(ae))
    assert np.array_equal(again.transform(plane), ae.transform(plane))
    assert np.array_equal(again.reconstruct(plane), ae.reconstruct(plane))
    assert np.array_equal(again.score_samples(plane), ae.score_samples(plane))
    if ae.net_.side is None:  # else a decoder wants more than codes
        assert np.array_equal(again.sample(3), ae.sample(3))
    assert again.get_params() == ae.get_params() and again.history_ == ae.history_


def test_clone_drops_what_was_fitted(plane):
    ae = nw.Autoencoder(2, bottleneck=Deterministic("tanh"), max_epochs=1).fit(plane)
    assert not hasattr(clone(ae), "fitted_")

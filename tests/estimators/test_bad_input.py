"""Bad input gets one sentence: what was given, what was expected, what to do."""

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
from torch import nn

import narrows as nw
from narrows.bottlenecks import Gaussian, TopK
from narrows.likelihoods import Normal

GOOD = np.random.default_rng(0).normal(size=(30, 4))


def holed(value):
    rows = GOOD.copy()
    rows[3, 2] = value
    return rows


# What is wrong with the rows → (the rows, what the sentence must quote)
ROWS = {
    "a gap": (holed(np.nan), "NaN at row 3, column 2"),
    "infinity": (holed(np.inf), "inf"),
    "minus infinity": (holed(-np.inf), "inf"),
    "text": (np.array([["red", "blue"]] * 5), "'red'"),
    "objects": (np.array([["red", 1.0]] * 5, dtype=object), "object"),
    "one axis": (GOOD[0], "(4,)"),
    "no axis": (np.float64(3), "()"),
    "five axes": (np.zeros((2, 1, 2, 2, 2)), "(2, 1, 2, 2, 2)"),
    "no rows": (GOOD[:0], "0 rows"),
    "no columns": (GOOD[:, :0], "0 feature(s)"),
    "complex": (GOOD * 1j, "complex"),
    "ragged": ([[1, 2], [3]], "nested list"),
    "nothing": (None, "()"),
    "a column of nothing": (pd.DataFrame({"a": [1, 2], "b": [None, None]}), "'b'"),
}
FITTED_ROWS = {
    "sparse": (scipy.sparse.csr_matrix(GOOD), "sparse"),
    "a text column": (pd.DataFrame({"a": [1, 2], "b": ["x", "y"]}), "'b'"),
    "a gap in a frame": (pd.DataFrame({"a": [1, 2], "b": [1.0, None]}), "'b'"),
    "three features": (GOOD[:, :3], "3 features"),
    "five features": (np.column_stack([GOOD, GOOD[:, 0]]), "5 features"),
}


@pytest.fixture(scope="module")
def ae():
    return nw.Autoencoder(2, max_epochs=1).fit(GOOD)


@pytest.mark.parametrize("case", ROWS)
def test_bad_rows_are_refused_by_fit(case, refused):
    rows, given = ROWS[case]
    ae = nw.Autoencoder(2, max_epochs=1)
    with refused(given):
        ae.fit(rows)
    assert not hasattr(ae, "fitted_")


@pytest.mark.parametrize("verb", ["transform", "reconstruct", "score_samples", "evaluate"])
@pytest.mark.parametrize("case", [*ROWS, *FITTED_ROWS])
def test_bad_rows_are_refused_by_verbs(ae, case, verb, refused):
    rows, given = (ROWS | FITTED_ROWS)[case]
    given = () if case == "a column of nothing" else (given,)
    with refused(*given):
        getattr(ae, verb)(rows)


def test_bad_validation_rows_are_refused(refused):
    with refused("3 features"):
        nw.Autoencoder(2, max_epochs=1).fit(GOOD, validation_data=GOOD[:, :3])
    with refused("NaN"):
        nw.Autoencoder(2, max_epochs=1).fit(GOOD, validation_data=holed(np.nan))


PARAMETERS = [
    ({"latent_dim": 0}, "0"),
    ({"latent_dim": -1}, "-1"),
    ({"latent_dim": 2.5}, "2.5"),
    ({"latent_dim": "x"}, "'x'"),
    ({"latent_dim": True}, "True"),
    ({"latent_dim": None}, "None"),
    ({"scale": "foo"}, "'foo'"),
    ({"scale": 3}, "3"),
    ({"likelihood": "foo"}, "'foo'"),
    ({"bottleneck": "foo"}, "'foo'"),
    ({"backbone": "foo"}, "'foo'"),
    ({"corruption": "foo"}, "'foo'"),
    ({"corruption": 0.5}, "0.5"),
    ({"penalties": "foo"}, "'foo'"),
    ({"penalties": (0.1,)}, "0.1"),
    ({"penalties": 0.1}, "0.1"),
    ({"input": "foo"}, "'foo'"),
    ({"likelihood": Normal}, "type"),
    ({"max_epochs": 0}, "0"),
    ({"max_epochs": -3}, "-3"),
    ({"batch_size": 0}, "0"),
    ({"learning_rate": -1.0}, "-1.0"),
    ({"learning_rate": "fast"}, "'fast'"),
    ({"weight_decay": -1.0}, "-1.0"),
    ({"patience": 0}, "0"),
    ({"validation_fraction": 1.0}, "1.0"),
    ({"validation_fraction": -0.5}, "-0.5"),
    ({"precision": "float16"}, "'float16'"),
    ({"device": "abacus"}, "'abacus'"),
    ({"random_state": -1}, "-1"),
    ({"random_state": "seed"}, "'seed'"),
    ({"random_state": 1.5}, "1.5"),
    ({"backbone": "conv2d"}, "images"),
    ({"input": "images"}, "images"),
    ({"likelihood": "bernoulli", "scale": None}, "[0, 1]"),
    ({"likelihood": Normal(mean="sigmoid"), "scale": "standard"}, "[0, 1]"),
    ({"penalties": "klsparsity"}, "Deterministic"),
    ({"backbone": (nn.Linear(3, 2), nn.Linear(2, 4))}, "encoder"),
    ({"backbone": (nn.Linear(4, 2), nn.Linear(3, 4))}, "decoder"),
    ({"backbone": (nn.Linear(4, 2), nn.Linear(2, 5))}, "5 numbers"),
    ({"backbone": (nn.Linear(4, 2), "decoder")}, "decoder"),
]


@pytest.mark.parametrize(("parameters", "given"), PARAMETERS, ids=lambda value: repr(value)[:50])
def test_bad_parameters_are_refused_by_fit(parameters, given, refused):
    ae = nw.Autoencoder(**{"latent_dim": 2, "max_epochs": 1} | parameters)
    with refused(given):
        ae.fit(GOOD)
    assert not hasattr(ae, "fitted_")


@pytest.mark.parametrize(
    ("recipe", "arguments", "given"),
    [
        ("denoising", {"noise": -0.5}, "-0.5"),
        ("denoising_convolutional", {"noise": -1}, "-1"),
        ("sparse", {"l1": -1}, "-1"),
        ("kl_sparse", {"target": 2}, "2"),
        ("kl_sparse", {"weight": -1}, "-1"),
        ("topk", {"k": 0}, "0"),
        ("contractive", {"weight": -1}, "-1"),
        ("beta_variational", {"beta": -1}, "-1"),
        ("deep", {"hidden": (0,)}, "0"),
        ("convolutional", {"channels": ()}, "()"),
    ],
)
def test_bad_arguments_are_refused_by_recipes(recipe, arguments, given, refused):
    with refused(given):
        getattr(nw.recipes, recipe)(**arguments)


def test_misspelled_keywords_are_refused_by_recipes():
    with pytest.raises(TypeError, match="latentdim"):
        nw.recipes.deep(latentdim=3)


CODES = {
    "too wide": (np.zeros((2, 3)), "(2, 3)"),
    "one axis": (np.zeros(2), "(2,)"),
    "no rows": (np.zeros((0, 2)), "0 rows"),
    "a gap": (np.array([[0.0, np.nan]]), "NaN"),
    "text": (np.array([["a", "b"]]), "'a'"),
    "sparse": (scipy.sparse.csr_matrix(np.eye(2)), "sparse"),
}


@pytest.mark.parametrize("case", CODES)
def test_bad_codes_are_refused(ae, case, refused):
    codes, given = CODES[case]
    with refused("Z ", given):
        ae.inverse_transform(codes)


@pytest.mark.parametrize(
    ("use", "given"),
    [
        (lambda ae: ae.sample(0), "0"),
        (lambda ae: ae.sample("many"), "'many'"),
        (lambda ae: ae.sample(3, random_state=-1), "-1"),
        (lambda ae: ae.interpolate(GOOD[0], GOOD[1], steps=1), "1"),
        (lambda ae: ae.interpolate(GOOD, GOOD[1]), "30 rows"),
        (lambda ae: ae.interpolate(GOOD[0, :3], GOOD[1]), "3 features"),
        (lambda ae: ae.traverse(GOOD[0], dim=2), "2"),
        (lambda ae: ae.traverse(GOOD[0], dim=-1), "-1"),
    ],
)
def test_bad_requests_are_refused(ae, use, given, refused):
    with refused(given):
        use(ae)


def test_flat_rows_are_never_guessed_to_be_pictures(refused):
    flat = np.zeros((10, 784))
    with refused("784", "(n, height, width)"):
        nw.recipes.convolutional(2, max_epochs=1).fit(flat)


def test_ambiguous_pictures_are_refused(refused):
    with refused("(10, 3, 8, 3)", "channels='first'"):
        nw.recipes.convolutional(2, max_epochs=1).fit(np.zeros((10, 3, 8, 3)))


def test_other_pictures_than_fitted_are_refused(refused):
    ae = nw.recipes.convolutional(2, max_epochs=1).fit(np.random.default_rng(0).uniform(size=(10, 8, 8)))
    for rows, given in ((np.zeros((2, 8, 7)), "(8, 7)"), (np.zeros((2, 63)), "63 features")):
        with refused(given):
            ae.transform(rows)


def test_more_active_units_than_there_are_is_all_of_them():
    assert (nw.Autoencoder(2, bottleneck=TopK(5), max_epochs=1).fit(GOOD).transform(GOOD) != 0).all()


def test_parts_refuse_when_they_are_made_and_not_when_they_are_trained(refused):
    with refused("-4"):
        Gaussian(beta=-4)

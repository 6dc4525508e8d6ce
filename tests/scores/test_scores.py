"""Scores: what they are of a model that is known, and that their parts add up to them."""

import numpy as np
import pandas as pd
import pytest
import scipy.sparse

import narrows as nw
from narrows.scores import NLL, Ellipsoid, Latent, Neighbours, Residual
from narrows.scores.combined import Combined
from narrows.scores.names import from_json, resolve, to_json
from narrows.tasks.explain import coordinates, residuals

RNG = np.random.default_rng(0)
PLANE = RNG.normal(size=(400, 2)) @ RNG.normal(size=(2, 5)) + 0.1 * RNG.normal(size=(400, 5))
TABLE = pd.DataFrame(
    {
        "a": np.where(RNG.random(200) < 0.1, np.nan, PLANE[:200, 0]),
        "b": PLANE[:200, 1],
        "c": RNG.choice(["x", "y", "z"], 200),
        "d": PLANE[:200, 2] > 0,
    }
)
QUICK = {"max_epochs": 5, "random_state": 0}
MODELS = {
    "vectors": (nw.Autoencoder(2, **QUICK), PLANE),
    "variational": (nw.recipes.variational(2, **QUICK), PLANE),
    "table": (nw.Autoencoder(2, **QUICK), TABLE),
    "images": (nw.recipes.convolutional(3, **QUICK), RNG.random((60, 8, 8))),
    "counts": (nw.Autoencoder(2, **QUICK), scipy.sparse.csr_array(RNG.poisson(0.7, (80, 12)))),
}
SCORES = [
    NLL(),
    Residual(),
    Neighbours(3),
    Neighbours(0.1),
    Neighbours(2, "code"),
    Neighbours(2, "joint"),
    Latent(),
    Latent(2),
    Ellipsoid(),
]


@pytest.fixture(scope="module", params=MODELS)
def model(request):
    ae, X = MODELS[request.param]
    ae = ae.fit(X)
    return ae.fitted_, ae._rows(X)


@pytest.mark.parametrize("score", SCORES, ids=repr)
def test_the_parts_of_a_score_add_up_to_it(model, score):
    fitted, rows = model
    learned = score.learn(fitted, rows, 0)
    some = rows[:40]
    parts, totals = score.parts(fitted, some, learned), score.totals(fitted, some, learned)
    assert parts.shape == (40, fitted.net.shapes.features) and parts.dtype == np.float64
    np.testing.assert_allclose(parts.sum(1), totals, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("score", SCORES, ids=repr)
def test_they_survive_json(score):
    assert from_json(to_json(score)) == score


def test_names_are_those_of_the_parts():
    assert resolve("neighbours") == Neighbours() and resolve(Latent(3)) == Latent(3)
    with pytest.raises(ValueError, match=r"'foo' is not known: expected 'auto', 'nll'"):
        resolve("foo")
    with pytest.raises(ValueError, match="a dict is not known"):
        resolve({})
    with pytest.raises(ValueError, match="this version knows"):
        from_json({"part": "system"})


def test_residuals_of_a_plane_are_what_pca_leaves():
    ae = nw.recipes.linear(2).fit(PLANE)
    scaled = ae.fitted_.affine.forward(PLANE, ae.fitted_.dtype).numpy()
    left = scaled - ae.fitted_.baseline.reconstruct(scaled)
    np.testing.assert_allclose(residuals(ae.fitted_, PLANE), left, atol=0.1)
    assert np.corrcoef(residuals(ae.fitted_, PLANE).ravel(), left.ravel())[0, 1] > 0.995


def test_the_residual_score_is_a_mahalanobis_distance():
    ae = nw.recipes.linear(2).fit(PLANE)
    score = Residual()
    learned = score.learn(ae.fitted_, PLANE, 0)
    totals = score.totals(ae.fitted_, PLANE, learned)
    left = residuals(ae.fitted_, PLANE)
    exact = np.einsum("ni,ij,nj->n", left, np.linalg.pinv(left.T @ left / len(left), rcond=1e-3), left)
    assert np.corrcoef(np.log(totals), np.log(exact))[0, 1] > 0.95


def test_neighbours_are_scikit_learns():
    from sklearn.neighbors import NearestNeighbors

    fitted = nw.Autoencoder(2, **QUICK).fit(PLANE).fitted_
    score = Neighbours(4)
    points = coordinates(fitted, PLANE)
    known, new = PLANE[:300], PLANE[300:]
    found = score.totals(fitted, new, score.learn(fitted, known, 0))
    distances, _ = NearestNeighbors(n_neighbors=4).fit(points[:300]).kneighbors(points[300:])
    np.testing.assert_allclose(found, np.square(distances).mean(1), rtol=1e-5)


def test_joint_neighbours_are_near_in_rows_and_in_codes():
    from sklearn.neighbors import NearestNeighbors

    ae = nw.Autoencoder(2, **QUICK).fit(PLANE)
    known, new = PLANE[:300], PLANE[300:]
    rows, codes = coordinates(ae.fitted_, PLANE), ae.transform(PLANE)
    codes = codes / codes[:300].std(0)
    both = np.concatenate([rows / rows.shape[1] ** 0.5, codes / codes.shape[1] ** 0.5], 1)
    score = Neighbours(4, "joint")
    found = score.totals(ae.fitted_, new, score.learn(ae.fitted_, known, 0))
    distances, _ = NearestNeighbors(n_neighbors=4).fit(both[:300]).kneighbors(both[300:])
    np.testing.assert_allclose(found, np.square(distances).mean(1), rtol=1e-4)


def test_two_categories_are_at_distance_one_and_gaps_are_nowhere():
    fitted = nw.Autoencoder(2, **QUICK).fit(TABLE).fitted_
    rows = fitted.schema.rows(TABLE[:2].assign(a=np.nan, b=0.0, c=["x", "y"], d=True))
    a, b = coordinates(fitted, rows)
    assert np.square(a - b).sum() == pytest.approx(1)


def test_one_score_in_nats_stays_as_it_is():
    ae = nw.recipes.variational(2, **QUICK).fit(PLANE)
    combined = Combined.of([NLL()], [ae.fitted_], PLANE, PLANE, 0)
    assert np.array_equal(combined.totals(PLANE), -ae.score_samples(PLANE))
    two = Combined.of([NLL(), Latent()], [ae.fitted_], PLANE[:300], PLANE[300:], 0)
    totals = two.totals(PLANE)
    assert (totals > 0).all() and np.log(2) * 0.5 < np.median(totals) < 1.5  # −ln ½ where rows are usual


def test_wide_rows_are_weighed_one_by_one(monkeypatch):
    fitted = nw.Autoencoder(2, **QUICK).fit(PLANE).fitted_
    monkeypatch.setattr("narrows.scores.residual.WIDE", 3)
    score = Residual()
    learned = score.learn(fitted, PLANE, 0)
    assert set(learned) == {"scale"}
    assert score.totals(fitted, PLANE, learned).mean() == pytest.approx(5, rel=0.1)


@pytest.mark.parametrize(
    "made",
    [
        lambda: Neighbours(0),
        lambda: Neighbours(2.5),
        lambda: Neighbours(0.0),
        lambda: Neighbours(space="x"),
        lambda: Latent(0),
    ],
)
def test_impossible_parameters_are_refused(made):
    with pytest.raises(ValueError, match=r"but needs|but expected one of"):
        made()


def test_a_clump_does_not_move_the_middle():
    rng = np.random.default_rng(0)
    usual, clump = rng.normal(size=(400, 5)), 6 + 0.1 * rng.normal(size=(80, 5))
    rows = np.concatenate([usual, clump])
    fitted = nw.Autoencoder(2, scale="standard", **QUICK).fit(rows).fitted_
    score = Ellipsoid()
    found = score.totals(fitted, rows, score.learn(fitted, rows, 0))
    assert found[400:].min() > 5 * found[:400].mean()
    constant = np.concatenate([PLANE, np.ones((400, 1))], 1)
    fitted = nw.Autoencoder(2, **QUICK).fit(constant).fitted_
    odd = constant[:1] + np.eye(6)[5:]
    learned = score.learn(fitted, constant, 0)
    assert score.parts(fitted, odd, learned)[0].argmax() == 5


def test_very_wide_rows_have_variances_alone(monkeypatch):
    fitted = nw.Autoencoder(2, **QUICK).fit(PLANE).fitted_
    monkeypatch.setattr("narrows.scores.ellipsoid.WIDER", 3)
    score = Ellipsoid()
    learned = score.learn(fitted, PLANE, 0)
    assert set(learned) == {"mean", "variances"}
    assert score.totals(fitted, PLANE, learned).mean() == pytest.approx(5, rel=0.01)

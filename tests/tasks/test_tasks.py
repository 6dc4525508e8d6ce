"""The verbs as functions of a fitted model: against arithmetic done by hand."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.decomposition import PCA

import narrows as nw
from narrows import tasks
from narrows.backbones import MLP
from narrows.likelihoods import Normal
from narrows.tasks.chunks import CHUNK, padded, through
from narrows.tasks.generate import draw_codes

LINEAR = MLP(hidden=())


@pytest.fixture(scope="module")
def X():
    rng = np.random.default_rng(0)
    return (rng.normal(size=(80, 2)) @ rng.normal(size=(2, 5)) + 0.1 * rng.normal(size=(80, 5))) * 3 + 10


@pytest.fixture(scope="module")
def models(X):
    """One fitted model per kind of code, in float64."""
    kinds = {
        "deterministic": {},
        "gaussian": {"bottleneck": "gaussian", "likelihood": Normal("shared")},
        "topk": {"bottleneck": nw.bottlenecks.TopK(2)},
        "bernoulli": {"likelihood": "bernoulli"},
        "minmax": {"scale": "minmax"},
    }
    common = {"latent_dim": 3, "max_epochs": 20, "precision": "float64", "validation_fraction": 0}
    return {name: nw.Autoencoder(**common | choices).fit(X) for name, choices in kinds.items()}


KINDS = ["deterministic", "gaussian", "topk", "bernoulli", "minmax"]
every = pytest.mark.parametrize("kind", KINDS)


# Chunks


@given(n=st.integers(1, 9), size=st.integers(9, 12))
def test_padding_adds_zeros_alone(n, size):
    x = torch.ones(n, 3)
    assert padded(x, size).shape == (size, 3)
    assert torch.equal(padded(x, size)[:n], x) and not padded(x, size)[n:].any()


@pytest.mark.parametrize("n", [1, 2, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK + 3])
def test_chunks_are_of_one_size_and_lose_nothing(models, n):
    seen = []

    def step(x):
        seen.append(len(x))
        return x[:, :1]

    fitted = models["deterministic"].fitted_
    rows = np.arange(5.0 * n).reshape(n, 5)
    got = through(fitted, rows, step)
    assert set(seen) == {CHUNK} and len(seen) == math.ceil(n / CHUNK)
    assert np.allclose(got, fitted.affine.forward(rows, torch.float64)[:, :1])


@every
@pytest.mark.parametrize("verb", [tasks.encode, tasks.reconstruct, tasks.score_rows, tasks.nll])
def test_a_row_is_answered_alike_in_any_company(models, X, kind, verb):
    fitted = models[kind].fitted_
    many = np.concatenate([X] * 7)
    together = verb(fitted, many)
    order = np.random.default_rng(0).permutation(len(many))
    assert np.allclose(verb(fitted, many[order]), together[order], rtol=1e-12, atol=1e-12)
    for i in (0, 79, CHUNK, len(many) - 1):
        assert np.allclose(verb(fitted, many[i : i + 1])[0], together[i], rtol=1e-12, atol=1e-12)


@every
def test_no_verb_touches_global_randomness_or_gradients(models, X, kind):
    fitted = models[kind].fitted_
    numpy_state, torch_state = np.random.get_state()[1].copy(), torch.get_rng_state()  # noqa: NPY002
    codes = tasks.encode(fitted, X)
    tasks.decode(fitted, codes)
    tasks.score_rows(fitted, X)
    tasks.sample(fitted, 3, 0)
    tasks.interpolate(fitted, X[:1], X[1:2])
    tasks.traverse(fitted, X[:1], 0)
    tasks.evaluate(fitted, X)
    assert np.array_equal(numpy_state, np.random.get_state()[1])  # noqa: NPY002
    assert torch.equal(torch_state, torch.get_rng_state())
    assert all(parameter.grad is None for parameter in fitted.net.parameters())


# Encode, decode, reconstruct


@every
def test_encode_and_decode_are_the_network_in_the_users_units(models, X, kind):
    fitted = models[kind].fitted_
    net, affine = fitted.net, fitted.affine
    with torch.no_grad():
        code = net.encode(torch.from_numpy((X - affine.shift) / affine.scale))
        rows = net.likelihood.mean(net.decode(code.mean)).numpy() * affine.scale + affine.shift
    assert np.allclose(tasks.encode(fitted, X), code.mean)
    assert np.allclose(tasks.decode(fitted, code.mean.numpy()), rows)
    assert np.allclose(tasks.reconstruct(fitted, X), rows)


# Scores


def test_scores_are_minus_the_nll_in_the_users_units(models, X):
    """The density of x is the density of its scaled self times |d scaled / d x|."""
    for kind in ("deterministic", "topk", "minmax"):
        ae = models[kind]
        scale = np.broadcast_to(ae.fitted_.affine.scale, 5)
        error = (X - ae.reconstruct(X)) / scale
        expected = -0.5 * (error**2 + math.log(2 * math.pi)).sum(1) - np.log(scale).sum()
        assert np.allclose(ae.score_samples(X), expected), kind


def test_scores_of_probabilities_have_no_jacobian(models, X):
    ae = models["bernoulli"]
    affine = ae.fitted_.affine
    x, p = ((a - affine.shift) / affine.scale for a in (X, ae.reconstruct(X)))
    assert np.allclose(ae.score_samples(X), (x * np.log(p) + (1 - x) * np.log(1 - p)).sum(1))


def test_scores_of_a_linear_variational_model_are_its_exact_elbo(X):
    """Squared error is quadratic in the code, so 16 antithetic draws give its mean without error."""
    ae = nw.Autoencoder(
        3,
        backbone=LINEAR,
        bottleneck="gaussian",
        likelihood=Normal("feature"),
        max_epochs=5,
        precision="float64",
    ).fit(X)
    net, affine = ae.net_, ae.fitted_.affine
    with torch.no_grad():
        x = torch.from_numpy((X - affine.shift) / affine.scale)
        mean, spread = net.bottleneck.project(x), net.bottleneck.spread(x).exp()
        w, v = net.decoder.layers[-1].weight, net.likelihood.variance()
        error = (x - net.decode(mean)) ** 2 + spread @ (w**2).T
        nll = 0.5 * (error / v + v.log() + math.log(2 * math.pi)).sum(1)
        kl = 0.5 * (mean**2 + spread - 1 - spread.log()).sum(1)
    assert np.allclose(ae.score_samples(X), -(nll + kl).numpy() - np.log(affine.scale).sum(), atol=1e-9)


def test_scores_average_over_the_posterior_and_not_its_mean(models, X):
    ae = models["gaussian"]
    fitted, net = ae.fitted_, ae.net_
    with torch.no_grad():
        x = fitted.affine.forward(X, torch.float64)
        plug_in = net.likelihood.nll(net.decode(net.encode(x).mean), x).sum(1).numpy()
        gen = torch.Generator().manual_seed(5)
        draws = np.stack(
            [net.likelihood.nll(net.decode(net.encode(x, gen).z), x).sum(1).numpy() for _ in range(400)]
        )
    jacobian = fitted.affine.log_jacobian((5,))
    got = (tasks.nll(fitted, X) - jacobian).mean()
    gap = draws.mean() - plug_in.mean()
    assert gap > 0.1
    assert got == pytest.approx(draws.mean(), abs=0.2 * gap)


@pytest.mark.parametrize("kind", ["deterministic", "gaussian", "topk", "minmax"])
def test_usual_rows_score_higher(models, X, kind):
    far = X + 30 * np.array([1, -1, 1, -1, 1])
    assert (models[kind].score_samples(X).min() > models[kind].score_samples(far)).all()


# Evaluate


@every
def test_evaluate_is_arithmetic(models, X, kind):
    ae = models[kind]
    got = ae.evaluate(X)
    error = (X - ae.reconstruct(X)) ** 2
    assert got["mse"] == pytest.approx(error.mean())
    assert got["r2"] == pytest.approx(1 - error.sum() / ((X - X.mean(0)) ** 2).sum())
    assert got["score"] == pytest.approx(ae.score(X))
    assert got["score"] == pytest.approx(-got["nll"] - got["rate"])
    assert (got["rate"] > 0) == (kind == "gaussian")


def test_evaluate_shows_pca_of_the_training_rows(X):
    ae = nw.Autoencoder(2, scale=None, validation_fraction=0, max_epochs=1, precision="float64").fit(X)
    pca = PCA(2).fit(X)
    fresh = X[:30] + 0.5
    expected = np.square(fresh - pca.inverse_transform(pca.transform(fresh))).mean()
    assert ae.evaluate(fresh)["pca_mse"] == pytest.approx(expected)


def test_evaluate_shows_the_likelihood_of_probabilistic_pca(X):
    """A Gaussian with covariance WWᵀ + σ²I by Tipping & Bishop's closed form, in the user's units."""
    ae = nw.Autoencoder(2, scale="standard", validation_fraction=0, max_epochs=1, precision="float64").fit(X)
    scaled = (X - X.mean(0)) / X.std(0)
    values, vectors = np.linalg.eigh(np.cov(scaled.T, bias=True))
    noise = values[:3].mean()
    covariance = noise * np.eye(5) + (vectors[:, 3:] * (values[3:] - noise)) @ vectors[:, 3:].T
    inverse, log_det = np.linalg.inv(covariance), np.linalg.slogdet(covariance)[1]
    nll = 0.5 * (np.einsum("ni,ij,nj->n", scaled, inverse, scaled) + log_det + 5 * np.log(2 * np.pi))
    assert ae.evaluate(X)["pca_nll"] == pytest.approx(nll.mean() + np.log(X.std(0)).sum())


# Generate


@every
def test_samples_come_from_the_seed_alone(models, kind):
    fitted = models[kind].fitted_
    first, again, other = (tasks.sample(fitted, 5, seed) for seed in (1, 1, 2))
    assert first.shape == (5, 5) and np.isfinite(first).all()
    assert np.array_equal(first, again) and not np.array_equal(first, other)


def test_samples_of_a_variational_model_decode_its_prior(models):
    fitted = models["gaussian"].fitted_
    codes = fitted.net.bottleneck.draw(5, torch.Generator().manual_seed(4)).numpy()
    assert np.allclose(tasks.sample(fitted, 5, 4), tasks.decode(fitted, codes))


def test_samples_of_a_plain_model_look_like_its_data(X):
    ae = nw.Autoencoder(2, backbone=LINEAR, max_epochs=200, precision="float64", validation_fraction=0).fit(X)
    new = ae.sample(20_000)
    assert np.allclose(new.mean(0), X.mean(0), atol=0.15)
    assert np.allclose(np.cov(new.T), np.cov(X.T), rtol=0.1, atol=0.1)


def test_samples_of_topk_keep_to_k_active_units(models):
    active = (draw_codes(models["topk"].fitted_, 50, 0) != 0).sum(1)
    assert active.max() == 2, "of three"


@every
def test_interpolation_goes_straight_from_end_to_end(models, X, kind):
    fitted = models[kind].fitted_
    steps = tasks.interpolate(fitted, X[:1], X[1:2], steps=5)
    ends = tasks.reconstruct(fitted, X[:2])
    za, zb = tasks.encode(fitted, X[:2])
    assert np.allclose(steps[[0, -1]], ends)
    assert np.allclose(steps[2], tasks.decode(fitted, ((za + zb) / 2)[None])[0])


@every
def test_traversal_moves_one_latent(models, X, kind):
    fitted = models[kind].fitted_
    steps = tasks.traverse(fitted, X[:1], dim=1, steps=7, span=2.0)
    # Of draws, where a code is one.
    spread = np.std(fitted.codes.some[:, 1]) if kind == "gaussian" else tasks.encode(fitted, X)[:, 1].std()
    z = np.repeat(tasks.encode(fitted, X[:1]), 7, 0)
    z[:, 1] += np.linspace(-2, 2, 7) * spread
    assert steps.shape == (7, 5)
    assert np.allclose(steps[3], tasks.reconstruct(fitted, X[:1])[0])
    assert np.allclose(steps, tasks.decode(fitted, z))


@pytest.mark.parametrize(
    ("use", "given"),
    [
        (lambda f, x: tasks.sample(f, 0, 0), "0"),
        (lambda f, x: tasks.sample(f, 2.5, 0), "2.5"),
        (lambda f, x: tasks.interpolate(f, x, x, steps=1), "1"),
        (lambda f, x: tasks.traverse(f, x, dim=3), "3"),
        (lambda f, x: tasks.traverse(f, x, dim=-1), "-1"),
    ],
)
def test_impossible_requests_are_refused(models, X, use, given, refused):
    with refused(given):
        use(models["deterministic"].fitted_, X[:1])


def test_constant_rows_have_no_r2():
    image = np.random.default_rng(0).random((1, 6)).astype(np.float32)
    found = nw.Autoencoder(2, max_epochs=1).fit(np.repeat(image, 20, 0)).evaluate(np.repeat(image, 20, 0))
    assert np.isnan(found["r2"]) and np.isnan(found["pca_r2"])

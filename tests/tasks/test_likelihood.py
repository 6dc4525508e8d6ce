"""Importance-weighted log-likelihood: against closed forms of linear-Gaussian models."""

import math

import numpy as np
import pytest
import torch
from scipy.stats import multivariate_normal

import narrows as nw
from narrows.backbones import MLP
from narrows.likelihoods import Normal
from narrows.tasks import log_likelihood
from narrows.tasks.likelihood import draws

SIGMA2 = 0.3
AXES = np.linalg.qr(np.random.default_rng(0).normal(size=(5, 5)))[0][:, :2] * [2.0, 0.7]
CENTRE = np.array([1.0, -2.0, 0.0, 0.5, 3.0])
CODE = SIGMA2 / (SIGMA2 + np.square(AXES).sum(0))  # variance of the exact posterior, diagonal


def exact(spread=1.0, shift=0.0, **choices):
    """A model whose p(x) is N(CENTRE, AXES AXESᵀ + σ²I) and whose posterior is right, but for a factor of its
    variance and a shift of its mean."""
    rng = np.random.default_rng(1)
    X = rng.normal(size=(700, 2)) @ AXES.T + math.sqrt(SIGMA2) * rng.normal(size=(700, 5)) + CENTRE
    ae = nw.Autoencoder(
        2,
        scale=None,
        backbone=MLP(hidden=()),
        bottleneck="gaussian",
        likelihood=Normal(variance="shared", mean="identity"),
        precision="float64",
        max_epochs=1,
        **choices,
    ).fit(X)
    net = ae.net_
    weight = (AXES / SIGMA2 * CODE).T
    with torch.no_grad():
        net.decoder.layers[-1].weight.copy_(torch.from_numpy(AXES))
        net.decoder.layers[-1].bias.copy_(torch.from_numpy(CENTRE))
        net.bottleneck.project.linear.weight.copy_(torch.from_numpy(weight))
        net.bottleneck.project.linear.bias.copy_(torch.from_numpy(-weight @ CENTRE + shift))
        net.bottleneck.spread.weight.zero_()
        net.bottleneck.spread.bias.copy_(torch.from_numpy(np.log(spread * CODE)))
        theta = net.likelihood.theta
        theta.copy_(theta + math.log(SIGMA2) - net.likelihood.variance().log())
        if not math.isclose(net.likelihood.variance().item(), SIGMA2):  # by Newton's steps, whatever its link
            for _ in range(200):
                theta.sub_(net.likelihood.variance() - SIGMA2)
    assert net.likelihood.variance().item() == pytest.approx(SIGMA2, rel=1e-9)
    return ae, X, multivariate_normal(CENTRE, AXES @ AXES.T + SIGMA2 * np.eye(5)).logpdf(X)


@pytest.mark.parametrize("k", [1, 2, 33])
def test_with_the_exact_posterior_every_draw_gives_log_p(k):
    ae, X, log_p = exact()
    assert np.allclose(log_likelihood(ae, X, k=k), log_p, atol=1e-9)


def test_with_a_wrong_posterior_it_rises_to_log_p_and_never_passes_it():
    ae, X, log_p = exact(spread=1.7, shift=0.2)
    means = [log_likelihood(ae, X, k=k).mean() for k in (1, 5, 50, 1000)]
    assert ae.score(X) < log_p.mean() - 0.1
    assert means == sorted(means)
    assert means[0] == pytest.approx(ae.score(X), abs=0.1)
    assert means[-1] == pytest.approx(log_p.mean(), abs=0.01)
    bounds = []
    for seed in range(8):
        object.__setattr__(ae.fitted_, "seed", seed)
        bounds.append([log_likelihood(ae, X[:100], k=k).mean() for k in (1, 4, 16)])
    mean, error = np.mean(bounds, 0), np.std(bounds, 0) / math.sqrt(8)
    assert (np.diff(mean) > -2 * error[1:]).all(), mean
    assert (mean <= log_p[:100].mean() + 3 * error).all(), mean


def test_one_draw_is_the_elbo_on_average():
    ae, X, _ = exact(spread=0.6, shift=-0.1)
    found = []
    for seed in range(60):
        object.__setattr__(ae.fitted_, "seed", seed)
        found.append(log_likelihood(ae, X[:5], k=1))
    error = np.std(found, 0) / math.sqrt(60)
    assert (np.abs(np.mean(found, 0) - ae.score_samples(X[:5])) < 4 * error).all()


def test_the_users_units_count():
    """Rows eight times as large have an eighth of the density for each of five columns; standardised they are
    the same to the last bit, and so are their draws."""
    X = np.random.default_rng(0).normal(size=(60, 5)) * [1, 2, 3, 4, 5]
    choices = {"bottleneck": "gaussian", "likelihood": "normal", "max_epochs": 3, "precision": "float64"}
    small, large = (nw.Autoencoder(2, scale="standard", **choices).fit(c * X) for c in (1, 8))
    bounds = log_likelihood(small, X, k=3), log_likelihood(large, 8 * X, k=3)
    assert np.allclose(bounds[1], bounds[0] - 5 * math.log(8), rtol=1e-12)


def test_a_row_is_answered_alike_in_any_company():
    ae, X, _ = exact(spread=1.5)
    together = log_likelihood(ae, X, k=7)
    order = np.random.default_rng(0).permutation(len(X))
    assert np.allclose(log_likelihood(ae, X[order], k=7), together[order], rtol=1e-12)
    for i in (0, 255, 256, 699):
        assert np.allclose(log_likelihood(ae, X[i : i + 1], k=7), together[i], rtol=1e-12)


def test_draws_in_many_pieces_are_the_same(monkeypatch):
    ae, X, _ = exact(spread=1.5)
    at_once = log_likelihood(ae, X[:50], k=23)
    monkeypatch.setattr("narrows.tasks.likelihood.ENTRIES", 4 * 256 * 5)
    assert np.allclose(log_likelihood(ae, X[:50], k=23), at_once, rtol=1e-12)


def test_few_draws_are_the_first_of_many_and_the_seed_decides():
    x = torch.rand(3, 5, generator=torch.Generator().manual_seed(0))
    many, few = (torch.cat(list(draws(x, (20,), k, size, 3))) for k, size in ((500, 64), (7, 2)))
    assert few.shape == (7, 3, 20) and torch.equal(many[:7], few)
    assert torch.equal(torch.cat(list(draws(x[1:2], (20,), 7, 7, 3))), few[:, 1:2])
    assert not torch.equal(next(draws(x, (20,), 7, 7, 4)), few)
    assert abs(float(many.mean())) < 0.03 and abs(float(many.std()) - 1) < 0.03


@pytest.mark.parametrize("prior", ["StandardNormal", "Mixture"])
def test_binary_rows_and_other_priors(prior, digits):
    X = (digits > 7).astype(float)
    bottleneck = nw.bottlenecks.Gaussian(prior=getattr(nw.priors, prior)())
    ae = nw.Autoencoder(4, scale=None, bottleneck=bottleneck, likelihood="bernoulli", max_epochs=5).fit(X)
    bound = log_likelihood(ae, X, k=20)
    assert (bound < 0).all()
    assert ae.score(X) < bound.mean() < ae.score(X) + 10
    assert ae.evaluate(X, k=20)["log_likelihood"] == pytest.approx(bound.mean(), rel=1e-6)


def test_models_without_random_codes_and_bad_numbers_are_refused(digits, refused):
    plain = nw.Autoencoder(2, max_epochs=1).fit(digits)
    with refused("no draws"):
        log_likelihood(plain, digits)
    ae, X, _ = exact()
    for k in (0, 2.5, True):
        with refused(f"k={k!r}"):
            log_likelihood(ae, X, k=k)
    with refused("Autoencoder"):
        log_likelihood(nw.Autoencoder(2), X)

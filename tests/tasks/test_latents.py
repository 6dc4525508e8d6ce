"""Which latents are in use, and how a rate divides: against nets made by hand."""

import math
import warnings

import numpy as np
import pytest
import torch

import narrows as nw
from narrows.backbones import MLP
from narrows.tasks.latents import Latents, aggregate


@pytest.fixture(scope="module")
def rows():
    noise = np.random.default_rng(0).normal(size=(600, 4))
    return np.linalg.qr(noise - noise.mean(0))[0] * math.sqrt(600)  # mean 0, covariance exactly I


def made(rows, weights, logvars, bias=0.0, **choices):
    """A model with μ_d = weights_d · x_d + bias and σ_d² = e^logvars_d."""
    common = {"scale": None, "backbone": MLP(hidden=()), "precision": "float64", "max_epochs": 1}
    ae = nw.Autoencoder(len(weights), bottleneck="gaussian", **common | choices).fit(rows)
    bottleneck = ae.net_.bottleneck
    with torch.no_grad():
        bottleneck.project.linear.weight.copy_(torch.diag(torch.tensor(weights, dtype=torch.float64)))
        bottleneck.project.linear.bias.fill_(bias)
        bottleneck.spread.weight.zero_()
        bottleneck.spread.bias.copy_(torch.tensor(logvars, dtype=torch.float64))
    return ae


def test_active_units_are_those_whose_mean_varies_by_more_than_a_hundredth(rows):
    ae = made(rows, [1.0, 0.11, 0.09, 0.0], [-3.0, 0.0, 0.0, 0.0])
    got = ae.evaluate(rows)
    assert (got["active_units"], got["active_share"]) == (2.0, 0.5)


def test_collapsed_latents_tell_nothing(rows):
    """½ ln((w² + σ²)/σ²): 0.0099 nats for w = 0.141, 0.0102 for 0.1435; a shift of all codes tells nothing."""
    ae = made(rows, [1.0, 0.141, 0.1435, 0.0], [-3.0, 0.0, 0.0, 0.0], bias=0.5)
    assert ae.evaluate(rows)["collapsed"] == 2.0
    seen = Latents(ae.fitted_)
    for part in np.split(rows, [1, 250]):
        seen.add(part)
    wanted = [0.5 * math.log1p(w**2 / v) for w, v in ((1, math.exp(-3)), (0.141, 1), (0.1435, 1), (0, 1))]
    assert np.allclose(seen.told(), wanted, atol=1e-12)


def test_a_collapsed_posterior_is_said(rows):
    with pytest.warns(UserWarning, match="The posterior has collapsed: all 4 latents together tell 0 nats"):
        got = made(rows, [0.0] * 4, [0.0] * 4).evaluate(rows)
    assert (got["active_units"], got["collapsed"]) == (0.0, 4.0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        made(rows, [1.0, 0, 0, 0], [-1.0, 0, 0, 0]).evaluate(rows)


def test_units_of_other_codes_are_active_where_they_vary_at_all(rows):
    ae = nw.Autoencoder(3, scale=None, backbone=MLP(hidden=()), max_epochs=1, precision="float64").fit(rows)
    with torch.no_grad():
        ae.net_.bottleneck.project.linear.weight[1].zero_()
        ae.net_.bottleneck.project.linear.weight[2] *= 1e-3
    got = ae.evaluate(rows)
    assert got["active_units"] == 2.0 and "collapsed" not in got


def test_codes_far_apart_tell_which_row_it_is(rows):
    """Spikes: I = ln n, and what is left of the rate is the gap."""
    ae = made(rows, [3.0] * 4, [-14.0] * 4)
    got = aggregate(ae.fitted_, rows)
    assert got["mutual_information"] == pytest.approx(math.log(600), abs=1e-3)
    rate = ae.evaluate(rows)["rate"]
    assert got["mutual_information"] + got["aggregate_gap"] == pytest.approx(rate, rel=1e-9)


def test_codes_that_together_are_the_prior_leave_no_gap():
    """μ ~ N(0, 1 − σ²): q(z) is N(0, I) as rows get many, and I = −½ ln σ² for each latent."""
    rows = np.random.default_rng(0).normal(size=(2000, 2))
    ae = made(rows, [math.sqrt(0.5)] * 2, [math.log(0.5)] * 2)
    got = aggregate(ae.fitted_, rows)
    assert got["mutual_information"] == pytest.approx(math.log(2), abs=0.03)
    assert got["aggregate_gap"] == pytest.approx(0, abs=0.03)


def test_codes_that_all_lie_elsewhere_are_all_gap(rows):
    """q(z|x) = N(1, I) for every x: I = 0 and KL(q(z) ‖ p) = 4 · ½."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ae = made(rows, [0.0] * 4, [0.0] * 4, bias=1.0)
    got = aggregate(ae.fitted_, rows)
    assert got["mutual_information"] == pytest.approx(0, abs=1e-9)
    assert got["aggregate_gap"] == pytest.approx(2.0)

"""Every prior: its divergence, its density and its draws agree with one another."""

import math

import pytest
import torch

from narrows import priors
from narrows.contracts import Shapes
from narrows.numerics import generator

CODE = Shapes(row=(4,), latent_dim=3, code=(3,))


@pytest.fixture(params=priors.__all__)
def prior(request):
    return getattr(priors, request.param)().build(CODE).double()


def test_draws_come_from_the_generator_alone(prior):
    assert prior.draw(5, generator(0)).shape == (5, 3)
    assert torch.equal(prior.draw(5, generator(0)), prior.draw(5, generator(0)))
    assert not torch.equal(prior.draw(5, generator(0)), prior.draw(5, generator(1)))


def test_divergence_is_the_mean_log_ratio_over_draws(prior):
    mean = torch.tensor([[0.3, -1.0, 0.0]], dtype=torch.float64)
    logvar = torch.tensor([[0.2, -0.5, 0.0]], dtype=torch.float64)
    q = torch.distributions.Normal(mean, (logvar / 2).exp())
    e = torch.randn(50_000, 3, generator=generator(0), dtype=torch.float64)
    z = mean + q.stddev * e
    ratio = q.log_prob(z).sum(1) - prior.log_prob(z)
    kl = prior.kl(mean.expand_as(z), logvar.expand_as(z), z).sum(1).mean()
    assert float(kl) == pytest.approx(float(ratio.mean()), abs=4 * float(ratio.std()) / math.sqrt(len(z)))


def test_standard_normal_is_the_standard_normal():
    prior = priors.StandardNormal().build(CODE).double()
    z = prior.draw(40_000, generator(0))
    assert torch.allclose(z.mean(0), torch.zeros(3, dtype=z.dtype), atol=0.02)
    assert torch.allclose(z.T @ z / len(z), torch.eye(3, dtype=z.dtype), atol=0.03)
    expected = torch.distributions.Normal(0.0, 1.0).log_prob(z).sum(1)
    assert torch.allclose(prior.log_prob(z), expected)

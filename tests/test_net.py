"""The network that the five choices make."""

import copy
import itertools

import pytest
import torch

from narrows import bottlenecks, corruptions, likelihoods
from narrows.backbones import MLP
from narrows.bottlenecks import Deterministic, Gaussian, TopK
from narrows.contracts import Shapes
from narrows.corruptions import Masking
from narrows.inputs import Vectors
from narrows.net import Net
from narrows.numerics import generator, seeded
from narrows.penalties import L1
from narrows.spec import Spec

FEATURES, LATENT = 6, 3
OF_NUMBERS = [name for name in likelihoods.__all__ if name != "Categorical"]
OF_COLUMNS = [name for name in corruptions.__all__ if name != "Shift"]  # which moves pictures
COMBINATIONS = list(itertools.product([None, *OF_COLUMNS], bottlenecks.__all__, OF_NUMBERS, ["mlp"]))


def net_of(
    corruption=None, backbone=None, bottleneck=None, likelihood=None, penalties=(), dtype=torch.float64
):
    spec = Spec.resolved(Vectors(), corruption, backbone or MLP((5,)), bottleneck, likelihood, penalties)
    with seeded(0):
        return Net(spec, Shapes(row=(FEATURES,), latent_dim=LATENT)).to(dtype)


def rows(n=7, dtype=torch.float64):
    return torch.rand(n, FEATURES, generator=generator(1), dtype=dtype)


@pytest.mark.parametrize(("corruption", "bottleneck", "likelihood", "backbone"), COMBINATIONS)
def test_every_combination_of_choices_is_a_model(corruption, bottleneck, likelihood, backbone):
    net, x = net_of(corruption, backbone, bottleneck, likelihood, "l1"), rows()
    p = net(x, generator(0), dropout=generator(0))
    terms = net.terms(p)
    assert p.out.shape == x.shape and p.code.z.shape == (7, LATENT)
    assert {"nll", "l1"} <= set(terms)
    assert all(term.shape == () and term.isfinite() for term in terms.values())
    sum(terms.values()).backward()
    assert all(parameter.grad.isfinite().all() for parameter in net.parameters())


def test_the_pass_is_corruption_encoder_bottleneck_decoder():
    net, x = net_of(Masking(0.5), bottleneck=Gaussian()), rows()
    p = net(x, generator(0))
    noise = generator(0)
    x_in = net.corruption(x, noise)
    code = net.encode(x_in, noise)
    assert torch.equal(p.x, x) and torch.equal(p.x_in, x_in)
    assert torch.equal(p.code.z, code.z)
    assert torch.equal(p.out, net.decode(code.z))


def test_without_a_generator_nothing_is_corrupted_sampled_or_dropped():
    net, x = net_of(Masking(0.9), MLP((5,), dropout=0.9), Gaussian()).train(), rows()
    p = net(x)
    assert torch.equal(p.x_in, x) and torch.equal(p.code.z, p.code.mean)
    assert torch.equal(net(x).out, p.out)


def test_an_encoder_input_of_the_callers_own_is_not_corrupted_again():
    net, x = net_of(Masking(1.0)), rows()
    p = net(x, generator(0), x_in=x + 1)
    assert torch.equal(p.x_in, x + 1) and torch.equal(p.x, x)


def test_the_global_random_state_is_left_alone():
    net, x = net_of(Masking(0.5), MLP((5,), dropout=0.5), Gaussian()), rows()
    before = torch.get_rng_state()
    net(x, generator(0), dropout=generator(1))
    assert torch.equal(before, torch.get_rng_state())


def test_terms_are_summed_over_features_and_averaged_over_rows():
    net, x = net_of(bottleneck=Gaussian(beta=3.0), penalties=(L1(0.5), L1(0.25))), rows()
    p = net(x)
    terms = net.terms(p)
    assert torch.allclose(terms["nll"], net.likelihood.nll(p.out, x).sum(1).mean())
    assert torch.allclose(terms["kl"], 3 * p.code.rate.mean())
    assert torch.allclose(terms["l1"], 0.75 * p.code.mean.abs().sum(1).mean()), "two of a name are added"
    assert set(terms) == {"nll", "kl", "l1"}


def test_a_variational_objective_is_the_elbo():
    """KL weight 1 and sums, not means: minus the sum of the terms is the evidence lower bound."""
    net, x = net_of(bottleneck=Gaussian(), likelihood=likelihoods.Normal("shared")), rows()
    p = net(x, generator(3))
    h = net.encoder(x)
    q = torch.distributions.Normal(p.code.mean, (net.bottleneck.spread(h) / 2).exp())
    prior = torch.distributions.Normal(torch.zeros_like(q.mean), 1.0)
    reconstruction = torch.distributions.Normal(p.out, net.likelihood.variance().sqrt()).log_prob(x).sum(1)
    elbo = reconstruction - torch.distributions.kl_divergence(q, prior).sum(1)
    assert torch.allclose(sum(net.terms(p).values()), -elbo.mean())


@pytest.mark.parametrize("hidden", [(), (5,)])
def test_it_knows_when_the_code_stands_on_the_input(hidden):
    assert net_of(backbone=MLP(hidden)).encoder_is_identity == (hidden == ())


@pytest.mark.parametrize("bottleneck", [Deterministic(), Gaussian(), TopK(2)], ids=repr)
def test_weights_go_from_one_net_to_another(bottleneck):
    net, x = net_of(bottleneck=bottleneck), rows()
    other = copy.deepcopy(net)
    for parameter in other.parameters():
        parameter.data.add_(1)
    other.load_state_dict(net.state_dict())
    assert torch.equal(other(x).out, net(x).out)

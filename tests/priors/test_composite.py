"""The composite prior: its density against SciPy's, the posterior it remembers, and what it reduces to."""

import numpy as np
import pytest
import scipy.special
import scipy.stats
import torch

import narrows as nw
from narrows.backbones import MLP
from narrows.bottlenecks import Gaussian
from narrows.contracts import Shapes
from narrows.corruptions import Masking
from narrows.inputs import Vectors
from narrows.net import Net
from narrows.numerics import antithetic, gaussian_kl, generator, seeded
from narrows.priors import Composite, StandardNormal
from narrows.spec import Spec

WEIGHTS = (0.2, 0.7, 0.1)
X = np.random.default_rng(0).normal(size=(50, 6))


def net_of(prior, corruption=None, backbone=None):
    """A net whose encoder has moved on from what the prior remembers."""
    spec = Spec.resolved(
        Vectors(), corruption, backbone or MLP((5,), "tanh"), Gaussian(prior=prior), None, ()
    )
    with seeded(0):
        net = Net(spec, Shapes(row=(6,), latent_dim=3)).double()
        with torch.no_grad():
            for p in net.parameters():
                p += 0.2 * torch.randn(p.shape, dtype=p.dtype)
    return net


def rows(n=7):
    return torch.randn(n, 6, generator=generator(1), dtype=torch.float64)


def test_density_is_the_mixture_of_three():
    net, x = net_of(Composite(WEIGHTS, wide=4.0)), rows()
    prior, z = net.bottleneck.prior, 3 * rows()[:, :3]
    mean, logvar = (t.numpy() for t in prior.old_posterior(x))
    assert not np.allclose(mean, net.encode(x).mean.detach().numpy()), "the encoder has moved on"
    normal = scipy.stats.norm.logpdf
    each = [normal(z), normal(z, mean, np.exp(logvar / 2)), normal(z, 0, np.exp(2.0))]
    expected = scipy.special.logsumexp(np.log(WEIGHTS)[:, None, None] + each, axis=0)
    got = prior.log_density(z, *prior.old_posterior(x))
    assert np.allclose(got.numpy(), expected, rtol=1e-12, atol=1e-12)


def test_divergence_is_the_mean_log_ratio_over_draws():
    net = net_of(Composite(WEIGHTS))
    x, prior = rows(1), net.bottleneck.prior
    mean, logvar = (t.detach() for t in net.bottleneck.posterior(net.encoder(x)))
    q = torch.distributions.Normal(mean, (logvar / 2).exp())
    z = mean + q.stddev * torch.randn(50_000, 3, generator=generator(0), dtype=mean.dtype)
    ratio = (q.log_prob(z) - prior.log_density(z, *prior.old_posterior(x))).mean(0)
    kl = prior.kl(mean, logvar, z, x).mean(0)
    assert torch.allclose(kl, ratio, atol=0.02)


def test_gradients_are_those_of_finite_differences():
    prior, x = net_of(Composite(WEIGHTS)).bottleneck.prior, rows(2)
    mean, logvar, z = (
        torch.randn(2, 3, generator=generator(i), dtype=x.dtype, requires_grad=True) for i in range(3)
    )
    assert torch.autograd.gradcheck(lambda *given: prior.kl(*given, x), (mean, logvar, z))


def test_what_is_remembered_gets_no_gradient():
    net = net_of(Composite((0.0, 1.0, 0.0)))
    mean, logvar = net.bottleneck.prior.old_posterior(rows())
    assert not (mean.requires_grad or logvar.requires_grad)


def test_the_standard_normal_alone_is_the_standard_normal():
    net, x = net_of(Composite((1, 0, 0))), rows(1)
    prior, standard = net.bottleneck.prior, StandardNormal().build(net.shapes).double()
    z = 3 * rows()[:, :3]
    density = prior.log_density(z, *prior.old_posterior(x))
    assert torch.allclose(density.sum(1), standard.log_prob(z))
    # Sixteen draws of unit second moment average the estimate to the closed form.
    mean, logvar = (t.detach() for t in net.bottleneck.posterior(net.encoder(x)))
    draws = mean + (logvar / 2).exp() * antithetic(16, 3, generator(1))
    kl = torch.stack([prior.kl(mean, logvar, z[None], x) for z in draws]).mean(0)
    assert torch.allclose(kl, gaussian_kl(mean, logvar))


def test_a_row_whose_posterior_is_remembered_alone_costs_nothing():
    net, x = net_of(Composite((0, 1, 0))), rows()
    prior = net.bottleneck.prior
    prior.on_epoch(net, 1)
    mean, logvar = net.bottleneck.posterior(net.encoder(x))
    draws = (mean + (logvar / 2).exp() * e for e in antithetic(16, 3, generator(1)))
    kl = torch.stack([prior.kl(mean, logvar, z, x) for z in draws]).mean(0)
    assert torch.allclose(kl, torch.zeros_like(kl), atol=1e-12)


def test_the_row_is_remembered_without_corruption_or_dropout():
    """In a pass that corrupts and drops, the code is held against the posterior of the whole row."""
    dropping = MLP((5,), "tanh", dropout=0.5)
    net, x = net_of(Composite(WEIGHTS), Masking(0.5), dropping), rows()
    prior, seen = net.bottleneck.prior, []
    kl = prior.kl
    prior.kl = lambda *given: seen.append(given) or kl(*given)
    whole = prior.old_posterior(x)
    p = net(x, generator(0), dropout=generator(1))
    (_, logvar, z, row), *_ = seen
    assert not torch.equal(p.x_in, x) and torch.equal(row, x)
    kept = [(m, m.gen) for m in net._dropouts]
    assert all(gen is None for _, gen in kept)
    expected = -0.5 * (logvar + np.log(2 * np.pi) + 1) - prior.log_density(z, *whole)
    assert torch.allclose(p.code.rate, expected.sum(1))


@pytest.mark.parametrize("every", [1, 2])
def test_it_keeps_the_encoder_of_the_last_epoch_that_counts(every):
    seen = []

    class Look:
        def on_epoch_end(self, state):
            net, x = state.net, torch.as_tensor(X, dtype=torch.float32)
            with torch.no_grad():
                now, old = (
                    net.bottleneck.posterior(net.encoder(x)),
                    net.bottleneck.prior.old_posterior(x),
                )
            seen.append(all(torch.equal(a, b) for a, b in zip(now, old, strict=True)))

    bottleneck = Gaussian(prior=Composite(every=every))
    nw.Autoencoder(2, scale=None, bottleneck=bottleneck, max_epochs=4, patience=None, callbacks=[Look()]).fit(
        X
    )
    assert seen == [epoch % every == 0 for epoch in (1, 2, 3, 4)]


def test_side_by_side_each_remembers_its_own():
    def members():
        how = {"bottleneck": Gaussian(prior=Composite()), "precision": "float64", "max_epochs": 3}
        return [nw.Autoencoder(2, random_state=seed, validation_fraction=0.0, **how) for seed in (0, 1)]

    alone, together = [m.fit(X) for m in members()], nw.fit_many(members(), X)
    for one, other in zip(alone, together, strict=True):
        pairs = zip(one.net_.state_dict().values(), other.net_.state_dict().values(), strict=True)
        assert all(torch.allclose(a, b, atol=1e-9) for a, b in pairs)
    assert not np.allclose(alone[0].transform(X), alone[1].transform(X))


def test_scores_hold_codes_against_what_is_drawn_from():
    """A density that depends on the row would count as known what is to be explained."""
    ae = nw.Autoencoder(2, bottleneck=Gaussian(prior=Composite()), max_epochs=3, precision="float64").fit(X)
    net = ae.net_
    x = ae.fitted_.affine.forward(X, torch.float64)
    with torch.no_grad():
        rate = gaussian_kl(*net.bottleneck.posterior(net.encoder(x))).sum(1)
    assert ae.evaluate(X)["rate"] == pytest.approx(float(rate.mean()))
    assert torch.allclose(net.encode(x).rate, rate)


@pytest.mark.parametrize(
    ("arguments", "given"),
    [
        ({"weights": (0.5, 0.5)}, "(0.5, 0.5)"),
        ({"weights": (0.5, 0.6, 0.1)}, "(0.5, 0.6, 0.1)"),
        ({"weights": (1.5, -0.6, 0.1)}, "-0.6"),
        ({"wide": 100}, "wide=100"),
        ({"every": 0}, "every=0"),
    ],
)
def test_wrong_numbers_are_refused(arguments, given, refused):
    with refused(given):
        Composite(**arguments)

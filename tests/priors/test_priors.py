"""Every prior: its divergence, its density and its draws agree with one another."""

import math

import numpy as np
import pytest
import torch

import narrows as nw
from narrows import priors
from narrows.bottlenecks import Gaussian
from narrows.contracts import Shapes
from narrows.numerics import antithetic, gaussian_kl, generator, seeded
from narrows.sources import Memory

CODE = Shapes(row=(4,), latent_dim=3, input=(4,), hidden=(4,), code=(3,))
PARTS = [
    priors.StandardNormal(),
    priors.Mixture(components=3),
    priors.Vamp(components=5),
    priors.Flow(layers=3, hidden=4),
    priors.Composite(),
]


def built(part, shapes=CODE, apart=0.3):
    """A module with parameters that are not those of the start, tied to a net of identities."""
    with seeded(0):
        module = part.build(shapes).double()
        with torch.no_grad():
            for p in module.parameters():
                p += apart * torch.randn(p.shape, dtype=p.dtype)
        if hasattr(module, "tie"):
            net = torch.nn.Module()
            net.encoder, net.bottleneck = torch.nn.Identity(), Gaussian().build(shapes).double()
            module.tie(net)
            module.on_epoch(net, 1)
    return module.eval()


@pytest.fixture(params=PARTS, ids=repr)
def prior(request):
    return built(request.param)


def test_every_prior_is_in_the_table():
    assert {type(part).__name__ for part in PARTS} == set(priors.__all__)


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
    kl = prior.kl(mean.expand_as(z), logvar.expand_as(z), z)
    assert kl.shape in ((len(z), 3), (len(z), 1))
    both = kl.sum(1).detach(), ratio.detach()
    error = math.hypot(*(float(t.std()) for t in both)) / math.sqrt(len(z))
    assert float(both[0].mean()) == pytest.approx(float(both[1].mean()), abs=4 * error)


@pytest.mark.parametrize("part", PARTS, ids=repr)
def test_densities_integrate_to_one(part):
    plane = Shapes(row=(4,), latent_dim=2, input=(4,), hidden=(4,), code=(2,))
    ticks = torch.linspace(-20, 20, 501, dtype=torch.float64)
    z = torch.cartesian_prod(ticks, ticks)
    mass = built(part, plane, apart=0.1).log_prob(z).detach().exp().sum() * (ticks[1] - ticks[0]) ** 2
    assert float(mass) == pytest.approx(1, abs=1e-3)


def test_draws_have_the_density(prior):
    """E_p[g] by draws against E_N[g·p/N] by weights, N wide: first and second moments."""
    prior.requires_grad_(False)
    z = prior.draw(60_000, generator(0))
    wide = 4 * torch.randn(200_000, 3, generator=generator(1), dtype=torch.float64)
    said = torch.distributions.Normal(0.0, 4.0).log_prob(wide).sum(1)
    weight = (prior.log_prob(wide) - said).exp()
    assert float(weight.mean()) == pytest.approx(1, abs=0.05)
    weight = weight / weight.sum()
    assert torch.allclose(weight @ wide, z.mean(0), atol=0.1)
    assert torch.allclose(weight @ wide.square(), z.square().mean(0), rtol=0.08, atol=0.1)


def test_gradients_are_those_of_finite_differences(prior):
    z = torch.randn(2, 3, generator=generator(0), dtype=torch.float64, requires_grad=True)
    mean, logvar = (torch.randn(2, 3, generator=generator(i), dtype=z.dtype) for i in (1, 2))
    assert torch.autograd.gradcheck(prior.train().kl, (mean.requires_grad_(), logvar.requires_grad_(), z))
    names, values = zip(*prior.named_parameters(), strict=True) if list(prior.parameters()) else ((), ())

    def of_parameters(*values):
        given = {f"prior.{name}": value for name, value in zip(names, values, strict=True)}
        return torch.func.functional_call(_Density(prior), given, z.detach())

    assert not values or torch.autograd.gradcheck(of_parameters, values)


class _Density(torch.nn.Module):
    def __init__(self, prior):
        super().__init__()
        self.prior = prior

    def forward(self, z):
        return self.prior.log_prob(z)


def test_standard_normal_is_the_standard_normal():
    prior = priors.StandardNormal().build(CODE).double()
    z = prior.draw(40_000, generator(0))
    assert torch.allclose(z.mean(0), torch.zeros(3, dtype=z.dtype), atol=0.02)
    assert torch.allclose(z.T @ z / len(z), torch.eye(3, dtype=z.dtype), atol=0.03)
    expected = torch.distributions.Normal(0.0, 1.0).log_prob(z).sum(1)
    assert torch.allclose(prior.log_prob(z), expected)


@pytest.mark.parametrize("part", [priors.Mixture(1), priors.Flow()], ids=repr)
def test_one_gaussian_and_a_flow_that_moves_nothing_are_the_standard_normal(part):
    prior = part.build(CODE).double().requires_grad_(False)
    standard = priors.StandardNormal().build(CODE).double()
    z = torch.randn(20, 3, generator=generator(0), dtype=torch.float64)
    assert torch.allclose(prior.log_prob(z), standard.log_prob(z))
    # Sixteen draws of unit second moment average the estimate to the closed form.
    mean = torch.tensor([[0.3, -1.0, 2.0]], dtype=torch.float64)
    logvar = torch.tensor([[0.2, -3.0, 1.0]], dtype=torch.float64)
    draws = mean + (logvar / 2).exp() * antithetic(16, 3, generator(1))
    kl = torch.stack([prior.kl(mean, logvar, e[None]).sum() for e in draws]).mean()
    assert float(kl) == pytest.approx(float(gaussian_kl(mean, logvar).sum()))


def test_a_flow_inverts_itself():
    flow = built(priors.Flow(layers=4, hidden=8))
    z = flow.draw(50, generator(3))
    u = z
    for coupling in flow.couplings:
        scale, shift = coupling(u)
        u = u * scale.exp() + shift
    assert torch.allclose(u, torch.randn(50, 3, generator=generator(3), dtype=torch.float64))


def test_vamp_is_the_mixture_of_the_posteriors_of_training_rows():
    """With every row a pseudo-input, and before training, it is the aggregated posterior."""
    ae = nw.Autoencoder(2, bottleneck=Gaussian(prior=priors.Vamp(30)), max_epochs=1, validation_fraction=0.0)
    rows = np.random.default_rng(0).normal(size=(30, 5)).astype(np.float32)
    net = ae.fit(rows).net_
    net.bottleneck.prior.prepare(net, Memory(torch.from_numpy(rows)), generator(0))
    mean, logvar = net.bottleneck.posterior(net.encoder(torch.from_numpy(rows)))
    q = torch.distributions.Normal(mean, (logvar / 2).exp())
    z = torch.randn(7, 2, generator=generator(0))
    expected = q.log_prob(z[:, None]).sum(2).logsumexp(1) - math.log(30)
    assert torch.allclose(net.bottleneck.prior.log_prob(z), expected, atol=1e-4)


def test_vamp_starts_at_some_rows_again_where_they_are_few():
    prior = built(priors.Vamp(5))
    net = torch.nn.Module()
    net.embed = torch.nn.Identity()
    rows = torch.arange(8.0, dtype=torch.float64).view(2, 4)
    prior.prepare(net, Memory(rows), generator(0))
    assert torch.equal(prior.inputs[:2], rows)
    assert torch.allclose(prior.inputs[2:], rows[[0, 1, 0]], atol=0.1)
    assert len(prior.inputs.unique(dim=0)) == 5


@pytest.mark.parametrize("part", PARTS, ids=repr)
def test_trains_saves_and_loads(part, tmp_path):
    rows = np.random.default_rng(0).normal(size=(80, 5))
    rows[:40] += 4
    ae = nw.Autoencoder(2, bottleneck=Gaussian(prior=part, free_bits=0.1), max_epochs=3).fit(rows)
    scores = ae.score_samples(rows)
    assert np.isfinite(scores).all() and np.allclose(scores[3:9], ae.score_samples(rows[3:9]), atol=1e-5)
    ae.save(tmp_path / "m.safetensors")
    again = nw.load(tmp_path / "m.safetensors")
    assert repr(again.bottleneck) == repr(ae.bottleneck)
    assert np.array_equal(again.score_samples(rows), scores)
    assert np.array_equal(again.sample(4), ae.sample(4))
    assert np.isfinite(again.partial_fit(rows).score_samples(rows)).all()


@pytest.mark.parametrize("part", PARTS[1:], ids=repr)
def test_scores_average_the_rate_over_their_draws(part):
    """A bound on log p(x): that of a model with the standard normal where the prior is it."""
    rows = np.random.default_rng(1).normal(size=(60, 4))
    ae = nw.Autoencoder(2, bottleneck=Gaussian(prior=part), max_epochs=2, precision="float64").fit(rows)
    figures = ae.evaluate(rows)
    net = ae.net_.requires_grad_(False)
    x = ae.fitted_.affine.forward(rows, torch.float64)
    mean, logvar = net.bottleneck.posterior(net.encoder(x))
    e = antithetic(16, 2, generator(0))
    rate = [net.bottleneck.prior.kl(mean, logvar, mean + (logvar / 2).exp() * row).sum(1) for row in e]
    assert figures["rate"] == pytest.approx(float(torch.stack(rate).mean()))


@pytest.mark.parametrize(
    ("make", "given"),
    [
        (lambda: priors.Mixture(0), "components=0"),
        (lambda: priors.Vamp(2.5), "components=2.5"),
        (lambda: priors.Flow(layers=0), "layers=0"),
        (lambda: priors.Flow(hidden=-1), "hidden=-1"),
        (lambda: Gaussian(prior="mixtures"), "'mixtures'"),
        (lambda: Gaussian(prior=priors.Mixture), "Mixture"),
    ],
)
def test_wrong_numbers_are_refused(refused, make, given):
    with refused(given):
        make()


def test_a_prior_is_reached_by_its_name(refused):
    ae = nw.recipes.variational(2).set_params(bottleneck__prior="mixture", bottleneck__prior__components=4)
    assert ae.bottleneck.prior == priors.Mixture(4) and ae.get_params()["bottleneck__prior__components"] == 4
    with refused("'vam'"):
        ae.set_params(bottleneck__prior="vam")

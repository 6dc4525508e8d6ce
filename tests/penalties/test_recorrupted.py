"""Learning from noisy rows: what the penalty must be for a linear map."""

import pytest
import torch

from narrows.backbones import MLP
from narrows.contracts import Shapes
from narrows.corruptions import Gaussian, GaussianRange
from narrows.inputs import Vectors
from narrows.likelihoods import Normal
from narrows.net import Net
from narrows.numerics import generator, seeded
from narrows.penalties import Recorrupted
from narrows.spec import Spec


def net_of(corruption, penalty, d=4):
    spec = Spec.resolved(Vectors(), corruption, MLP(hidden=()), None, Normal(), penalty)
    with seeded(0):
        return Net(spec, Shapes(row=(d,), latent_dim=d)).double()


def rows(n, d=4):
    return torch.randn(n, d, generator=generator(1), dtype=torch.float64)


@pytest.mark.parametrize("alpha", [0.3, 1.0])
def test_its_mean_is_the_trace_of_noise_and_jacobian(alpha):
    """Stein's lemma for a linear map A: E⟨αn′, A(y + αn′)⟩/α² = σ² tr A."""
    sigma = 0.7
    net, y = net_of(Gaussian(alpha * sigma), Recorrupted(alpha)), rows(200_000)
    with torch.no_grad():
        found = net.penalties[0](net, net(y, generator(2))).mean()
        jacobian = torch.func.jacrev(lambda x: net(x[None]).out[0])(y[0])
    assert float(found) == pytest.approx(float(sigma**2 * jacobian.trace()), abs=0.02)


def test_least_squares_on_noisy_rows_becomes_that_on_clean_ones():
    """½‖x̂ − y‖² + penalty − ½‖x̂ − x‖² is the same for every map: ½σ²d."""
    sigma, alpha, x = 0.7, 0.5, rows(400_000)
    y = x + sigma * torch.randn(x.shape, generator=generator(3), dtype=x.dtype)
    for factor in (0.0, 1.0):
        net = net_of(Gaussian(alpha * sigma), Recorrupted(alpha))
        with torch.no_grad():
            net.decoder.layers[-1].weight.mul_(factor)
            p = net(y, generator(4))
            noisy = 0.5 * (p.out - y).square().sum(1) + net.penalties[0](net, p)
            gap = (noisy - 0.5 * (p.out - x).square().sum(1)).mean()
        assert float(gap) == pytest.approx(0.5 * sigma**2 * 4, abs=0.03)


def test_nothing_is_added_without_noise():
    net, y = net_of(Gaussian(0.3), Recorrupted()), rows(5)
    assert torch.equal(net.penalties[0](net, net(y)), torch.zeros(5, dtype=y.dtype))


def test_a_told_level_says_how_much_was_added():
    part = GaussianRange(0.6, 0.2, told=True, base=0.5)
    noisy = part.build(Shapes(row=(1, 3, 3), latent_dim=2))(torch.zeros(2000, 1, 3, 3), generator(0))
    level = noisy[:, 1, 0, 0]
    added = noisy[:, 0].flatten(1)
    assert level.min() >= (0.5**2 + 0.2**2) ** 0.5 - 1e-6 and level.max() <= (0.5**2 + 0.6**2) ** 0.5 + 1e-6
    assert float((added.square().mean(1) / (level**2 - 0.25)).mean()) == pytest.approx(1, abs=0.05)


@pytest.mark.parametrize("arguments", [{"alpha": 0}, {"alpha": -1}, {"std": 0}])
def test_what_makes_no_sense_is_refused(arguments, refused):
    with refused(str(next(iter(arguments.values())))):
        Recorrupted(**arguments)

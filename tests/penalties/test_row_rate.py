"""A β for every row: known answers, and the constant β it reduces to."""

import math

import torch

from narrows.backbones import MLP
from narrows.bottlenecks import Deterministic, Gaussian
from narrows.contracts import Shapes
from narrows.inputs import Counts
from narrows.net import Net
from narrows.numerics import gaussian_kl, generator, seeded
from narrows.penalties import RowRate
from narrows.spec import Spec

ROWS = torch.tensor([[3.0, 0.0, 1.0, 0.0], [0.0, 0.0, 0.0, 0.0], [1.0, 1.0, 1.0, 7.0]], dtype=torch.float64)


def net_of(bottleneck, *penalties):
    spec = Spec.resolved(Counts("l2"), None, MLP((5,), "tanh"), bottleneck, "multinomial", penalties)
    with seeded(0):
        return Net(spec, Shapes(row=(4,), latent_dim=3)).double()


def test_each_row_pays_by_its_size():
    net = net_of(Gaussian(beta=0), RowRate(0.1))
    got = net.penalties[0](net, net(ROWS, generator(0)))
    mean, logvar = net.bottleneck.posterior(net.encoder(net.embed(ROWS)))
    expected = 0.1 * torch.tensor([4.0, 0.0, 10.0], dtype=got.dtype) * gaussian_kl(mean, logvar).sum(1)
    assert got.shape == (3,) and torch.allclose(got, expected)


def test_gaps_count_nothing_and_signs_do_not_matter():
    net = net_of(Gaussian(beta=0), RowRate(0.1))
    p = net(ROWS)
    x = ROWS.clone()
    x[0, 0], x[2, 3] = math.nan, -7.0
    got = net.penalties[0](net, type(p)(x, p.x_in, p.code, p.out))
    assert torch.allclose(got, 0.1 * torch.tensor([1.0, 0.0, 10.0], dtype=x.dtype) * p.code.rate)


def test_rows_of_one_size_pay_one_beta():
    rows = torch.eye(4, dtype=torch.float64) * 5
    personal, constant = net_of(Gaussian(beta=0), RowRate(0.02)), net_of(Gaussian(beta=0.1))
    losses = [sum(net.terms(net(rows, generator(0))).values()) for net in (personal, constant)]
    assert torch.allclose(*losses)
    rates = [net(rows, generator(0)).code.rate for net in (personal, constant)]
    assert torch.equal(*rates), "what codes cost does not depend on weights"


def test_gradients_are_those_of_finite_differences():
    net = net_of(Gaussian(beta=0), RowRate(0.1))
    weight = net.bottleneck.spread.weight

    def penalty(w):
        with torch.no_grad():
            h = net.encoder(net.embed(ROWS))
        state = {"spread.weight": w}
        code = torch.func.functional_call(net.bottleneck, state, (h, generator(0)))
        p = net(ROWS, generator(0))
        return net.penalties[0](net, type(p)(p.x, p.x_in, code, p.out))

    assert torch.autograd.gradcheck(penalty, weight.detach().requires_grad_())


def test_a_code_without_a_rate_is_refused(refused):
    net = net_of(Deterministic(), RowRate())
    with refused("Deterministic", "Gaussian(beta=0)"):
        net.penalties[0](net, net(ROWS))


def test_a_negative_weight_is_refused(refused):
    with refused("-1"):
        RowRate(-1)

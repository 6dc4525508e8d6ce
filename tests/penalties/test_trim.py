"""Rows that fit worst leave no trace in the gradient."""

import numpy as np
import pytest
import torch

import narrows as nw
from narrows.contracts import Shapes
from narrows.net import Net
from narrows.penalties import Trim
from narrows.spec import Spec


def net(fraction):
    spec = Spec.resolved("vectors", None, nw.backbones.MLP(hidden=()), None, "normal", (Trim(fraction),))
    torch.manual_seed(0)
    return Net(spec, Shapes((4,), 2))


def gradients(net, x):
    net.zero_grad()
    sum(net.terms(net(x)).values()).backward()
    return [p.grad.clone() for p in net.parameters()]


def test_the_objective_is_that_of_the_rows_that_are_kept():
    x = torch.randn(10, 4, generator=torch.Generator().manual_seed(1))
    x[3] *= 100
    x[7] *= 50
    kept = torch.tensor([i for i in range(10) if i not in (3, 7)])
    trimmed = gradients(net(0.2), x)
    plain = gradients(net(0.0), x[kept])
    for a, b in zip(trimmed, plain, strict=True):
        torch.testing.assert_close(a, b * 8 / 10)


def test_the_worst_rows_are_not_learned():
    rng = np.random.default_rng(0)
    usual = rng.normal(size=(450, 2)) @ rng.normal(size=(2, 8))
    odd = 4 * rng.normal(size=(50, 8))
    X = rng.permutation(np.concatenate([usual, odd]))

    def error(*penalties):
        ae = nw.Autoencoder(2, penalties=penalties, max_epochs=60, likelihood="normal").fit(X)
        return float(np.square(ae.reconstruct(usual) - usual).mean())

    assert error(Trim(0.15)) < 0.7 * error()


@pytest.mark.parametrize("fraction", [-0.1, 1.0, float("nan")])
def test_impossible_shares_are_refused(fraction, refused):
    with refused(f"fraction={fraction}", "0 ≤ fraction < 1"):
        Trim(fraction)

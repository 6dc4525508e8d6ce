"""Entries hidden behind their neighbours, and noise that goes with the signal: known answers."""

import math

import numpy as np
import pytest
import torch

from narrows.backbones import MLP
from narrows.contracts import Shapes
from narrows.corruptions import BlindSpot, GaussianCurve
from narrows.corruptions.blind_spot import by_neighbours, impulses
from narrows.inputs import Vectors
from narrows.likelihoods import Normal
from narrows.net import Net
from narrows.numerics import generator
from narrows.sources import Memory
from narrows.spec import Spec
from narrows.training.noisy import Hiding


def built(part, row):
    return part.build(Shapes(row=row, latent_dim=2))


@pytest.mark.parametrize("row", [(1, 9, 8), (3, 7, 7), (2, 30), (6,)])
def test_hidden_entries_are_the_only_targets(row):
    x = torch.rand(20, *row, generator=generator(0))
    x_in, target = built(BlindSpot(0.2), row).hidden(x, generator(1))
    hidden = ~target.isnan()
    assert torch.equal(x_in[~hidden], x[~hidden]) and torch.equal(target[hidden], x[hidden])
    assert (x_in[hidden] != x[hidden]).all()
    assert float(hidden.float().mean()) == pytest.approx(
        0.2, abs=4 * math.sqrt(0.16 / (hidden.numel() / row[0]))
    )
    if len(row) > 1:
        assert (hidden == hidden[:, :1]).all(), "all channels at once"


def test_hidden_entries_get_the_value_of_one_around_them():
    x = torch.arange(400.0).view(1, 1, 20, 20)
    x_in, target = built(BlindSpot(0.1), (1, 20, 20)).hidden(x, generator(0))
    for i, j in (~target[0, 0].isnan()).nonzero().tolist():
        a, b = divmod(int(x_in[0, 0, i, j]), 20)
        assert 0 < max(abs(a - i), abs(b - j)) <= 2


def test_columns_stay_in_their_column():
    x = torch.arange(30.0).view(10, 3)
    x_in = built(BlindSpot(0.5), (3,))(x, generator(0))
    assert torch.equal(x_in % 3, x % 3) and not torch.equal(x_in, x)


@pytest.mark.parametrize(
    ("columns", "share"), [(1, 0.25), (3, 0.25), (4, 0.25), (6, 0.25), (10, 0.06), (5, 1.0)]
)
def test_columns_are_hidden_evenly_and_each_behind_another_row(columns, share):
    """A row whose columns all came from one other row would look like one that is whole."""
    x = torch.arange(4000.0 * columns).view(4000, columns)
    x_in, target = built(BlindSpot(share), (columns,)).hidden(x, generator(0))
    hidden = ~target.isnan()
    assert torch.equal(x_in != x, hidden)
    least = math.floor(share * columns)
    assert set(hidden.sum(1).tolist()) <= {least, math.ceil(share * columns)}
    assert float(hidden.float().mean()) == pytest.approx(share, abs=0.03)
    assert (hidden.float().mean(0) - share).abs().max() < 0.04, "no column more often than others"
    if share == 1.0:
        donors = (x_in // columns).long()
        assert (donors[:, 1:] != donors[:, :1]).any()
    again = built(BlindSpot(share), (columns,)).hidden(x, generator(0))[0]
    assert torch.equal(again, x_in)


def test_the_gradient_ignores_what_can_be_seen():
    spec = Spec.resolved(Vectors(), BlindSpot(0.3), MLP(hidden=()), None, Normal(), ())
    net = Net(spec, Shapes(row=(5,), latent_dim=2, missing=True))
    x = torch.randn(40, 5, generator=generator(0))
    (batch,) = Hiding(Memory(x), net.corruption, 0).batches(40)
    other = torch.where(batch.x.isnan(), torch.full_like(x, 1e6), batch.x)  # what is visible, told wrongly

    def gradients(target):
        loss = net.row_nll(net(target, x_in=batch.x_in).out, target)
        return torch.autograd.grad(loss.sum(), list(net.parameters()))

    seen = torch.where(other == 1e6, torch.full_like(x, torch.nan), other)
    for first, second in zip(gradients(batch.x), gradients(seen), strict=True):
        assert torch.equal(first, second) and first.isfinite().all()
    out = torch.randn(40, 5, generator=generator(1), requires_grad=True)
    (slope,) = torch.autograd.grad(net.row_nll(out, batch.x).sum(), out)
    hidden = ~batch.x.isnan()
    assert (slope[~hidden] == 0).all()
    assert torch.allclose(slope[hidden], (out - x)[hidden])


def test_every_epoch_hides_others_and_held_out_rows_always_the_same():
    x, part = torch.rand(6, 1, 12, 12, generator=generator(0)), built(BlindSpot(0.1), (1, 12, 12))
    rows, gen = Hiding(Memory(x), part, 3), generator(5)
    assert len(rows) == 6 and rows.steps(4) == 2 and torch.equal(rows.head(6), x)
    first, second = (next(iter(rows.batches(6, gen))).x_in for _ in range(2))
    assert not torch.equal(first.sum((1, 2, 3)).sort()[0], second.sum((1, 2, 3)).sort()[0])
    fixed = [next(iter(rows.batches(6))).x_in for _ in range(2)]
    assert torch.equal(*fixed)


def test_impulses_are_found_and_flat_regions_are_not():
    x = torch.full((1, 1, 20, 20), 0.5)
    x[..., :6, :], x[..., 14:, :] = 0.0, 1.0  # black and white paper
    noisy = x.clone()
    places = [(1, 3, 1.0), (9, 9, 0.0), (10, 2, 1.0), (18, 18, 0.0)]
    for i, j, value in places:
        noisy[0, 0, i, j] = value
    found = impulses(noisy, (0.0, 1.0))
    assert sorted(found[0, 0].nonzero().tolist()) == sorted([i, j] for i, j, _ in places)
    assert torch.equal(by_neighbours(noisy, found), x)
    assert not impulses(x, (0.0, 1.0)).any() and not impulses(x, ()).any()


@pytest.mark.parametrize("span", [None, 0.2, 1.0])
def test_what_is_an_impulse_does_not_depend_on_the_rows_beside_it(span):
    gen = generator(0)
    x = 0.95 + 0.01 * torch.rand(1, 1, 8, 8, generator=gen)
    x[0, 0, 3, 3] = 1.0
    wild = 20 * torch.rand(1, 1, 8, 8, generator=gen) - 10
    part = built(BlindSpot(0.1, (1.0,), span), (1, 8, 8))
    alone, beside = part.found(x), part.found(torch.cat([x, wild]))
    assert torch.equal(alone, beside[:1])
    assert bool(alone.any()) is (span != 1.0), "a tenth of the span is the least"


def test_impulses_are_always_hidden_and_never_targets():
    x = torch.full((1, 1, 16, 16), 0.5)
    x[0, 0, 4, 4] = 1.0
    part = built(BlindSpot(1.0, (1.0,)), (1, 16, 16))
    x_in, target = part.hidden(x, generator(0))
    assert (x_in == 0.5).all() and target.isnan().sum() == 1 and target[0, 0, 4, 4].isnan()


@pytest.mark.parametrize("curve", [(0.04, 0.0, 0.0), (0.0, 0.05, 0.0), (0.0, 0.0, 0.04), (0.01, 0.02, 0.03)])
def test_noise_that_goes_with_the_signal_is_met_on_average(curve):
    """E[added²] = α²·v(s), where rows have the variance v(s) around s already."""
    s, n, alpha = 2.0, 400_000, 0.7
    variance = curve[0] + curve[1] * s + curve[2] * s**2
    x = s + variance**0.5 * torch.randn(n, 1, generator=generator(0))
    added = built(GaussianCurve(alpha, curve), (1,))(x, generator(1)) - x
    assert float(added.square().mean()) == pytest.approx(alpha**2 * variance, rel=0.02)
    assert np.corrcoef(added[:, 0], x[:, 0])[0, 1] == pytest.approx(0, abs=0.01)


@pytest.mark.parametrize(
    ("make", "said"),
    [(lambda: BlindSpot(1.5), "1.5"), (lambda: BlindSpot(-0.1), "-0.1"), (lambda: BlindSpot(span=0.0), "span=0.0"),
     (lambda: GaussianCurve(-1), "-1"),
     (lambda: GaussianCurve(0.5, (1, 2)), r"\(1, 2\)"), (lambda: GaussianCurve(0.5, (0, 0, -2)), "-2")],
)  # fmt: skip
def test_what_makes_no_sense_is_refused(make, said):
    with pytest.raises(ValueError, match=said):
        make()

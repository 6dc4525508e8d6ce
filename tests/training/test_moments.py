"""Where codes lie: the moments of two lots of rows are those of both."""

import numpy as np
import pytest
import torch

import narrows as nw
from narrows.fitted import Moments
from narrows.sources import Memory
from narrows.training import moments as module
from narrows.training.moments import merged


def of(codes):
    mean = codes.mean(0)
    covariance = torch.cov(codes.T, correction=0)
    return Moments(mean, module._factor(covariance, mean), len(codes))


def covariance(m):
    return m.factor @ m.factor.T


@pytest.mark.parametrize("rank", [256, 4])
def test_two_lots_of_rows_become_one(monkeypatch, rank):
    gen = torch.Generator().manual_seed(0)
    codes = torch.randn(300, 5, generator=gen, dtype=torch.float64) * torch.arange(1.0, 6)
    codes[:100] += 7
    whole, parts = of(codes), (of(codes[:100]), of(codes[100:]))
    monkeypatch.setattr(module, "RANK", rank)
    both = merged(*parts)
    assert both.rows == 300
    torch.testing.assert_close(both.mean, whole.mean)
    if rank == 256:
        torch.testing.assert_close(covariance(both), covariance(whole))
    else:  # the leading directions of it
        assert both.factor.shape == (5, 4)
        wanted, got = (torch.linalg.eigvalsh(covariance(m)).flip(0) for m in (whole, both))
        torch.testing.assert_close(got[:4], wanted[:4])


def test_codes_of_two_lots_are_kept_in_proportion(monkeypatch):
    monkeypatch.setattr(module, "SOME", 60)
    mean, factor = torch.zeros(2), torch.eye(2)
    few, many = (Moments(mean, factor, n, np.full((m, 2), n, np.float32)) for n, m in ((100, 60), (300, 60)))
    both = merged(few, many)
    assert both.some[:, 0].tolist() == [100] * 15 + [300] * 45
    assert (
        len(merged(Moments(mean, factor, 5, few.some[:5]), Moments(mean, factor, 7, few.some[:7])).some) == 12
    )
    assert merged(few, Moments(mean, factor, 3)).some is None


def test_random_codes_are_draws():
    """The spread of drawn codes is that of the posterior too, and the same every time."""
    rows = np.random.default_rng(0).normal(size=(200, 4)).astype(np.float32)
    net = nw.Autoencoder(2, bottleneck="gaussian", max_epochs=1).fit(rows).net_
    source = Memory(torch.from_numpy(rows))
    found, again = module.moments(net, source, 0), module.moments(net, source, 0)
    mean, logvar = net.bottleneck.posterior(net.encoder(source.x))
    whole = mean.var(0) + logvar.exp().mean(0)
    assert torch.allclose(found.factor.square().sum(1), whole, rtol=0.3)
    assert np.array_equal(found.some, again.some) and found.rows == len(found.some) == 200

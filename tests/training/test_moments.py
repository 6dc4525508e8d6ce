"""Where codes lie: the moments of two lots of rows are those of both."""

import pytest
import torch

from narrows.fitted import Moments
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

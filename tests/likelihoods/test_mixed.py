"""Tables' likelihoods: sums of closed forms, and nothing where nothing is."""

import math

import numpy as np
import pandas as pd
import pytest
import torch

import narrows as nw
from narrows.contracts import Shapes
from narrows.likelihoods import (
    Bernoulli,
    Categorical,
    Laplace,
    Mixed,
    Multinomial,
    NegativeBinomial,
    Normal,
    Poisson,
)
from narrows.likelihoods.mixed import typed
from narrows.numerics import LOG_2PI, generator
from narrows.sources import Memory

LEVELS = (3, 0, 2, 0, 4)
SHAPES = Shapes((5,), 2, levels=LEVELS, missing=True)


def built(part=None, shapes=SHAPES):
    return (part or Mixed()).build(shapes).double()


def test_the_sum_of_the_closed_forms():
    module = built(Mixed(Normal("unit")))
    assert module.channels == (3, 1, 1, 1, 4)
    # Outputs stand by type: two numbers, a logit, three and four logits.
    out = torch.tensor([[0.5, -1.0, 0.3, *[0.0, 1.0, 2.0], *[0.0] * 4]], dtype=torch.float64)
    x = torch.tensor([[2.0, 1.0, 1.0, -1.0, 3.0]], dtype=torch.float64)
    wanted = [
        math.log(1 + math.e + math.e**2) - 2,
        0.5 * (0.5**2 + LOG_2PI),
        math.log1p(math.exp(-0.3)),
        0.5 * LOG_2PI,
        math.log(4),
    ]
    assert module.nll(out, x).tolist()[0] == pytest.approx(wanted, abs=1e-12)
    assert module.row_nll(out, x).item() == pytest.approx(sum(wanted), abs=1e-12)
    assert module.mean(out).tolist() == [[2.0, 0.5, 1.0, -1.0, 0.0]]


def test_what_is_missing_counts_exactly_nothing():
    module = built()
    out = torch.randn(
        4, sum(module.channels), generator=generator(0), dtype=torch.float64, requires_grad=True
    )
    x = torch.tensor([[torch.nan] * 5, [1, 0.5, torch.nan, torch.nan, 2]] * 2, dtype=torch.float64)
    nll = module.nll(out, x)
    assert (nll[x.isnan()] == 0).all() and (nll[~x.isnan()] != 0).all()
    (grad,) = torch.autograd.grad(module.row_nll(out, x).sum(), out)
    assert (grad[0] == 0).all() and grad.isfinite().all()
    assert (grad[1][[1, 2]] == 0).all(), "the second number and the logit of the boolean"
    assert (grad[1][[0, 3, 4, 5, 6, 7, 8, 9]] != 0).all()


def test_gradients_and_row_sums():
    module = built()
    out = torch.randn(
        3, sum(module.channels), generator=generator(1), dtype=torch.float64, requires_grad=True
    )
    x = torch.tensor([[0, 0.1, 1, 0.2, 3], [2, torch.nan, 0, 1.0, 0], [1, 1, torch.nan, 1, 1]]).double()
    assert torch.autograd.gradcheck(lambda o: module.row_nll(o, x), (out,))
    assert torch.autograd.gradgradcheck(lambda o: module.row_nll(o, x), (out,))
    torch.testing.assert_close(module.row_nll(out, x), module.nll(out, x).sum(1))


def test_a_categorical_is_that_of_torch():
    module = built(Categorical(), Shapes((2,), 2, levels=(3, 5)))
    out = torch.randn(200, 8, generator=generator(2), dtype=torch.float64)
    x = torch.stack([torch.arange(200) % 3, torch.arange(200) % 5], 1).double()
    for i, part in enumerate(out.split((3, 5), 1)):
        wanted = -torch.distributions.Categorical(logits=part).log_prob(x[:, i])
        torch.testing.assert_close(module.nll(out, x)[:, i], wanted)
    with pytest.raises(ValueError, match="columns of numbers"):
        Categorical().build(Shapes((2,), 2, levels=(3, 0)))


def test_draws_have_the_frequencies_they_should():
    module = built(Categorical(), Shapes((1,), 2, levels=(3,)))
    p = torch.tensor([0.2, 0.5, 0.3], dtype=torch.float64)
    drawn = module.draw(p.log().expand(40_000, 3), generator(0))
    shares = torch.bincount(drawn.long().flatten(), minlength=3) / 40_000
    assert (shares - p).abs().max() < 0.01


def test_a_decoder_starts_at_means_and_frequencies():
    module = built()
    x = torch.tensor([[0, 1.0, 1, 5, 3], [0, 3.0, 0, torch.nan, 3], [1, 2.0, 1, 7, torch.nan]]).double()
    level = module.start(x)
    assert level.shape == (sum(module.channels),)
    assert level[:2].tolist() == [2.0, 6.0]
    assert level[2].sigmoid().item() == pytest.approx(2 / 3)
    torch.testing.assert_close(level[3:6].exp(), torch.tensor([2.5, 1.5, 0.5]).double() / 4.5)


def test_a_likelihood_of_numbers_becomes_mixed_where_there_are_categories():
    assert typed(Laplace(), SHAPES) == Mixed(Laplace())
    assert typed(Mixed(), SHAPES) == Mixed()
    assert typed(Normal(), Shapes((5,), 2)) == Normal()
    assert typed(Bernoulli(), Shapes((2,), 2, levels=(0, 0))) == Bernoulli()
    with pytest.raises(ValueError, match="likelihood of numbers"):
        Mixed(Mixed())


def test_only_numbers_is_the_likelihood_of_numbers():
    shapes = Shapes((3,), 2, missing=True)
    mixed, normal = built(Mixed(Normal("feature")), shapes), built(Normal("feature"), shapes)
    out = torch.randn(4, 3, generator=generator(0), dtype=torch.float64)
    torch.testing.assert_close(mixed.nll(out, out + 1), normal.nll(out, out + 1))
    assert mixed.continuous and not mixed.unit


# Counts among the columns -------------------------------------------------------------------------


def counted(n=300):
    rng = np.random.default_rng(0)
    kind = rng.choice(["x", "y", "z"], n)
    clicks = rng.poisson(np.where(kind == "x", 2.0, 20.0)).astype(float)
    return pd.DataFrame({"clicks": np.where(rng.random(n) < 0.1, np.nan, clicks), "kind": kind})


@pytest.mark.parametrize("counts", [Poisson(), NegativeBinomial(), NegativeBinomial("feature")], ids=repr)
def test_counts_are_not_scaled(counts):
    assert Mixed(counts).scaled is False and Mixed().scaled is True
    X = counted()
    asked, wrapped = (
        nw.Autoencoder(1, likelihood=likelihood, max_epochs=3, scale="standard").fit(X)
        for likelihood in (Mixed(counts), counts)
    )
    assert asked.fitted_.affine.identity
    np.testing.assert_array_equal(asked.score_samples(X), wrapped.score_samples(X))
    assert (asked.reconstruct(X)["clicks"] >= 0).all()


def test_counts_are_checked_among_their_own_columns():
    X = counted()
    X.loc[7, "clicks"] = -3.0
    for likelihood in (Mixed(Poisson()), Poisson()):
        with pytest.raises(ValueError, match=r"Poisson got rows with -3 in them .* explains counts"):
            nw.Autoencoder(1, likelihood=likelihood, max_epochs=1, validation_fraction=0).fit(X)


def test_likelihoods_learn_from_their_own_columns():
    shapes = Shapes((3,), 2, levels=(0, 4, 0), missing=True)
    rows = torch.tensor(np.random.default_rng(0).negative_binomial(2, 0.1, (4000, 3)).astype(np.float32))
    rows[:, 1] %= 4
    rows[::5, 0] = torch.nan
    part = NegativeBinomial("feature")
    mixed, alone = Mixed(part).build(shapes), part.build(Shapes((2,), 2, missing=True))
    mixed.prepare(None, Memory(rows), generator(0))
    alone.prepare(None, Memory(rows[:, [0, 2]]), generator(0))
    assert torch.equal(mixed.parts[0].log_theta, alone.log_theta)
    assert alone.theta.tolist() == pytest.approx([2, 2], rel=0.2)


@pytest.mark.parametrize("likelihood", [Mixed(Poisson()), Poisson(), Multinomial()], ids=repr)
def test_times_are_no_counts(likelihood):
    X = counted()[["clicks"]].assign(when=pd.Timestamp("2024-01-01"))
    with pytest.raises(ValueError, match=r"Column 'when' holds times, but .* explains counts"):
        nw.Autoencoder(1, likelihood=likelihood, max_epochs=1).fit(X)
    nw.Autoencoder(1, likelihood=Mixed(), max_epochs=1).fit(X)

"""The code that is made to be stored: its probabilities are those of integers, its bits stay finite."""

import math

import numpy as np
import pytest
import torch

import narrows as nw
from narrows.bottlenecks import Factorised
from narrows.bottlenecks._density import Density
from narrows.contracts import Shapes
from narrows.numerics import CommonNoise, generator, seeded
from narrows.sources import Memory

LATENT = 4


def built(part, latent_dim=LATENT):
    """On codes that the encoder gives as they are."""
    with seeded(0):
        shapes = Shapes(
            row=(9,), latent_dim=latent_dim, hidden=(latent_dim,), code=(latent_dim,), encoded=True
        )
        return part.build(shapes).double()


def bent(density):
    """Any weights will do (they are kept divided by ten): F is a distribution whatever they are."""
    with torch.no_grad():
        for p in density.parameters():
            p.add_(0.1 * torch.randn(p.shape, generator=generator(3), dtype=p.dtype))
    return density


def codes(n=50):
    return 2 * torch.randn(n, LATENT, generator=generator(1), dtype=torch.float64)


def test_a_density_starts_logistic_with_mean_0_and_variance_1():
    with seeded(0):
        density = Density(3).double()
    y = torch.linspace(-5, 5, 11, dtype=torch.float64)[:, None].expand(-1, 3)
    assert torch.allclose(density.logits(y), math.pi / math.sqrt(3) * y, atol=1e-6)
    density.place(torch.tensor([1.0, 0.0, 0.0]), torch.tensor([2.0, 1.0, 1.0]))
    assert torch.allclose(density.logits(y)[:, 0], math.pi / math.sqrt(3) * (y[:, 0] - 1) / 2, atol=1e-6)


def test_a_density_rises_from_0_to_1_whatever_its_weights():
    density = bent(built(Factorised()).density)
    logits = density.logits(torch.linspace(-50, 50, 2001, dtype=torch.float64)[:, None].expand(-1, LATENT))
    assert (logits.diff(dim=0) > 0).all()
    assert (logits[0] < -3).all() and (logits[-1] > 3).all()


@pytest.mark.parametrize("width", [0.01, 0.7, 5.0])
def test_probabilities_of_the_integers_add_up_to_one(width):
    density = bent(built(Factorised()).density)
    reach = int(600 / width)
    k = torch.arange(-reach, reach + 1)[:, None].expand(-1, LATENT)
    step = torch.full((LATENT,), width, dtype=torch.float64)
    assert torch.allclose((-density.nats(k * step, step)).exp().sum(0), torch.ones_like(step), atol=1e-4)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_bits_far_out_are_finite_and_pull_back(dtype):
    density = bent(built(Factorised()).density).to(dtype)
    step = torch.full((LATENT,), 0.5, dtype=dtype)
    y = (
        torch.tensor([-1e6, -1e3, -50.0, 50.0, 1e3, 1e6], dtype=dtype)[:, None]
        .repeat(1, LATENT)
        .requires_grad_()
    )
    nats = density.nats(y, step)
    assert nats.isfinite().all()
    (slope,) = torch.autograd.grad(nats.sum(), y)
    assert slope.isfinite().all() and (slope * y.sign() > 0).all()


def test_gradients_of_the_bits_are_those_of_finite_differences():
    density = bent(built(Factorised()).density)
    width = torch.tensor([0.1, 0.5, 1.0, 3.0], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(density.nats, (codes(5).requires_grad_(), width))


def test_answers_are_the_nearest_points_of_the_grid():
    module, y = built(Factorised(beta=0.02)), codes()
    code, step = module(y), module.step.detach()
    assert code.indices.dtype == torch.int64 and code.indices.shape == (50, LATENT)
    assert torch.equal(code.indices, torch.round(y / step).long())
    assert torch.equal(module.from_indices(code.indices), code.z) and torch.equal(code.mean, code.z)
    assert ((code.z - y).abs() <= step / 2 + 1e-12).all()
    assert torch.allclose(code.loss["rate"], 0.02 * code.rate)
    assert torch.equal(module.restrict(y), code.z)


def test_steps_start_at_the_optimum_of_high_rates():
    """½Δ²/12 + β·(const − ln Δ) is least at Δ² = 12β."""
    assert torch.allclose(built(Factorised(beta=0.03)).step.square(), torch.tensor(0.36, dtype=torch.float64))


def test_in_training_noise_of_the_size_of_a_step_stands_for_rounding():
    module, y = built(Factorised()), codes(5000)
    noise = ((module(y, generator(0)).z - y) / module.step).detach()
    assert module(y, generator(0)).indices is None
    assert float(noise.min()) >= -0.5 and float(noise.max()) <= 0.5
    assert float(noise.var()) == pytest.approx(1 / 12, rel=0.05)


def test_the_decoder_can_see_rounded_codes_in_training_with_gradients_passing_straight_through():
    module, y = built(Factorised(rounding=True)), codes().requires_grad_()
    code = module(y, generator(0))
    assert torch.allclose(code.z, module(y).z)
    (slope,) = torch.autograd.grad(code.z.sum(), y)
    assert torch.equal(slope, torch.ones_like(y))
    assert torch.equal(code.rate, built(Factorised())(y, generator(0)).rate), "the rate sees noise"


def test_scores_are_of_the_code_that_is_stored():
    noise = CommonNoise()
    noise.common = torch.ones(LATENT)
    module, y = built(Factorised()), codes()
    assert torch.equal(module(y, noise).z, module(y).z)


def test_tables_hold_the_probabilities_of_answers():
    module = built(Factorised())
    bent(module.density)
    code, (tables,) = module(codes()), module.tables()
    for _, p in tables:
        assert p.dtype == torch.float64 and 1 - 1e-5 < float(p.sum()) < 1 + 1e-6
    nats = [-math.log(tables[j][1][k - tables[j][0]]) for j, k in enumerate(code.indices[0].tolist())]
    assert sum(nats) == pytest.approx(code.rate[0].item(), rel=1e-6)


def test_draws_follow_the_tables():
    module = built(Factorised(beta=0.1))
    drawn = module(module.draw(20_000, generator(0))).indices
    for j, (low, p) in enumerate(module.tables()[0]):
        share = (drawn[:, j] == 0).double().mean()
        assert float(share) == pytest.approx(float(p[-low]), abs=0.015)


def test_rows_are_stored_under_the_class_that_makes_them_cheapest():
    module, y = built(Factorised(classes=3)), 0.3 * codes()
    bent(module.density)
    with torch.no_grad():
        module.log_shares.copy_(torch.tensor([0.5, 0.3, 0.2]).log() + 7)
    code, tables = module(y), module.tables(1e-12)
    assert module.shares().tolist() == pytest.approx([0.5, 0.3, 0.2])
    assert code.indices.shape == (50, 1 + LATENT) and torch.equal(module.from_indices(code.indices), code.z)
    for (of, *integers), rate in zip(code.indices.tolist(), code.rate.tolist(), strict=True):
        costs = [
            -math.log(share)
            - sum(math.log(p[k - low]) for k, (low, p) in zip(integers, channels, strict=True))
            for share, channels in zip([0.5, 0.3, 0.2], tables, strict=True)
        ]
        assert of == np.argmin(costs) and rate == pytest.approx(min(costs), rel=1e-5)
    noisy = module(y, generator(0))
    each = module._nats(noisy.z)
    assert torch.allclose((-noisy.rate).exp(), (-each).exp().sum(1)), "in training a mixture"


def test_classes_tell_rows_at_rest_from_rows_in_motion():
    """Half of the rows hardly vary: two classes pay for which, about a bit, and save what rest cost."""
    rest = torch.arange(2000) % 2 == 0
    y = (
        torch.randn(2000, 8, generator=generator(1), dtype=torch.float64)
        * torch.where(rest, 0.01, 3.0)[:, None]
    )
    one, two = (built(Factorised(beta=0.02, classes=c), 8) for c in (1, 2))
    for module in (one, two):
        module.prepare(Standing(), Memory(y), generator(0))
    assert torch.equal(two(y).indices[:, 0] == 0, rest)
    assert two(y).rate.mean() < 0.8 * one(y).rate.mean()
    assert two.draw(100, generator(0)).shape == (100, 8)


class Standing(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = self.encoder = torch.nn.Identity()


def test_distributions_start_as_wide_as_the_codes():
    module, y = built(Factorised(beta=1e-4)), codes(4000) * torch.tensor([1.0, 3.0, 0.1, 0.0]) + 5
    module.prepare(Standing(), Memory(y), generator(0))
    assert torch.allclose(module.density.centre, y.mean(0))
    assert torch.allclose(module.density.spread[:3], y.std(0, correction=0)[:3])
    assert float(module.density.spread[3]) > 0


def test_a_rate_is_close_to_the_entropy_of_what_is_stored(digits):
    ae = nw.recipes.rate_distortion(6, beta=0.05, max_epochs=20, patience=None).fit(digits)
    k = ae.net_(torch.from_numpy(digits / digits.std()).float()[:0]).code.indices
    assert k.shape == (0, 6)
    with torch.inference_mode():
        rows = ae.fitted_.affine.forward(digits, torch.float32)
        code = ae.net_.encode(rows)
    entropy = 0.0
    for symbols in code.indices.T.numpy():
        share = np.unique(symbols, return_counts=True)[1] / len(symbols)
        entropy -= float((share * np.log(share)).sum())
    assert entropy <= float(code.rate.mean()) * 1.02
    assert float(code.rate.mean()) < 1.25 * entropy


def test_a_larger_price_buys_fewer_bits_and_more_error(digits):
    rates, errors = [], []
    for beta in (0.01, 1.0):
        found = nw.recipes.rate_distortion(8, beta=beta, max_epochs=8).fit(digits).evaluate(digits)
        rates.append(found["rate"])
        errors.append(found["mse"])
    assert rates[0] > 2 * rates[1] and errors[0] < 0.8 * errors[1]


def test_every_verb_agrees_on_the_stored_code(digits):
    ae = nw.recipes.rate_distortion(5, max_epochs=3).fit(digits)
    assert np.array_equal(ae.inverse_transform(ae.transform(digits)), ae.reconstruct(digits))
    assert np.array_equal(ae.score_samples(digits[:7]), ae.score_samples(digits)[:7])
    assert ae.sample(4).shape == (4, 64)


@pytest.mark.parametrize("classes", [0, 1.5])
def test_an_impossible_number_of_classes_is_refused(classes, refused):
    with refused(repr(classes)):
        Factorised(classes=classes)


@pytest.mark.parametrize("beta", [0, -1.0, math.inf, math.nan])
def test_an_impossible_price_is_refused(beta, refused):
    with refused(repr(beta)):
        Factorised(beta=beta)

"""Likelihoods of counts: known answers, what they reduce to, totals, depth, dispersion."""

import itertools
import math

import pytest
import torch

from narrows.contracts import Shapes
from narrows.engine.plan import Program
from narrows.engine.record import Recorder
from narrows.likelihoods import Mixed, Multinomial, NegativeBinomial, Normal, Poisson
from narrows.numerics import generator
from narrows.sources import Memory

LIBRARY = [Multinomial(), Poisson(library=True), NegativeBinomial("feature", library=True)]
PARTS = [*LIBRARY, Poisson(), NegativeBinomial(), NegativeBinomial("feature")]
every = pytest.mark.parametrize("part", PARTS, ids=repr)
library = pytest.mark.parametrize("part", LIBRARY, ids=repr)


def built(part, features=4, theta=None, **shapes):
    module = part.build(Shapes(row=(features,), latent_dim=2, **shapes)).double()
    if theta is not None:
        torch.nn.init.constant_(module.log_theta, math.log(theta))
    return module


def outputs(n=6, features=4):
    return torch.randn(n, features, generator=generator(1), dtype=torch.float64)


def counts(n=6, features=4, most=6):
    return torch.randint(0, most, (n, features), generator=generator(2)).double()


def prepared(module, rows):
    module.prepare(None, Memory(rows), generator(0))
    return module


# Known answers


def test_multinomial_of_three_equal_chances():
    nll = built(Multinomial(), 3).nll(
        torch.zeros(1, 3, dtype=torch.float64), torch.tensor([[2.0, 1.0, 0.0]]).double()
    )
    assert nll.sum().item() == pytest.approx(3.295836866, abs=1e-9)
    assert nll.tolist()[0] == pytest.approx([2 * math.log(3), math.log(3), 0])


def test_poisson_of_rate_three_at_two():
    out = torch.tensor([[math.log(3)]], dtype=torch.float64)
    assert built(Poisson(), 1).nll(out, torch.full_like(out, 2)).item() == pytest.approx(
        1.495922603, abs=1e-9
    )


@pytest.mark.parametrize("dispersion", ["shared", "feature"])
def test_negative_binomial_of_mean_four_at_three(dispersion):
    out = torch.tensor([[math.log(4)]], dtype=torch.float64)
    nll = built(NegativeBinomial(dispersion), 1, theta=2).nll(out, torch.full_like(out, 3))
    assert nll.item() == pytest.approx(2.027325541, abs=1e-9)
    assert nll.item() == pytest.approx(-math.log(32 / 243))


def test_depth_is_not_modelled():
    """Ten times the counts, ten times the rates: the proportions are what out says."""
    module, out = built(Poisson(library=True), 2), torch.tensor([[1.0, 3.0]]).double().log()
    for total in (4.0, 40.0):
        x = torch.tensor([[0.0, total]]).double()
        rates = torch.tensor([[0.25, 0.75]]) * total
        assert torch.allclose(module.nll(out, x), -torch.distributions.Poisson(rates).log_prob(x))


# What they reduce to


def test_multinomial_is_the_reference_but_for_the_coefficient():
    out, x = outputs(), counts()
    total = x.sum(1)
    wanted = torch.stack(
        [
            -torch.distributions.Multinomial(int(n), logits=o).log_prob(row)
            for n, o, row in zip(total, out, x, strict=True)
        ]
    )
    coefficient = (total + 1).lgamma() - (x + 1).lgamma().sum(1)
    assert torch.allclose(built(Multinomial()).nll(out, x).sum(1) - coefficient, wanted, atol=1e-12)


def test_multinomial_of_one_count_is_a_categorical():
    out = outputs()
    x = torch.nn.functional.one_hot(torch.arange(6) % 4, 4).double()
    wanted = torch.nn.functional.cross_entropy(out, torch.arange(6) % 4, reduction="none")
    assert torch.allclose(built(Multinomial()).nll(out, x).sum(1), wanted)


def test_poisson_given_the_total_is_multinomial():
    """They differ by terms of x alone, so gradients are the same."""
    out, x = outputs().requires_grad_(), counts()
    grads = [
        torch.autograd.grad(built(part).row_nll(out, x).sum(), out)[0]
        for part in (Multinomial(), Poisson(library=True))
    ]
    assert torch.allclose(*grads)
    n = x.sum(1)
    gap = built(Poisson(library=True)).row_nll(out, x) - built(Multinomial()).row_nll(out, x)
    assert torch.allclose(gap, n - n * n.log() + (x + 1).lgamma().sum(1))


@pytest.mark.parametrize("depth", [False, True])
@pytest.mark.parametrize(("dtype", "close"), [(torch.float64, 1e-6), (torch.float32, 2e-5)])
def test_negative_binomial_becomes_poisson_as_theta_grows(dtype, close, depth):
    out, x = outputs().to(dtype), counts(most=60).to(dtype)
    poisson = built(Poisson(library=depth)).to(dtype)
    mean = poisson.expected(out, x)
    for theta in (1e6, 1e8):
        nb = built(NegativeBinomial(library=depth), theta=theta).to(dtype)
        ahead = ((x - mean).square() - x) / (2 * theta)  # the first term of the difference in powers of 1/θ
        assert torch.allclose(nb.nll(out, x) + ahead, poisson.nll(out, x), rtol=close, atol=close)


@pytest.mark.parametrize("theta", [1e-3, 0.3, 7.0, 1e5])
def test_negative_binomial_is_the_reference_at_any_theta(theta):
    out, x = outputs(), counts(most=60)
    reference = torch.distributions.NegativeBinomial(theta, logits=out - math.log(theta))
    nll = built(NegativeBinomial(), theta=theta).nll(out, x)
    assert torch.allclose(nll, -reference.log_prob(x), rtol=1e-9, atol=1e-9)


def test_a_negative_binomial_in_single_precision_keeps_its_digits():
    """ln Γ(x + θ) and ln Γ(θ) agree in all of them for a large θ."""
    out, x = outputs(), counts(most=60)
    module = built(NegativeBinomial(), theta=1e6)
    wanted = module.nll(out, x)
    assert torch.allclose(module.float().nll(out.float(), x.float()).double(), wanted, rtol=1e-5, atol=1e-5)


# Sums, gradients, gaps


@every
@pytest.mark.parametrize("missing", [False, True])
def test_row_sums_are_those_of_the_entries_with_the_same_gradients(part, missing):
    module, x = built(part, missing=missing), counts()
    if missing:
        x[0, 1] = x[1] = torch.nan
    weight, out = torch.rand(6, generator=generator(3), dtype=torch.float64), outputs().requires_grad_()
    inputs = [out, *module.parameters()]
    slow, fast = module.nll(out, x).sum(1), module.row_nll(out, x)
    assert torch.allclose(fast, slow, rtol=1e-12)
    pairs = [torch.autograd.grad((rows * weight).sum(), inputs) for rows in (fast, slow)]
    assert all(torch.allclose(a, b, rtol=1e-10, atol=1e-12) for a, b in zip(*pairs, strict=True))


@every
def test_missing_entries_count_nothing_and_pull_nowhere(part):
    module, x, out = built(part, missing=True), counts(), outputs().requires_grad_()
    x[0, 0] = x[2] = x[3, 1:3] = torch.nan
    gaps = x.isnan()
    nll = module.nll(out, x)
    (grad,) = torch.autograd.grad(nll.sum(), out)
    assert (nll[gaps] == 0).all() and (grad[gaps] == 0).all()
    assert nll.isfinite().all() and grad.isfinite().all() and (grad[~gaps] != 0).any(0).all()


@every
def test_rows_with_gaps_are_what_shorter_rows_are(part):
    """Given the total of what is there, the rest has no say."""
    out, x = outputs(), counts()
    whole = built(part, missing=True).nll(out, x.index_fill(1, torch.tensor([1]), torch.nan))
    kept = [0, 2, 3]
    assert torch.allclose(whole[:, kept], built(part, 3).nll(out[:, kept], x[:, kept]), rtol=1e-12)


@every
def test_complete_rows_are_the_same_whether_or_not_gaps_are_expected(part):
    out, x = outputs(), counts()
    assert torch.allclose(built(part, missing=True).nll(out, x), built(part).nll(out, x), rtol=1e-14)


@every
def test_rows_without_counts_have_finite_answers(part):
    module, out = built(part), outputs().requires_grad_()
    nll = module.row_nll(out, torch.zeros(6, 4, dtype=torch.float64))
    nll.sum().backward()
    assert nll.isfinite().all() and out.grad.isfinite().all()
    if module.library:
        assert torch.allclose(nll, torch.zeros_like(nll)), "there was nothing to divide"


@every
def test_noise_in_place_of_rows_is_survived(part):
    """Whoever tries chunk sizes on noise wants numbers to compare."""
    noise = torch.randn(50, 4, generator=generator(4), dtype=torch.float64)
    assert built(part).nll(noise, noise).isfinite().all()


@pytest.mark.parametrize("part", [Poisson(), NegativeBinomial(), NegativeBinomial("feature")], ids=repr)
@pytest.mark.parametrize("at", [50.0, -50.0, 500.0])
def test_far_away_gradients_lead_back(part, at):
    out = torch.full((1, 4), at, dtype=torch.float64, requires_grad=True)
    (grad,) = torch.autograd.grad(built(part).nll(out, torch.full_like(out, 3)).sum(), out)
    assert (grad.sign() == math.copysign(1, at)).all()


@every
def test_counts_need_not_be_whole(part):
    module, out = built(part), outputs()
    low, middle, high = (module.nll(out, torch.full_like(out, v)) for v in (1.0, 1.5, 2.0))
    assert middle.isfinite().all() and (middle <= torch.maximum(low, high)).all()


@every
def test_it_runs_under_vmap(part):
    module = built(part, missing=True)
    out, x = outputs(8).view(2, 4, 4), counts(8).view(2, 4, 4)
    x[0, 0, 0] = torch.nan
    for answer in (module.nll, module.row_nll):
        assert torch.allclose(torch.func.vmap(answer)(out, x), torch.stack(list(map(answer, out, x))))


@every
def test_it_can_be_recorded_and_replayed_on_other_rows(part):
    module, first, second = built(part), (outputs(), counts()), (outputs() * 2, counts(most=20) + 1)

    def step(out, x):
        nll = module.row_nll(out, x)
        leaves = [out, *module.parameters()]
        return [nll, *torch.autograd.grad(nll.sum(), leaves)]

    out, x = first[0].clone().requires_grad_(), first[1].clone()
    with Recorder() as tape:
        answers = step(out, x)
    program = Program(tape.calls, (out, x), answers)
    with torch.inference_mode():
        for place, t in zip(program.inputs, second, strict=True):
            place.copy_(t)
        program()
    wanted = step(second[0].requires_grad_(), second[1])
    assert all(torch.equal(a, b) for a, b in zip(program.outputs, wanted, strict=True))


# Means, modes and draws


@library
def test_untrained_means_are_proportions(part):
    module, out = built(part), outputs()
    assert torch.allclose(module.mean(out), out.softmax(1))


@library
def test_means_are_those_of_a_row_of_the_usual_size(part):
    x, out = counts(), outputs()
    module = prepared(built(part), x)
    assert module.depth.item() == pytest.approx(x.sum(1).mean().item())
    assert torch.allclose(module.mean(out), out.softmax(1) * x.sum(1).mean())
    assert "depth" in module.state_dict(), "saved with the model"


@every
def test_the_expected_row_has_the_total_of_the_row_that_is_known(part):
    x, out = counts(), outputs()
    module = prepared(built(part, missing=True), x)
    if not module.library:
        assert torch.equal(module.expected(out, x), module.mean(out))
        return
    assert torch.allclose(module.expected(out, x), out.softmax(1) * x.sum(1, keepdim=True))
    x[:, 0] = torch.nan
    expected = module.expected(out, x)
    assert torch.allclose(expected[:, 1:].sum(1), x[:, 1:].sum(1)), "as much where there are counts"
    assert torch.allclose(expected / expected.sum(1, keepdim=True), out.softmax(1))


@every
def test_draws_are_counts_with_the_right_mean(part):
    module = prepared(built(part), counts(most=12))
    out = 0.5 * outputs(1).expand(20_000, -1)
    x = module.draw(out, generator(0))
    assert torch.equal(x, x.round()) and (x >= 0).all()
    error = 5 * x.std(0) / math.sqrt(len(x))
    goal = module.mean(out[:1])[0]
    if isinstance(part, Multinomial):  # a whole number of counts, for the mean total may not be one
        assert (x.sum(1) == module.depth.round()).all()
        goal = goal * module.depth.round() / module.depth
    assert ((x.mean(0) - goal).abs() < error).all()


def test_negative_binomial_draws_scatter_as_they_should():
    module, out = built(NegativeBinomial("feature"), theta=0.7), outputs(1).expand(40_000, -1)
    mean = out[0].exp()
    assert torch.allclose(module.draw(out, generator(0)).var(0), mean + mean**2 / 0.7, rtol=0.1)


def test_multinomial_draws_in_pieces_are_complete(monkeypatch):
    from narrows.likelihoods import multinomial

    module = built(Multinomial())
    module.depth.fill_(101)
    monkeypatch.setattr(multinomial, "DRAWN", 40)
    assert (module.draw(outputs(), generator(0)).sum(1) == 101).all()


@pytest.mark.parametrize("total", [1, 2, 5, 9])
def test_the_mode_of_a_multinomial_is_the_likeliest_of_all_rows(total):
    module, out = built(Multinomial()), 1.5 * outputs(12)
    module.depth.fill_(total)
    every_row = torch.tensor(
        [c for c in itertools.product(range(total + 1), repeat=4) if sum(c) == total], dtype=torch.float64
    )
    for mode, logits in zip(module.mode(out), out, strict=True):
        chances = torch.distributions.Multinomial(total, logits=logits)
        assert mode.sum() == total
        assert chances.log_prob(mode) == pytest.approx(chances.log_prob(every_row).max().item())


def test_a_mode_with_ties_still_has_its_total():
    module = built(Multinomial(), 7)
    module.depth.fill_(10)
    assert module.mode(torch.zeros(2, 7).double()).tolist() == [[2, 2, 2, 1, 1, 1, 1]] * 2


def test_in_a_row_of_several_axes_all_entries_share_the_total():
    module = Multinomial().build(Shapes(row=(2, 3), latent_dim=1))
    out, x = torch.randn(4, 2, 3, generator=generator(0)), torch.ones(4, 2, 3)
    flat = Multinomial().build(Shapes(row=(6,), latent_dim=1))
    assert torch.equal(module.nll(out, x).flatten(1), flat.nll(out.flatten(1), x.flatten(1)))
    assert torch.allclose(module.mean(out).flatten(1).sum(1), torch.ones(4))


# Where they start


@every
def test_decoders_start_at_the_mean_row(part):
    module, x = built(part), counts() + torch.arange(4)
    start = module.start(x).expand(1, -1)
    prepared(module, x)
    assert torch.allclose(module.mean(start)[0], x.mean(0))


def test_what_was_never_counted_starts_at_half_a_count_in_all_rows():
    x = counts()
    x[:, 2] = 0
    assert built(Poisson()).start(x)[2].exp().item() == pytest.approx(0.5 / 6)


@pytest.mark.parametrize("depth", [False, True])
@pytest.mark.parametrize("dispersion", ["shared", "feature"])
def test_dispersion_starts_at_that_of_the_rows(dispersion, depth):
    truth = torch.tensor([0.5, 2.0]) if dispersion == "feature" else torch.tensor(1.5)
    drawn = built(NegativeBinomial(dispersion), 2)
    drawn.log_theta.data.copy_(truth.log())
    out = torch.tensor([[1.0, 2.5]]).double().expand(20_000, -1)
    x = drawn.draw(out, generator(5))
    module = prepared(built(NegativeBinomial(dispersion, library=depth), 2), x)
    if depth:  # of two entries one says what the other is: only that there is less scatter is known
        assert (module.theta > truth).all()
    else:
        assert torch.allclose(module.theta, truth.double(), rtol=0.2)


def test_dispersion_starts_within_bounds_whatever_the_rows_are():
    for rows in (torch.zeros(5, 4), torch.ones(5, 4), torch.eye(4).repeat(3, 1) * 1e6):
        theta = prepared(built(NegativeBinomial("feature")), rows.double()).theta
        assert ((theta >= 0.01 * (1 - 1e-9)) & (theta <= 100 * (1 + 1e-9))).all()


@pytest.mark.parametrize(("dispersion", "numbers"), [("shared", 1), ("feature", 4)])
def test_dispersions_have_as_many_numbers_as_their_name_says(dispersion, numbers):
    assert sum(p.numel() for p in built(NegativeBinomial(dispersion)).parameters()) == numbers


# What is refused


def test_an_unknown_dispersion_is_refused(refused):
    with refused("'gene'", "'shared'"):
        NegativeBinomial("gene")


@every
def test_rows_that_are_no_counts_are_refused(part, refused):
    with refused(type(part).__name__, "-2", "scale=None"):
        prepared(built(part), counts() - 2)


@library
def test_totals_of_a_table_with_categories_are_refused(part, refused):
    with refused(type(part).__name__, "categories"):
        part.build(Shapes(row=(2,), latent_dim=1, levels=(0, 3)))
    with refused("Mixed"):
        Mixed(part)


def test_counts_may_stand_beside_categories():
    module = Mixed(Poisson()).build(Shapes(row=(2,), latent_dim=1, levels=(0, 2))).double()
    rows = torch.tensor([[3.0, 0.0], [5.0, 1.0]]).double()
    module.parts[0].prepare(None, Memory(rows), generator(0))
    out = torch.tensor([[math.log(3), 0.0]]).double()
    wanted = [1.495922603, math.log(2)]
    assert module.nll(out, torch.tensor([[2.0, 1.0]]).double()).tolist()[0] == pytest.approx(wanted)


def test_parts_say_that_rows_are_not_to_be_scaled():
    assert not any(part.scaled for part in PARTS) and getattr(Normal(), "scaled", True)

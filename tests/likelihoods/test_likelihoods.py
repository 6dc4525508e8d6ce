"""One table for every likelihood, against torch.distributions and against itself."""

import itertools
import math

import pytest
import torch

from narrows import likelihoods
from narrows.contracts import Shapes
from narrows.likelihoods import Bernoulli, Laplace, Multinomial, NegativeBinomial, Normal, Poisson, _rows
from narrows.numerics import generator

PARTS = [
    Bernoulli(),
    *(
        Normal(*choice)
        for choice in itertools.product(("unit", "shared", "feature"), ("identity", "sigmoid"))
    ),
    *(
        Laplace(*choice)
        for choice in itertools.product(("unit", "shared", "feature"), ("identity", "sigmoid"))
    ),
    Poisson(),
    NegativeBinomial(),
    NegativeBinomial("feature"),
]
# Of these an entry's nll also depends on the others: as densities they have a test file of their own.
TOTALS = [Multinomial(), Poisson(library=True), NegativeBinomial(library=True)]
COUNTS = (Multinomial, Poisson, NegativeBinomial)
ROW = (3,)


def built(part, row=ROW, dtype=torch.float64, **shapes):
    """The module, its learned spread somewhere else than where it starts."""
    module = part.build(Shapes(row=row, latent_dim=2, **shapes)).to(dtype)
    for i, parameter in enumerate(module.parameters()):
        parameter.data += 0.1 * torch.arange(1.0, parameter.numel() + 1).reshape(parameter.shape) * (-1) ** i
    return module


def outputs(n=5, row=ROW, dtype=torch.float64):
    return torch.randn(n, *row, generator=generator(1), dtype=dtype)


def data(part, n=5, row=ROW, dtype=torch.float64):
    x = torch.rand(n, *row, generator=generator(2), dtype=dtype)
    if isinstance(part, COUNTS):
        return (9 * x**3).round()
    return x.round() if isinstance(part, Bernoulli) else x


def reference(part, module, out):
    """The same density by torch.distributions."""
    if isinstance(part, Bernoulli):
        return torch.distributions.Bernoulli(logits=out)
    if isinstance(part, Poisson):
        return torch.distributions.Poisson(out.exp())
    if isinstance(part, NegativeBinomial):
        theta = module.theta.detach().expand_as(out)
        return torch.distributions.NegativeBinomial(theta, logits=out - theta.log())
    location = out.sigmoid() if part.mean == "sigmoid" else out
    kind = torch.distributions.Normal if isinstance(part, Normal) else torch.distributions.Laplace
    spread = torch.as_tensor(module.variance(), dtype=out.dtype).detach().sqrt()
    return kind(location, spread.expand_as(location))


every = pytest.mark.parametrize("part", PARTS, ids=repr)
every_one = pytest.mark.parametrize("part", [*PARTS, *TOTALS], ids=repr)


def test_every_likelihood_is_in_the_table():
    # Those of typed columns have tests of their own: test_mixed.py.
    plain = set(likelihoods.__all__) - {"Categorical", "Mixed"}
    assert {type(part).__name__ for part in [*PARTS, *TOTALS]} == plain


@every_one
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("row", [(1,), (3,), (2, 3, 4)])
@pytest.mark.parametrize("n", [1, 2, 7])
def test_answers_have_the_shape_of_rows(part, n, row, dtype):
    module, out, x = built(part, row, dtype), outputs(n, row, dtype), data(part, n, row, dtype)
    assert part.channels == module.channels == 1
    assert part.unit == module.unit
    for answer in (module.nll(out, x), module.mean(out), module.mode(out), module.draw(out, generator(0))):
        assert (answer.shape, answer.dtype) == (x.shape, dtype)


@every
def test_nll_is_the_reference_density(part):
    module, out, x = built(part), outputs(), data(part)
    assert torch.allclose(module.nll(out, x), -reference(part, module, out).log_prob(x), rtol=0, atol=1e-12)


@every
def test_mean_is_the_reference_mean(part):
    module, out = built(part), outputs()
    assert torch.allclose(module.mean(out), reference(part, module, out).mean)


@every
def test_mode_has_the_lowest_nll(part):
    module, out = built(part), outputs()
    best = module.nll(out, module.mode(out))
    others = data(part)
    assert (best <= module.nll(out, others) + 1e-12).all()


@every
def test_density_sums_to_one(part):
    module, out = built(part), outputs(1)
    if module.continuous:
        grid = torch.linspace(-60, 60, 480_001, dtype=torch.float64)[:, None].expand(-1, 3)
        total = torch.trapezoid((-module.nll(out, grid)).exp(), grid, dim=0)
    else:
        values = range(300) if isinstance(part, COUNTS) else range(2)
        total = sum((-module.nll(out, torch.full_like(out, value))).exp() for value in values)
    assert torch.allclose(total, torch.ones_like(total), atol=1e-6)


@every
def test_draws_have_mean_and_variance(part):
    module, out = built(part), outputs(1).expand(40_000, -1)
    x, expected = module.draw(out, generator(0)), reference(part, module, out[:1])
    error = 4 * expected.stddev / math.sqrt(len(x))
    assert ((x.mean(0) - expected.mean).abs() < error).all()
    assert torch.allclose(x.var(0), expected.variance[0], rtol=0.06)


@every_one
def test_draws_come_from_the_generator_alone(part):
    module, out = built(part), outputs(20)
    before = torch.get_rng_state()
    first = module.draw(out, generator(1))
    assert torch.equal(before, torch.get_rng_state())
    assert torch.equal(first, module.draw(out, generator(1)))
    assert not torch.equal(first, module.draw(out, generator(2)))


@every
def test_gaps_count_nothing_and_pull_nowhere(part):
    module = built(part, missing=True)
    out, x = outputs().requires_grad_(), data(part)
    gaps = torch.zeros_like(x, dtype=torch.bool)
    gaps[0, 0] = gaps[2] = True
    nll = module.nll(out, x.masked_fill(gaps, math.nan))
    assert (nll[gaps] == 0).all()
    assert torch.allclose(nll[~gaps], built(part).nll(out, x)[~gaps], rtol=1e-12)
    nll.sum().backward()
    assert (out.grad[gaps] == 0).all()
    assert (out.grad[~gaps] != 0).all()
    assert all(parameter.grad.isfinite().all() for parameter in module.parameters())


@every_one
def test_gradients_are_those_of_finite_differences(part):
    module, x = built(part), data(part)
    out = outputs().requires_grad_()
    parameters = [p.requires_grad_() for p in module.parameters()]
    assert torch.autograd.gradcheck(lambda out, *_: module.nll(out, x), (out, *parameters))


@every_one
def test_extreme_outputs_stay_finite(part):
    module, x = built(part), data(part)
    out = torch.tensor([[-1e3, 0.0, 1e3]], dtype=torch.float64).expand_as(x).clone().requires_grad_()
    nll = module.nll(out, x)
    nll.sum().backward()
    assert nll.isfinite().all() and out.grad.isfinite().all()


def test_unit_normal_is_half_the_squared_error():
    x, out = torch.tensor([[3.0]]), torch.tensor([[1.0]])
    assert float(built(Normal(), (1,)).nll(out, x)) == pytest.approx(2 + 0.5 * math.log(2 * math.pi))


def test_unit_laplace_is_the_absolute_error():
    x, out = torch.tensor([[3.0]]), torch.tensor([[1.0]])
    assert float(built(Laplace(), (1,)).nll(out, x)) == pytest.approx(2 + math.log(2))


def test_bernoulli_is_the_cross_entropy_of_grey_values_too():
    p, x = 0.8, 0.3
    out = torch.tensor([[math.log(p / (1 - p))]], dtype=torch.float64)
    nll = built(Bernoulli(), (1,)).nll(out, torch.tensor([[x]], dtype=torch.float64))
    assert float(nll) == pytest.approx(-x * math.log(p) - (1 - x) * math.log(1 - p))


@pytest.mark.parametrize("kind", [Normal, Laplace])
@pytest.mark.parametrize(("bounded", "link"), [(True, "sigmoid"), (False, "identity")])
def test_an_automatic_mean_suits_the_rows(kind, bounded, link):
    automatic, told = built(kind(mean="auto"), bounded=bounded), built(kind(mean=link), bounded=bounded)
    assert automatic.unit == told.unit == bounded
    assert torch.equal(automatic.mean(outputs()), told.mean(outputs()))
    assert not kind(mean="auto").unit, "the part itself asks for nothing"


@pytest.mark.parametrize(("spread", "count"), [("unit", 0), ("shared", 1), ("feature", 3)])
@pytest.mark.parametrize("kind", [Normal, Laplace])
def test_a_learned_spread_has_as_many_numbers_as_its_name_says(kind, spread, count):
    assert sum(p.numel() for p in kind(spread).build(Shapes(row=ROW, latent_dim=2)).parameters()) == count


@pytest.mark.parametrize("spread", ["shared", "feature"])
@pytest.mark.parametrize("kind", [Normal, Laplace])
def test_a_learned_spread_starts_at_the_scale_of_the_data(kind, spread):
    variance = kind(spread).build(Shapes(row=ROW, latent_dim=2)).variance()
    assert torch.allclose(variance, torch.ones_like(variance), atol=1e-5)


@pytest.mark.parametrize(
    ("kind", "arguments", "given"),
    [
        (Normal, {"variance": "free"}, "'free'"),
        (Normal, {"mean": "tanh"}, "'tanh'"),
        (Laplace, {"scale": "variance"}, "'variance'"),
        (Laplace, {"mean": None}, "None"),
    ],
)
def test_unknown_choices_are_refused(kind, arguments, given, refused):
    with refused(given, "'unit'" if "mean" not in arguments else "'identity'"):
        kind(**arguments)


ROWS = [
    (likelihood, shape)
    for likelihood in (
        Normal(),
        Normal(mean="sigmoid"),
        Normal(variance="shared"),
        Normal(variance="shared", mean="sigmoid"),
        Normal(variance="feature"),
        Bernoulli(),
        Poisson(),
        *TOTALS,
    )
    for shape in ((5,), (2, 3, 4))
]


@pytest.mark.parametrize("missing", [False, True])
@pytest.mark.parametrize(("likelihood", "shape"), ROWS, ids=repr)
def test_row_sums_are_those_of_the_entries_with_the_same_gradients(likelihood, shape, missing):
    gen = torch.Generator().manual_seed(0)
    module = likelihood.build(Shapes(shape, 2, missing=missing)).double()
    for p in module.parameters():
        torch.nn.init.constant_(p, -0.1)
    out = torch.randn(7, *shape, generator=gen, dtype=torch.float64, requires_grad=True)
    x = torch.rand(7, *shape, generator=gen, dtype=torch.float64)
    if missing:
        x[0].view(-1)[1] = torch.nan
    weight = torch.rand(7, generator=gen, dtype=torch.float64)
    inputs = [out, *module.parameters()]
    results = [
        (rows, torch.autograd.grad((rows * weight).sum(), inputs))
        for rows in (module.row_nll(out, x), module.nll(out, x).flatten(1).sum(1))
    ]
    (fast, fast_grads), (slow, slow_grads) = results
    assert torch.allclose(fast, slow, rtol=1e-12)
    for a, b in zip(fast_grads, slow_grads, strict=True):
        assert torch.allclose(a, b, rtol=1e-10, atol=1e-12)
    assert torch.autograd.gradcheck(lambda o: module.row_nll(o, x), (out,))
    assert torch.autograd.gradgradcheck(lambda o: module.row_nll(o, x), (out,))


@pytest.mark.parametrize("block", [1, 7, 12, 2**19])
def test_proportions_are_worked_out_a_few_rows_at_a_time(block, monkeypatch):
    gen = torch.Generator().manual_seed(0)
    module = Multinomial().build(Shapes((5,), 2))
    out = torch.randn(9, 5, generator=gen, requires_grad=True)
    x = torch.rand(9, 5, generator=gen)
    monkeypatch.setattr(_rows, "BLOCK", block)
    rows = module.row_nll(out, x)
    torch.testing.assert_close(rows, module.nll(out, x).sum(1))
    once, twice = (torch.autograd.grad(rows.sum(), out, retain_graph=True)[0] for _ in range(2))
    assert torch.equal(once, twice)
    torch.testing.assert_close(once, x.sum(1, keepdim=True) * out.softmax(1) - x)
    with torch.no_grad():
        assert torch.equal(module.row_nll(out, x), rows)
    both = torch.stack([out.detach(), 2 * out.detach()])
    stacked = torch.func.vmap(module.row_nll, (0, None))(both, x)
    torch.testing.assert_close(stacked, torch.stack([module.row_nll(o, x) for o in both]))

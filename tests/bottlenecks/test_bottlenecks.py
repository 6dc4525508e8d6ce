"""One table for every bottleneck, then what is particular to each."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from narrows import bottlenecks
from narrows.bottlenecks import FSQ, VQ, Deterministic, Factorised, Gaussian, TopK
from narrows.contracts import Shapes
from narrows.numerics import ACTIVATIONS, CommonNoise, generator, seeded
from narrows.sources import Memory

PARTS = [
    Deterministic(),
    Deterministic(activation="relu"),
    Deterministic(activation="sigmoid"),
    Gaussian(),
    Gaussian(beta=4.0, free_bits=0.1),
    TopK(k=2),
    TopK(k=2, alpha=1.5),
    Factorised(),
    Factorised(beta=0.3, rounding=True),
    Factorised(classes=3),
    VQ(codes=9),
    VQ(codes=5, groups=2),
    FSQ(),
]
DRAWN = (Gaussian, Factorised)  # in training
SYMBOLS = (Factorised, FSQ, VQ)
HIDDEN, LATENT = (5,), 4

every = pytest.mark.parametrize("part", PARTS, ids=repr)


def built(part, hidden=HIDDEN, latent_dim=LATENT, dtype=torch.float64, **shapes):
    shapes = Shapes(row=(9,), latent_dim=latent_dim, hidden=hidden, code=(latent_dim,), **shapes)
    with seeded(0):
        return part.build(shapes).to(dtype)


def features(n=7, hidden=HIDDEN, dtype=torch.float64):
    return torch.randn(n, *hidden, generator=generator(1), dtype=dtype)


def test_every_bottleneck_is_in_the_table():
    assert {type(part).__name__ for part in PARTS} == set(bottlenecks.__all__)


@every
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("hidden", [(5,), (3, 2, 2)])
@pytest.mark.parametrize("latent_dim", [1, 4, 20])
@pytest.mark.parametrize("n", [1, 2, 7])
def test_codes_keep_the_contract(part, n, latent_dim, hidden, dtype):
    module, h = built(part, hidden, latent_dim, dtype), features(n, hidden, dtype)
    code = module(h, generator(0))
    assert code.z.shape == code.mean.shape == (n, latent_dim)
    assert code.z.dtype == code.mean.dtype == dtype
    assert code.rate is None or code.rate.shape == (n,)
    assert all(term.shape in ((), (n,)) for term in code.loss.values())
    answer = module(h)
    assert (answer.indices is not None) == isinstance(part, SYMBOLS), "what can be entropy-coded has symbols"
    if answer.indices is not None:
        assert answer.indices.dtype == torch.int64 and len(answer.indices) == n
        assert torch.equal(module.from_indices(answer.indices), answer.z)


@every
def test_without_a_generator_a_code_is_its_mean(part):
    module, h = built(part), features()
    for training in (True, False):
        code = module.train(training)(h)
        assert torch.equal(code.z, code.mean)
        assert torch.equal(code.z, module(h).z)


@every
def test_noise_comes_from_the_generator_alone(part):
    module, h = built(part), features()
    before = torch.get_rng_state()
    first, again, other = (module(h, generator(seed)).z for seed in (1, 1, 2))
    assert torch.equal(before, torch.get_rng_state())
    assert torch.equal(first, again)
    assert torch.equal(first, other) == (not isinstance(part, DRAWN) or getattr(part, "rounding", False))


@every
def test_rates_are_true_nats(part):
    module, h = built(part).eval(), features()
    rate = module(h).rate
    if rate is not None:
        assert (rate >= 0).all()
        assert torch.equal(rate, module(h, generator(5)).rate) or isinstance(part, Factorised)


@every
def test_gradients_are_those_of_finite_differences(part):
    if isinstance(part, (FSQ, VQ)) or getattr(part, "rounding", False):
        pytest.skip("its gradient is that of a function without steps, and has tests of its own")
    module, h = built(part), features(3).requires_grad_()

    def answers(h):
        code = module(h, generator(0))
        return (code.z, code.mean, *code.loss.values(), *(() if code.rate is None else (code.rate,)))

    assert torch.autograd.gradcheck(answers, h)


@every
def test_draws_come_from_the_generator_alone(part):
    module = built(part)
    if hasattr(module, "draw"):
        assert module.draw(6, generator(0)).shape == (6, LATENT)
        assert torch.equal(module.draw(6, generator(0)), module.draw(6, generator(0)))
        assert not torch.equal(module.draw(6, generator(0)), module.draw(6, generator(1)))


# Deterministic


@pytest.mark.parametrize("name", [None, *ACTIVATIONS])
def test_deterministic_is_an_affine_map_and_its_activation(name):
    module, h = built(Deterministic(name)), features()
    linear = module.project.linear
    phi = ACTIVATIONS[name or "linear"]()
    assert torch.allclose(module(h).z, phi(h @ linear.weight.T + linear.bias))


def test_deterministic_adds_nothing_to_codes_that_are_there_already():
    module, h = built(Deterministic(), (LATENT,), encoded=True), features(hidden=(LATENT,))
    assert not list(module.parameters())
    assert torch.equal(module(h).z, h)


def test_deterministic_refuses_an_unknown_activation(refused):
    with refused("'rleu'"):
        Deterministic(activation="rleu")


# Gaussian


def posterior(module, h):
    return module.project(h), module.spread(h).exp()


def test_gaussian_rate_is_the_divergence_of_its_posterior():
    module, h = built(Gaussian(beta=7.0)), features()
    mean, variance = posterior(module, h)
    q = torch.distributions.Normal(mean, variance.sqrt())
    p = torch.distributions.Normal(torch.zeros_like(mean), 1.0)
    kl = torch.distributions.kl_divergence(q, p).sum(1)
    code = module(h)
    assert torch.allclose(code.rate, kl)
    assert torch.allclose(code.loss["kl"], 7 * kl), "β weighs the loss and never the rate"


def test_gaussian_of_the_textbook():
    """KL(N(1, 4) ‖ N(0, 1)) in every one of four dimensions."""
    module = built(Gaussian())
    for layer, bias in ((module.project.linear, 1.0), (module.spread, math.log(4))):
        layer.weight.data.zero_()
        layer.bias.data.fill_(bias)
    assert module(features(2)).rate.tolist() == pytest.approx([4 * 1.306852819] * 2, abs=1e-8)


def test_gaussian_draws_from_its_posterior():
    module, h = built(Gaussian()), features(1).expand(40_000, -1)
    z = module(h, generator(0)).z
    mean, variance = posterior(module, h[:1])
    assert torch.allclose(z.mean(0), mean[0], atol=4 * float(variance.detach().max()) ** 0.5 / 200)
    assert torch.allclose(z.var(0), variance[0], rtol=0.05)


def test_gaussian_takes_common_noise():
    module, h = built(Gaussian()), features()
    noise = CommonNoise()
    noise.common = torch.tensor([1.0, -1.0, 0.5, 0.0], dtype=torch.float64)
    mean, variance = posterior(module, h)
    assert torch.allclose(module(h, noise).z, mean + variance.sqrt() * noise.common)


def test_gaussian_warm_up_moves_the_loss_in_training_only():
    module, h = built(Gaussian(beta=2.0, warmup=0.5)), features()
    rate = module(h).rate
    for step, weight in [(0, 0.0), (25, 1.0), (50, 2.0), (99, 2.0)]:
        module.on_step(None, step, 100)
        assert torch.allclose(module.train()(h).loss["kl"], weight * rate)
        assert torch.allclose(module.eval()(h).loss["kl"], 2 * rate), "the monitor sees the final objective"


def test_gaussian_without_warm_up_weighs_fully_from_the_first_step():
    module, h = built(Gaussian()).train(), features()
    module.on_step(None, 0, 100)
    assert torch.allclose(module(h).loss["kl"], module(h).rate)


def test_gaussian_free_bits_are_free():
    """Dimensions below λ cost λ and get no gradient; the rate is counted in full."""
    module = built(Gaussian(free_bits=0.5))
    for layer in (module.project.linear, module.spread):
        layer.weight.data.zero_()
        layer.bias.data.zero_()
    module.project.linear.bias.data[:] = torch.tensor([0.1, 0.2, 2.0, 3.0])
    code = module(features())
    assert float(code.loss["kl"].detach()) == pytest.approx(0.5 + 0.5 + 2.0 + 4.5)
    assert code.rate.tolist() == pytest.approx([0.005 + 0.02 + 2.0 + 4.5] * 7)
    code.loss["kl"].backward()
    assert module.project.linear.bias.grad.tolist() == pytest.approx([0, 0, 2.0, 3.0])


def test_gaussian_survives_extreme_features():
    code = built(Gaussian())(features() * 1e4, generator(0))
    assert code.z.isfinite().all() and code.rate.isfinite().all()


@pytest.mark.parametrize(
    "arguments",
    [{"beta": -1}, {"warmup": -0.5}, {"warmup": 2}, {"free_bits": -3}, {"beta": math.nan}],
    ids=repr,
)
def test_gaussian_refuses_impossible_weights(arguments, refused):
    with refused(*map(repr, arguments.values())):
        Gaussian(**arguments)


# TopK


@given(k=st.integers(1, 12), width=st.integers(1, 10), seed=st.integers(0, 99))
def test_topk_keeps_exactly_the_k_largest(k, width, seed):
    module = built(TopK(k), latent_dim=width)
    a = torch.randn(6, width, generator=generator(seed), dtype=torch.float64)
    z = module.restrict(a)
    assert ((z != 0).sum(1) == min(k, width)).all()
    assert torch.equal(z[z != 0], a[z != 0])
    assert (torch.where(z != 0, a, math.inf).amin(1) >= torch.where(z == 0, a, -math.inf).amax(1)).all()


@given(k=st.integers(1, 6), seed=st.integers(0, 99))
def test_topk_never_exceeds_k_among_ties(k, seed):
    a = torch.randint(0, 2, (20, 8), generator=generator(seed)).double()
    assert ((built(TopK(k), latent_dim=8).restrict(a) != 0).sum(1) <= k).all()
    assert ((built(TopK(k), latent_dim=8).restrict(torch.ones(3, 8)) != 0).sum(1) == k).all()


def test_topk_passes_gradients_through_survivors_alone():
    a = torch.tensor([[3.0, 1.0, 2.0, 0.0]], requires_grad=True)
    built(TopK(2), dtype=torch.float32).restrict(a).sum().backward()
    assert a.grad.tolist() == [[1.0, 0.0, 1.0, 0.0]]


def test_topk_of_all_units_is_the_plain_code():
    assert torch.equal(built(TopK(LATENT))(features()).z, built(Deterministic())(features()).z)


class Standing(torch.nn.Module):
    """A net whose encoder and embedding do nothing."""

    def __init__(self):
        super().__init__()
        self.embed = self.encoder = torch.nn.Identity()


def test_topk_starts_with_units_that_vary_alike():
    module, rows = built(TopK(2)), 3 * features(500) + 10
    module.prepare(Standing(), Memory(rows), generator(0))
    a = module.project(rows).detach()
    assert torch.allclose(a.mean(0), torch.zeros(LATENT, dtype=a.dtype), atol=1e-9)
    assert torch.allclose(a.std(0, correction=0), torch.ones(LATENT, dtype=a.dtype))


def test_topk_helps_units_that_are_never_chosen():
    """One unit far below the others wins rows again after a while in training; none outside it."""
    module, h = built(TopK(1)).train(), features(200)
    module.project.linear.bias.data[0] = -3.0
    assert not (module(h).z[:, 0] != 0).any()
    for step in range(500):
        module(h)
        module.on_step(None, step, 500)
    assert (module(h).z[:, 0] != 0).any()
    module.eval()
    before = [tensor.clone() for tensor in module.buffers()]
    module(h)
    assert all(torch.equal(a, b) for a, b in zip(before, module.buffers(), strict=True))


@pytest.mark.parametrize("k", [0, -1, 1.5, "3", None])
def test_topk_refuses_what_is_not_a_count(k, refused):
    with refused(repr(k)):
        TopK(k)

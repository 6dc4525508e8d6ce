"""The shared arithmetic against closed forms and against torch's own."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from narrows import numerics


@pytest.fixture(params=[numerics.normal, numerics.uniform], ids=["normal", "uniform"])
def noise(request):
    return request.param


def test_noise_comes_from_the_generator_alone(noise):
    like = torch.empty(50, 3)
    before = torch.get_rng_state()
    first = noise(like, numerics.generator(1))
    torch.rand(3)  # the global state moves on, our noise does not care
    again = noise(like, numerics.generator(1))
    other = noise(like, numerics.generator(2))
    torch.set_rng_state(before)
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert first.shape == like.shape


def test_noise_leaves_the_global_state_alone(noise):
    before = torch.get_rng_state()
    noise(torch.empty(10), numerics.generator(0))
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_noise_has_the_dtype_asked_for(noise, dtype):
    assert noise(torch.empty(2, dtype=dtype), numerics.generator(0)).dtype == dtype


def test_normal_and_uniform_have_their_moments():
    like = torch.empty(200_000, dtype=torch.float64)
    e, u = numerics.normal(like, numerics.generator(0)), numerics.uniform(like, numerics.generator(0))
    assert abs(e.mean()) < 4 / math.sqrt(len(e))
    assert abs(e.var() - 1) < 4 * math.sqrt(2 / len(e))
    assert u.min() >= 0 and u.max() < 1
    assert abs(u.mean() - 0.5) < 4 * math.sqrt(1 / 12 / len(u))


def test_common_noise_is_one_vector_for_every_row():
    gen = numerics.CommonNoise()
    gen.common = torch.tensor([1.0, -2.0])
    assert torch.equal(numerics.normal(torch.empty(3, 2), gen), torch.tensor([[1.0, -2.0]] * 3))


def test_seeded_makes_the_global_state_reproducible_and_gives_it_back():
    before = torch.get_rng_state()
    with numerics.seeded(7):
        first = torch.rand(4)
    with numerics.seeded(7):
        again = torch.rand(4)
    assert torch.equal(first, again)
    assert torch.equal(before, torch.get_rng_state())


def test_seeded_gives_the_state_back_after_an_error_too():
    before = torch.get_rng_state()
    with pytest.raises(KeyError), numerics.seeded(7):
        torch.rand(4)
        raise KeyError
    assert torch.equal(before, torch.get_rng_state())


@given(pairs=st.integers(1, 16), dims=st.integers(1, 12))
def test_antithetic_draws_are_balanced(pairs, dims):
    e = numerics.antithetic(2 * pairs, dims, numerics.generator(0))
    assert e.shape == (2 * pairs, dims)
    assert torch.allclose(e.mean(0), torch.zeros(dims, dtype=e.dtype), atol=1e-12)
    second = e.T @ e / len(e)
    assert torch.allclose(second.diagonal(), torch.ones(dims, dtype=e.dtype))
    if dims <= pairs:
        assert torch.allclose(second, torch.eye(dims, dtype=e.dtype), atol=1e-10)


def test_gaussian_kl_of_the_textbook():
    kl = numerics.gaussian_kl(
        torch.tensor(1.0, dtype=torch.float64), torch.tensor(4.0, dtype=torch.float64).log()
    )
    assert float(kl) == pytest.approx(1.306852819, abs=1e-9)


@given(mean=st.floats(-5, 5), logvar=st.floats(-5, 5))
def test_gaussian_kl_equals_torch(mean, logvar):
    m, v = torch.tensor(mean, dtype=torch.float64), torch.tensor(logvar, dtype=torch.float64)
    expected = torch.distributions.kl_divergence(
        torch.distributions.Normal(m, (v / 2).exp()), torch.distributions.Normal(0.0 * m, 1.0)
    )
    assert float(numerics.gaussian_kl(m, v)) == pytest.approx(float(expected), abs=1e-9)


def test_bernoulli_kl_of_the_lecture_notes():
    kl = numerics.bernoulli_kl(0.05, torch.tensor(0.5, dtype=torch.float64))
    assert float(kl) == pytest.approx(0.494631937, abs=1e-9)


@given(p=st.floats(0.001, 0.999), q=st.floats(0.001, 0.999))
def test_bernoulli_kl_equals_torch(p, q):
    q = torch.tensor(q, dtype=torch.float64)
    bernoulli = torch.distributions.Bernoulli
    expected = torch.distributions.kl_divergence(
        bernoulli(torch.tensor(p, dtype=torch.float64)), bernoulli(q)
    )
    assert float(numerics.bernoulli_kl(p, q)) == pytest.approx(float(expected), abs=1e-9)


@pytest.mark.parametrize("q", [0.0, 1.0])
def test_bernoulli_kl_is_finite_at_the_ends(q):
    assert math.isfinite(numerics.bernoulli_kl(0.05, torch.tensor(q)))


@pytest.mark.parametrize("name", numerics.ACTIVATIONS)
def test_every_activation_has_its_name(name):
    x = torch.linspace(-2, 2, 5)
    assert torch.equal(numerics.activation(name)(x), numerics.ACTIVATIONS[name]()(x))


def test_no_activation_is_linear():
    x = torch.linspace(-2, 2, 5)
    assert torch.equal(numerics.activation(None)(x), x)


def test_unknown_activation_is_refused(refused):
    with refused("'rleu'"):
        numerics.activation("rleu")


@pytest.mark.parametrize(
    ("follows", "variance"), [("relu", 2 / 400), (None, 2 / (400 + 300)), ("tanh", 2 / 700)]
)
def test_initial_weights_keep_the_signal(follows, variance):
    with numerics.seeded(0):
        layer = numerics.init_layer(nn.Linear(400, 300), follows)
    assert float(layer.weight.detach().var()) == pytest.approx(variance, rel=0.02)
    assert not layer.bias.any()


def test_dropout_without_a_generator_is_the_identity_in_every_mode():
    x = torch.ones(5, 5)
    layer = numerics.Dropout(0.5)
    assert torch.equal(layer.train()(x), x)
    assert torch.equal(layer.eval()(x), x)


@pytest.mark.parametrize("training", [True, False])
def test_dropout_with_a_generator_drops_its_share_and_keeps_the_mean(training):
    layer = numerics.Dropout(0.3).train(training)
    layer.gen = numerics.generator(0)
    y = layer(torch.ones(100_000))
    assert set(np.unique(y.numpy())) == {np.float32(0), np.float32(1 / 0.7)}
    assert float((y == 0).float().mean()) == pytest.approx(0.3, abs=4 * math.sqrt(0.21 / 100_000))


def test_the_mode_is_set_as_torch_sets_it():
    class Frozen(torch.nn.BatchNorm1d):
        def train(self, mode=True):
            return super().train(False)

    net = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.Sequential(torch.nn.Dropout()))
    for mode in (False, True):
        numerics.set_mode(net, mode)
        assert {m.training for m in net.modules()} == {mode}
    net.append(Frozen(2))
    numerics.set_mode(net, True)
    assert net[0].training and not net[2].training, "a module's own way is kept"

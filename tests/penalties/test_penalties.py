"""One table for every penalty, then the known answers of each."""

import itertools
import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from narrows import penalties
from narrows.backbones import MLP
from narrows.bottlenecks import Deterministic, Gaussian
from narrows.contracts import Shapes
from narrows.inputs import Vectors
from narrows.net import Net
from narrows.numerics import ACTIVATIONS, generator, seeded
from narrows.penalties import L1, Contractive, KLSparsity
from narrows.spec import Spec

PARTS = [L1(0.5), KLSparsity(0.5), Contractive(0.5), Contractive(0.5, probes=3)]
# Trim takes off what rows have added, Recorrupted may be negative and has no weight, RowRate weighs a rate:
# test_trim.py, test_recorrupted.py, test_row_rate.py.
OTHERS = {"Trim", "Recorrupted", "RowRate"}
FEATURES, LATENT = 5, 4

every = pytest.mark.parametrize("part", PARTS, ids=repr)


def net_of(part, hidden=(6,), bottleneck=None, dtype=torch.float64):
    spec = Spec.resolved(
        Vectors(), None, MLP(hidden, "tanh"), bottleneck or Deterministic("sigmoid"), None, part
    )
    with seeded(0):
        return Net(spec, Shapes(row=(FEATURES,), latent_dim=LATENT)).to(dtype)


def rows(n=7, dtype=torch.float64):
    return torch.randn(n, FEATURES, generator=generator(1), dtype=dtype)


def value(net, x, gen=None):
    return net.penalties[0](net, net(x, gen))


def jacobian_norms(net, x):
    """‖∂ mean/∂x‖² of every row by autograd, one row at a time."""
    jacobians = [torch.autograd.functional.jacobian(lambda r: net.encode(r[None]).mean[0], r) for r in x]
    return torch.stack([j.square().sum() for j in jacobians])


def test_every_penalty_is_in_the_table():
    assert {type(part).__name__ for part in PARTS} | OTHERS == set(penalties.__all__)


@every
@pytest.mark.parametrize("hidden", [(), (6,)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("n", [1, 2, 7])
def test_shape_and_dtype(part, n, hidden, dtype):
    got = value(net_of(part, hidden, dtype=dtype), rows(n, dtype), generator(0))
    assert got.shape in ((), (n,))
    assert got.dtype == dtype and got.isfinite().all() and (got >= 0).all()


@every
@pytest.mark.parametrize("hidden", [(), (6,)])
def test_twice_the_weight_is_twice_the_penalty(part, hidden):
    double = type(part)(**{**vars(part), "weight": 2 * part.weight})
    x = rows()
    single, doubled = (value(net_of(p, hidden), x, generator(0)) for p in (part, double))
    assert torch.allclose(2 * single, doubled)


@every
def test_noise_comes_from_the_pass_alone(part):
    net, x = net_of(part), rows()
    before = torch.get_rng_state()
    assert torch.equal(value(net, x, generator(3)), value(net, x, generator(3)))
    assert torch.equal(value(net, x), value(net, x)), "a deterministic pass has a deterministic penalty"
    assert torch.equal(before, torch.get_rng_state())


@every
@pytest.mark.parametrize("hidden", [(), (6,)])
def test_gradients_in_the_weights_are_those_of_finite_differences(part, hidden):
    net, x = net_of(part, hidden), rows(3)
    weights = dict(net.named_parameters())
    names = [name for name in weights if "decoder" not in name]

    def penalty(*tensors):
        replaced = dict(zip(names, tensors, strict=True))
        return torch.func.functional_call(_Penalised(net), {f"net.{k}": v for k, v in replaced.items()}, (x,))

    assert torch.autograd.gradcheck(penalty, tuple(weights[name].detach().requires_grad_() for name in names))


class _Penalised(torch.nn.Module):
    """The penalty as the answer of a module, so that its weights can be replaced."""

    def __init__(self, net):
        super().__init__()
        self.net = net

    def forward(self, x):
        return value(self.net, x, generator(0))


@every
def test_penalties_enter_the_objective_by_their_name(part):
    net, x = net_of(part), rows()
    p = net(x)
    terms = net.terms(p)
    assert torch.allclose(terms[type(part).__name__.lower()], net.penalties[0](net, p).mean())
    assert torch.allclose(terms["nll"], net.likelihood.nll(p.out, x).sum(1).mean())


@every
def test_penalties_work_where_gradients_are_off(part):
    """The monitor asks for them under ``no_grad``."""
    net, x = net_of(part), rows()
    expected = value(net, x)
    with torch.no_grad():
        assert torch.allclose(value(net, x), expected)


@pytest.mark.parametrize(
    ("kind", "arguments"),
    [
        (L1, {"weight": -1}),
        (L1, {"weight": math.nan}),
        (KLSparsity, {"weight": -1}),
        (KLSparsity, {"target": 0}),
        (KLSparsity, {"target": 1.5}),
        (Contractive, {"weight": -1}),
        (Contractive, {"probes": 0}),
        (Contractive, {"probes": 2.5}),
    ],
)
def test_impossible_parameters_are_refused(kind, arguments, refused):
    with refused(*map(repr, arguments.values())):
        kind(**arguments)


# L1


def test_l1_is_the_absolute_sum_of_the_code():
    net, x = net_of(L1(0.25), bottleneck=Deterministic()), rows()
    assert torch.allclose(value(net, x), 0.25 * net.encode(x).mean.abs().sum(1))


# KLSparsity


def test_kl_sparsity_of_the_lecture_notes():
    """Every unit at ½, target .05."""
    net = net_of(KLSparsity(1.0, 0.05))
    net.bottleneck.project.linear.weight.data.zero_()
    assert float(value(net, rows()).detach()) == pytest.approx(LATENT * 0.494631937, abs=1e-8)


def test_kl_sparsity_is_nothing_at_its_target():
    net = net_of(KLSparsity(1.0, 0.2))
    net.bottleneck.project.linear.weight.data.zero_()
    net.bottleneck.project.linear.bias.data.fill_(math.log(0.2 / 0.8))
    assert float(value(net, rows()).detach()) == pytest.approx(0, abs=1e-12)


def test_kl_sparsity_needs_codes_in_the_unit_interval(refused):
    with refused("Deterministic", "activation='sigmoid'"):
        net_of(KLSparsity(), bottleneck=Deterministic("relu"))


# Contractive


@pytest.mark.parametrize("activation", [None, *ACTIVATIONS])
def test_contractive_closed_form_is_the_jacobian(activation):
    net, x = net_of(Contractive(1.0), hidden=(), bottleneck=Deterministic(activation)), rows()
    assert net.encoder_is_identity, "else the closed form is not what is tested"
    assert torch.allclose(value(net, x), jacobian_norms(net, x), rtol=0, atol=1e-10)


def test_contractive_sigmoid_layer_of_the_paper():
    net, x = net_of(Contractive(1.0), hidden=()), rows()
    h = net.encode(x).mean
    w = net.bottleneck.project.linear.weight
    assert torch.allclose(value(net, x), (h * (1 - h)).square() @ w.square().sum(1), rtol=0, atol=1e-12)


@pytest.mark.parametrize("bottleneck", [Deterministic("sigmoid"), Deterministic(), Gaussian()], ids=repr)
@pytest.mark.parametrize("hidden", [(), (6,), (6, 3)])
def test_contractive_exact_is_the_jacobian(hidden, bottleneck):
    net, x = net_of(Contractive(1.0), hidden, bottleneck), rows()
    assert torch.allclose(value(net, x, generator(0)), jacobian_norms(net, x), rtol=0, atol=1e-10)


def test_contractive_looks_at_what_the_encoder_saw():
    net, x = net_of(Contractive(1.0)), rows()
    corrupted = x + 1
    got = net.penalties[0](net, net(x, x_in=corrupted))
    assert torch.allclose(got, jacobian_norms(net, corrupted), rtol=0, atol=1e-10)


@given(hidden=st.sampled_from([(), (3,), (6, 3)]), n=st.integers(1, 3))
def test_contractive_probes_over_all_signs_are_exact(hidden, n):
    """The mean over all 2^L directions is ‖J‖²: the estimator has no bias at all."""
    signs = torch.tensor(list(itertools.product([0.0, 1.0], repeat=LATENT)), dtype=torch.float64)
    net, x = net_of(Contractive(1.0, probes=len(signs)), hidden), rows(n)
    with pytest.MonkeyPatch.context() as patch:
        bits = signs[:, None, :].expand(-1, n, -1)
        patch.setattr(torch.Tensor, "bernoulli_", lambda tensor, p, generator: tensor.copy_(bits))
        got = value(net, x)
    assert torch.allclose(got, jacobian_norms(net, x), rtol=0, atol=1e-10)


def test_contractive_probes_are_unbiased():
    net, x = net_of(Contractive(1.0, probes=1)), rows(1)
    draws = value(net, x.expand(20_000, -1), generator(0)).detach()
    error = float(draws.std()) / math.sqrt(len(draws))
    assert float(draws.mean()) == pytest.approx(float(jacobian_norms(net, x)), abs=4 * error)
    assert float(draws.std()) > 0, "one probe is a guess"


def test_contractive_estimate_sharpens_with_more_probes():
    x = rows(1).expand(2000, -1)
    spreads = [
        float(value(net_of(Contractive(1.0, probes=m)), x, generator(0)).detach().std()) for m in (1, 16)
    ]
    assert spreads[1] == pytest.approx(spreads[0] / 4, rel=0.15)

"""One table for every backbone, then what is particular to each."""

import copy
import pickle

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from narrows import backbones, bottlenecks, inputs, likelihoods
from narrows.backbones import (
    MLP,
    Alternating,
    Concrete,
    Conv1d,
    Conv2d,
    Dense,
    ItemItem,
    Modules,
    Principal,
    Recurrent,
    Residual,
    Spectral,
)
from narrows.contracts import Shapes
from narrows.net import Net
from narrows.numerics import ACTIVATIONS, generator, seeded
from narrows.spec import Spec
from narrows.training.settings import depth

TABLE = [
    (MLP(hidden=()), (6,)),
    (MLP(), (6,)),
    (MLP(hidden=(5, 4, 3), activation="tanh", dropout=0.5), (1, 3, 2)),
    (MLP(hidden=(5,), tied=True), (6,)),
    (MLP(hidden=(), tied=True), (3, 2, 1)),
    (Conv2d(), (1, 8, 8)),
    (Conv2d(channels=(3,), resample="pool", activation="gelu"), (3, 5, 7)),
    (Conv2d(channels=(2, 3, 4), kernel=5, dropout=0.5), (4, 9, 6)),
    (Conv1d(), (1, 16)),
    (Conv1d(channels=(2, 3, 4), kernel=3, activation="gelu", dropout=0.5), (3, 11)),
    (Recurrent(), (2, 9)),
    (Recurrent(hidden=5, layers=2, cell="lstm", bidirectional=False), (1, 6)),
    (Residual(4, 3), (3, 5, 6)),
    (Residual(4, 4, kernel=5, dilations=(1, 2), fold=3, activation="gelu", told=True), (2, 11)),
    (Residual(3, 2), (1, 2, 2)),
    (Spectral(frame=8, channels=4, layers=3, kernel=3), (2, 21)),
    (Concrete(), (6,)),
    (Concrete(hidden=(), start=2.0), (1, 3, 2)),
    (Dense(width=5, layers=3), (6,)),
    (Dense(width=4, layers=1, activation="tanh"), (1, 3, 2)),
    (Alternating(Dense(width=5, layers=2)), (6,)),
    (Alternating(Conv1d(), dropout=0.2), (1, 16)),
    (ItemItem(network=MLP((5,))), (6,)),
    (Principal(), (6,)),
    (Principal(hidden=(), activation="relu"), (1, 3, 2)),
    (Modules(nn.Linear(6, 5), nn.Linear(3, 6)), (6,)),
    (Modules(nn.Linear(6, 3), nn.Linear(3, 6)), (6,)),
    (Modules(nn.Sequential(nn.Flatten(), nn.Linear(12, 4)), nn.Sequential(nn.Linear(3, 12))), (3, 2, 2)),
]
LATENT = 3


def net_of(part, row, latent_dim=LATENT, dtype=torch.float32):
    kind = {1: inputs.Vectors(), 2: inputs.Signals(), 3: inputs.Images()}[len(row)]
    spec = Spec.resolved(kind, None, part, None, None, ())
    with seeded(0):
        return Net(spec, Shapes(row=row, latent_dim=latent_dim)).to(dtype)


def rows(n, row, dtype=torch.float32):
    return torch.randn(n, *row, generator=generator(1), dtype=dtype)


every = pytest.mark.parametrize(("part", "row"), TABLE, ids=lambda value: repr(value)[:40])


def test_every_backbone_is_in_the_table():
    assert {type(part).__name__ for part, _ in TABLE} == set(backbones.__all__)


@every
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("n", [1, 2, 7])
def test_rows_come_back_in_their_shape(part, row, n, dtype):
    net = net_of(part, row, dtype=dtype)
    out = net(rows(n, row, dtype)).out
    assert (out.shape, out.dtype) == ((n, *row), dtype)
    assert net.encoder(rows(n, row, dtype)).shape == (n, *net.shapes.hidden)


@every
def test_without_a_generator_nothing_is_random(part, row):
    net, x = net_of(part, row).train(), rows(5, row)
    assert torch.equal(net(x).out, net(x).out)
    assert torch.equal(net(x).out, net.eval()(x).out)


@every
def test_dropout_comes_from_its_generator_alone(part, row):
    net, x = net_of(part, row), rows(5, row)
    before = torch.get_rng_state()
    first, again, other = (net(x, dropout=generator(seed)).out for seed in (1, 1, 2))
    assert torch.equal(before, torch.get_rng_state())
    assert torch.equal(first, again)
    random = getattr(part, "dropout", 0) or isinstance(part, Concrete)
    assert torch.equal(first, other) == (not random)
    assert torch.equal(net(x).out, net(x).out), "and is gone afterwards"


@every
def test_every_weight_is_reached_by_the_gradient(part, row):
    net = net_of(part, row)
    for parameter in net.parameters():  # branches that start at zero have left it after a step
        if not parameter.any():
            nn.init.constant_(parameter, 0.1)
    # Columns are picked for good unless there is noise.
    out = net(rows(20, row), dropout=generator(2) if isinstance(part, Concrete) else None).out
    net.likelihood.nll(out, rows(20, row)).sum().backward()
    for name, parameter in net.named_parameters():
        assert parameter.grad is not None and parameter.grad.abs().sum() > 0, name


@every
def test_same_seed_same_weights(part, row):
    first, again = (net_of(part, row).state_dict() for _ in range(2))
    assert all(torch.equal(first[name], again[name]) for name in first)


@every
def test_copies_answer_alike(part, row):
    net, x = net_of(part, row), rows(3, row)
    expected = net(x).out
    for copied in (copy.deepcopy(net), pickle.loads(pickle.dumps(net))):
        assert torch.equal(copied(x).out, expected)
        for parameter in net.parameters():
            parameter.data += 0  # the original stays where it is …
        for parameter in copied.parameters():
            parameter.data += 1
        assert torch.equal(net(x).out, expected), "… and a copy shares nothing with it"


# MLP


def test_mlp_is_its_layers():
    widths = [
        tuple(p.shape) for name, p in net_of(MLP(hidden=(5, 4)), (6,)).named_parameters() if "weight" in name
    ]
    assert sorted(widths) == sorted([(5, 6), (4, 5), (3, 4), (4, 3), (5, 4), (6, 5)])


def test_mlp_without_hidden_layers_is_linear():
    net = net_of(MLP(hidden=()), (6,), dtype=torch.float64)
    x, y = rows(4, (6,), torch.float64), rows(4, (6,), torch.float64) ** 2
    assert net.encoder_is_identity
    assert torch.allclose(net(x + y).out + net(0 * x).out, net(x).out + net(y).out)


@pytest.mark.parametrize("hidden", [(), (5,), (5, 4)])
def test_tied_weights_are_one_and_the_same(hidden):
    net, free = (net_of(MLP(hidden=hidden, tied=tied), (6,)) for tied in (True, False))
    matrices = [p for p in net.parameters() if p.ndim == 2]
    assert 2 * len(matrices) == sum(p.ndim == 2 for p in free.parameters())
    assert not any("decoder" in name and "weight" in name for name in net.state_dict())
    with torch.no_grad():
        x = rows(4, (6,))
        before = net.decode(x[:, :3])
        net.bottleneck.project.linear.weight.mul_(2)
        assert not torch.equal(net.decode(x[:, :3]), before), "the decoder reads the encoder's weights"


def test_tied_linear_decoder_is_the_transpose():
    net = net_of(MLP(hidden=(), tied=True), (6,))
    z = rows(4, (LATENT,))
    assert torch.allclose(net.decode(z), z @ net.bottleneck.project.linear.weight + net.decoder.biases[0])


def test_tied_weights_get_both_gradients():
    net, x = net_of(MLP(hidden=(), tied=True), (6,), dtype=torch.float64), rows(4, (6,), torch.float64)
    weight = net.bottleneck.project.linear.weight
    net(x).out.square().sum().backward()
    w = weight.detach().clone().requires_grad_()
    (x @ w.T @ w).square().sum().backward()
    assert torch.allclose(weight.grad, w.grad)


def test_copied_ties_stay_tied():
    net = net_of(MLP(hidden=(5,), tied=True), (6,))
    for copied in (copy.deepcopy(net), pickle.loads(pickle.dumps(net))):
        assert copied.decoder._mirrored[0] is copied.bottleneck.project.linear
        assert copied.decoder._mirrored[0] is not net.bottleneck.project.linear
        assert list(copied.state_dict()) == list(net.state_dict())


def test_tied_weights_need_a_mirror(refused):
    with refused("(6,)", "tied=False"):
        MLP(tied=True).build(Shapes(row=(6,), latent_dim=2, input=(6,), channels=2))


def test_mlp_decoder_takes_a_side_input():
    shapes = Shapes(row=(6,), latent_dim=2, input=(6,), code=(2,), side=(4,))
    _, decoder = MLP(hidden=(5,)).build(shapes)
    z, side = rows(3, (2,)), rows(3, (4,))
    assert decoder(z, side).shape == (3, 6)
    assert not torch.equal(decoder(z, side), decoder(z, side + 1))


def test_mlp_widens_its_output_by_the_channels():
    _, decoder = MLP(hidden=()).build(Shapes(row=(6,), latent_dim=2, input=(6,), code=(2,), channels=3))
    assert decoder(rows(3, (2,))).shape == (3, 18)


@pytest.mark.parametrize(
    ("arguments", "given"),
    [
        ({"hidden": (0,)}, "(0,)"),
        ({"hidden": (3, "4")}, "'4'"),
        ({"hidden": (2.5,)}, "2.5"),
        ({"activation": "rleu"}, "'rleu'"),
        ({"dropout": 1.0}, "1.0"),
        ({"dropout": -0.1}, "-0.1"),
        ({"input_dropout": 1.0}, "1.0"),
        ({"input_dropout": -0.1}, "-0.1"),
    ],
)
def test_mlp_refuses_what_cannot_be_built(arguments, given, refused):
    with refused(given):
        MLP(**arguments)


def test_mlp_drops_what_goes_in():
    """The rest is scaled up, and without hidden layers, too."""
    net, x = net_of(MLP(hidden=(), input_dropout=0.25), (6,)), torch.ones(4000, 6)
    assert not net.encoder_is_identity and torch.equal(net.encoder(x), x)
    net.encoder.layers[1].gen = generator(0)
    y = net.encoder(x)
    assert set(y.unique().tolist()) == {0.0, torch.tensor(1 / 0.75).item()}
    assert float((y == 0).float().mean()) == pytest.approx(0.25, abs=0.015)
    assert torch.equal(net(rows(5, (6,))).out, net(rows(5, (6,))).out), "in training alone"


@pytest.mark.parametrize("share", [0.0, 0.1, 1.0])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_mlp_passes_over_zeros(share, dtype):
    """It is the dense layer, with its gradients, on rows with few entries, with none, and with all."""
    x = rows(7, (30,)).to(dtype) * (torch.rand(7, 30, generator=generator(1)) < share)
    x[3] = 0
    nets = [net_of(MLP((6, 4), "tanh", sparse=sparse), (30,)).to(dtype) for sparse in (False, True)]
    dense, sparse = (net.encoder.layers for net in nets)
    assert torch.equal(sparse[1].weight, dense[1].weight.T), "it starts where the other does"
    found = []
    for net in nets:
        h = net.encoder(x)
        grads = torch.autograd.grad(h.square().sum(), list(net.encoder.parameters()))
        found.append([h, grads[0].T if net is nets[0] else grads[0], *grads[1:]])
    for a, b in zip(*found, strict=True):
        torch.testing.assert_close(a, b)
    slopes = []
    for net in nets:
        asked = x.clone().requires_grad_()
        slopes.append(torch.autograd.grad(net.encoder(asked).sum(), asked)[0])
    torch.testing.assert_close(*slopes)  # of zeros, too
    assert slopes[0][x == 0].any()


def test_mlp_drops_what_is_there():
    net, x = net_of(MLP((3,), "relu", input_dropout=0.25, sparse=True), (6,)), torch.zeros(4000, 6)
    x[:, 2] = 2.0
    with torch.no_grad():
        net.encoder.layers[1].weight.fill_(1.0)
    assert torch.equal(net.encoder(x), torch.full((4000, 3), 2.0))
    assert torch.equal(net.encoder(x[:0]), torch.empty(0, 3))
    net.encoder.layers[1].dropout.gen = generator(0)
    y = net.encoder(x)[:, 0]
    assert set(y.unique().tolist()) == {0.0, torch.tensor(2 / 0.75).item()}
    assert float((y == 0).float().mean()) == pytest.approx(0.25, abs=0.02)


def test_mlp_passes_over_zeros_with_dropout_and_as_many_layers():
    dense, sparse = (net_of(MLP((6, 4), dropout=0.3, sparse=sparse), (30,)) for sparse in (False, True))
    kinds = [[type(m).__name__ for m in net.encoder.layers] for net in (dense, sparse)]
    assert kinds[1] == ["SparseLinear" if i == 1 else name for i, name in enumerate(kinds[0])]
    assert kinds[0].count("Dropout") == 2 and depth(dense) == depth(sparse)


@pytest.mark.parametrize("arguments", [{"hidden": ()}, {"hidden": (4,), "tied": True}])
def test_mlp_passes_over_zeros_in_a_layer_of_its_own(arguments, refused):
    with refused("sparse=True", "tied=False"):
        MLP(**arguments, sparse=True)


def test_mlp_takes_one_width_bare():
    assert MLP(hidden=5) == MLP(hidden=(5,)) == MLP(hidden=[5])


# Conv2d


@pytest.mark.parametrize("resample", ["stride", "pool"])
@given(
    height=st.integers(1, 17),
    width=st.integers(1, 17),
    channels=st.sampled_from([1, 3, 4]),
    depth=st.integers(1, 5),
    kernel=st.sampled_from([3, 5]),
)
def test_conv2d_brings_any_size_back(resample, height, width, channels, depth, kernel):
    part, row = Conv2d(channels=(2,) * depth, resample=resample, kernel=kernel), (channels, height, width)
    assert net_of(part, row)(rows(2, row)).out.shape == (2, *row)


@pytest.mark.parametrize("resample", ["stride", "pool"])
def test_conv2d_halves_height_and_width_per_block(resample):
    net = net_of(Conv2d(channels=(4, 6), resample=resample), (1, 28, 13))
    assert net.shapes.hidden == (6, 7, 4)


def test_conv2d_is_translation_equivariant_inside():
    encoder, _ = Conv2d(channels=(4,)).build(
        Shapes(row=(1, 16, 16), latent_dim=2, input=(1, 16, 16), code=(2,))
    )
    x = torch.zeros(1, 1, 16, 16)
    x[..., 6, 6] = 1.0
    moved = torch.roll(x, (2, 2), (2, 3))
    assert torch.allclose(torch.roll(encoder(x), (1, 1), (2, 3)), encoder(moved), atol=1e-6)


@pytest.mark.parametrize("shape", [(64,), (4, 4), (1, 2, 3, 4)])
def test_conv2d_refuses_what_is_not_an_image(shape, refused):
    with refused(str(shape), "MLP"):
        Conv2d().build(Shapes(row=shape, latent_dim=2, input=shape, code=(2,)))


@pytest.mark.parametrize(
    ("arguments", "given"),
    [
        ({"channels": ()}, "()"),
        ({"channels": (0,)}, "(0,)"),
        ({"resample": "bilinear"}, "'bilinear'"),
        ({"kernel": 4}, "4"),
        ({"kernel": 1}, "1"),
        ({"dropout": 1}, "1"),
        ({"activation": "rleu"}, "'rleu'"),
    ],
)
def test_conv2d_refuses_what_cannot_be_built(arguments, given, refused):
    with refused(given):
        Conv2d(**arguments)


# Modules


def test_modules_are_copied():
    encoder = nn.Linear(6, 3)
    net = net_of(Modules(encoder, nn.Linear(3, 6)), (6,))
    net.encoder.module.weight.data.zero_()
    assert encoder.weight.abs().sum() > 0


def test_modules_that_emit_codes_get_no_further_layer():
    assert not list(net_of(Modules(nn.Linear(6, 3), nn.Linear(3, 6)), (6,)).bottleneck.parameters())
    assert len(list(net_of(Modules(nn.Linear(6, 5), nn.Linear(3, 6)), (6,)).bottleneck.parameters())) == 2


def test_modules_start_from_the_weights_they_hold():
    encoder, decoder = nn.Linear(6, 3), nn.Linear(3, 6)
    x = rows(4, (6,))
    assert torch.allclose(net_of(Modules(encoder, decoder), (6,))(x).out, decoder(encoder(x)))


def test_modules_are_not_disturbed_by_being_measured():
    encoder = nn.Sequential(nn.Linear(6, 3), nn.BatchNorm1d(3)).train()
    net_of(Modules(encoder, nn.Linear(3, 6)), (6,))
    assert encoder.training and int(encoder[1].num_batches_tracked) == 0


@pytest.mark.parametrize(
    ("encoder", "decoder", "given"),
    [
        (nn.Linear(5, 3), nn.Linear(3, 6), "encoder"),
        (nn.Linear(6, 3), nn.Linear(4, 6), "decoder"),
        (nn.Linear(6, 3), nn.Linear(3, 7), "7 numbers"),
        (nn.Conv2d(1, 2, 3), nn.Linear(3, 6), "encoder"),
    ],
)
def test_modules_of_the_wrong_size_are_refused(encoder, decoder, given, refused):
    with refused(given):
        net_of(Modules(encoder, decoder), (6,))


def test_modules_must_be_modules(refused):
    with refused("function", "backbone=(encoder, decoder)"):
        Modules(nn.Linear(6, 3), lambda z: z)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_every_activation_goes_into_every_network(name):
    for part, row in (
        (MLP(hidden=(4,), activation=name), (6,)),
        (Conv2d(channels=(2,), activation=name), (1, 6, 6)),
        (Conv1d(channels=(2,), activation=name), (1, 6)),
    ):
        assert net_of(part, row)(rows(2, row)).out.isfinite().all()


def test_wide_likelihoods_and_codes_fit_every_network():
    """What the rooms promise one another: any hidden shape goes into any bottleneck, and back."""
    for name in bottlenecks.__all__:
        spec = Spec.resolved(
            inputs.Images(), None, Conv2d(channels=(2,)), name, likelihoods.Normal("feature"), ()
        )
        assert Net(spec, Shapes(row=(3, 4, 5), latent_dim=2))(rows(2, (3, 4, 5))).out.shape == (2, 3, 4, 5)

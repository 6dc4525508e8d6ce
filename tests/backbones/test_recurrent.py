"""Recurrent networks: shapes, what they compute, what they refuse."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from narrows import inputs
from narrows.backbones import Recurrent
from narrows.backbones.recurrent import places
from narrows.contracts import Batch, Shapes
from narrows.engine.machine import Pace
from narrows.engine.steps import Plain, Replayed
from narrows.net import Net
from narrows.numerics import generator, seeded
from narrows.spec import Spec


def built(part, row, channels=1, side=None):
    shapes = Shapes(row=row, latent_dim=3, input=row, code=(3,), channels=channels, side=side)
    with seeded(0):
        return part.build(shapes)


def rows(n, *row):
    return torch.randn(n, *row, generator=generator(1))


@settings(max_examples=30)
@given(
    time=st.integers(1, 12),
    channels=st.integers(1, 4),
    layers=st.integers(1, 3),
    cell=st.sampled_from(["gru", "lstm"]),
    bidirectional=st.booleans(),
)
def test_any_length_comes_back(time, channels, layers, cell, bidirectional):
    encoder, decoder = built(Recurrent(5, layers, cell, bidirectional), (channels, time))
    h = encoder(rows(2, channels, time))
    assert h.shape == (2, *encoder.hidden) == (2, 10 if bidirectional else 5)
    out = decoder(rows(2, 3))
    assert out.shape == (2, channels, time) and out.is_contiguous()


@pytest.mark.parametrize("cell", ["gru", "lstm"])
def test_the_encoder_keeps_the_last_state_of_each_direction(cell):
    encoder, _ = built(Recurrent(5, 2, cell), (3, 7))
    x = rows(4, 3, 7)
    states = encoder.recurrent(x.permute(2, 0, 1))[0]  # (time, batch, both directions)
    expected = torch.cat([states[-1, :, :5], states[0, :, 5:]], 1)
    assert torch.allclose(encoder(x), expected, atol=1e-6)


def test_one_direction_reads_from_the_first_sample_to_the_last():
    encoder, _ = built(Recurrent(5, bidirectional=False), (1, 6))
    x, cell = rows(2, 1, 6), encoder.recurrent
    h = torch.zeros(2, 5)
    for t in range(6):
        a = x[:, :, t] @ cell.weight_ih_l0.T + cell.bias_ih_l0
        b = h @ cell.weight_hh_l0.T + cell.bias_hh_l0
        (r1, z1, n1), (r2, z2, n2) = a.chunk(3, 1), b.chunk(3, 1)
        z = (z1 + z2).sigmoid()
        h = (1 - z) * (n1 + (r1 + r2).sigmoid() * n2).tanh() + z * h  # Cho et al. 2014, equations 5 to 8
    assert torch.allclose(encoder(x), h, atol=1e-6)


def test_the_code_reaches_every_sample_and_every_place_has_its_own():
    _, decoder = built(Recurrent(8, bidirectional=False), (1, 30))
    z = rows(1, 3).requires_grad_()
    out = decoder(z)[0, 0]
    assert len(set(out.tolist())) == 30
    for t in (0, 15, 29):
        assert torch.autograd.grad(out[t], z, retain_graph=True)[0].abs().max() > 0


@pytest.mark.parametrize("time", [1, 2, 3, 50, 5000])
def test_places_differ(time):
    found = places(time)
    assert found.shape == (time, 16) and found.abs().max() <= 1
    if time > 1:
        apart = torch.cdist(found[:200], found[:200]) + 9 * torch.eye(min(time, 200))
        assert apart.min() > 0.1


def test_it_starts_at_a_level_for_each_channel():
    _, decoder = built(Recurrent(4), (2, 9), channels=2)
    for p in decoder.parameters():
        p.data.zero_()
    with torch.no_grad():
        decoder.start(torch.tensor([5.0, -1.0]))
    assert decoder(rows(3, 3))[2, :, 4].tolist() == [5, -1, 5, -1]


def test_first_weights_keep_the_length_of_states():
    encoder, _ = built(Recurrent(6, cell="lstm", bidirectional=False), (2, 5))
    for gate in encoder.recurrent.weight_hh_l0.split(6):
        assert torch.allclose(gate @ gate.T, torch.eye(6), atol=1e-5)
    assert encoder.recurrent.bias_ih_l0.tolist() == [0.0] * 6 + [1.0] * 6 + [0.0] * 12
    assert not encoder.recurrent.bias_hh_l0.any()


@pytest.mark.parametrize("cell", ["gru", "lstm"])
def test_training_steps_run_as_they_read(cell):
    spec = Spec.resolved(inputs.Signals(), None, Recurrent(4, cell=cell), None, None, ())
    with seeded(0):
        net = Net(spec, Shapes(row=(2, 6), latent_dim=3))
    plain = Plain(net, generator(0))
    replayed = Replayed(plain, Pace(1))
    for seed in range(3):
        batch = Batch(torch.randn(5, 2, 6, generator=generator(seed)))
        values, grads = plain(batch)
        values, grads = values.clone(), [g.clone() for g in grads]
        got, others = replayed(batch)
        assert torch.equal(values, got) and all(map(torch.equal, grads, others))
    assert not replayed.programs


def test_it_is_built_of_torchs_own_layers():
    assert isinstance(built(Recurrent(cell="gru"), (1, 4))[0].recurrent, nn.GRU)
    assert isinstance(built(Recurrent(cell="lstm"), (1, 4))[1].recurrent, nn.LSTM)


@pytest.mark.parametrize("shape", [(64,), (1, 4, 4)])
def test_what_is_not_a_signal_is_refused(shape, refused):
    with refused(str(shape), "input=Signals(window=…)"):
        built(Recurrent(), shape)


def test_a_side_input_is_refused(refused):
    with refused("side input", "MLP"):
        built(Recurrent(), (1, 8), side=(4,))


@pytest.mark.parametrize(
    ("arguments", "given"),
    [
        ({"hidden": 0}, "0"),
        ({"hidden": 2.5}, "2.5"),
        ({"layers": 0}, "0"),
        ({"layers": True}, "True"),
        ({"cell": "rnn"}, "'rnn'"),
        ({"bidirectional": "yes"}, "'yes'"),
    ],
)
def test_what_cannot_be_built_is_refused(arguments, given, refused):
    with refused(given):
        Recurrent(**arguments)

"""Convolutions along time: sizes, what they compute, what they refuse."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from narrows.backbones import Conv1d, Conv2d
from narrows.contracts import Shapes
from narrows.numerics import generator, seeded


def built(part, row, code=(3,), channels=1, side=None):
    shapes = Shapes(row=row, latent_dim=3, input=row, code=code, channels=channels, side=side)
    with seeded(0):
        return part.build(shapes)


def rows(n, *row):
    return torch.randn(n, *row, generator=generator(1))


@given(
    time=st.integers(1, 40),
    channels=st.integers(1, 5),
    depth=st.integers(1, 5),
    kernel=st.sampled_from([3, 5, 7]),
)
def test_any_length_comes_back(time, channels, depth, kernel):
    encoder, decoder = built(Conv1d((2,) * depth, kernel=kernel), (channels, time))
    h = encoder(rows(2, channels, time))
    assert h.shape == (2, *encoder.hidden) and encoder.hidden == (2, -(-time // 2**depth))
    assert decoder(rows(2, 3)).shape == (2, channels, time)


def test_the_output_widens_by_the_likelihoods_channels():
    _, decoder = built(Conv1d((4,)), (3, 9), channels=2)
    assert decoder(rows(5, 3)).shape == (5, 6, 9)


def test_it_starts_at_a_level_for_each_channel():
    _, decoder = built(Conv1d((4,)), (2, 9), channels=2)
    for p in decoder.parameters():
        p.data.zero_()
    with torch.no_grad():
        decoder.start(torch.tensor([5.0, -1.0]))
    assert decoder(rows(3, 3))[2, :, 4].tolist() == [5, -1, 5, -1]


def test_conv1d_is_conv2d_along_one_line():
    line, plane = (
        built(part, row)[0] for part, row in ((Conv1d((4,)), (3, 17)), (Conv2d((4,), kernel=7), (3, 17, 1)))
    )
    with torch.no_grad():
        plane.layers[0].weight.zero_()
        plane.layers[0].weight[..., 3].copy_(line.layers[0].weight)
        x = rows(2, 3, 17)
        assert torch.allclose(line(x), plane(x[..., None])[..., 0], atol=1e-6)


def test_conv1d_is_translation_equivariant_inside():
    encoder, _ = built(Conv1d((4,)), (1, 40))
    x = torch.zeros(1, 1, 40)
    x[..., 16] = 1.0
    moved = torch.roll(x, 4, 2)
    assert torch.allclose(torch.roll(encoder(x), 2, 2), encoder(moved), atol=1e-6)


def test_it_takes_one_width_bare():
    assert Conv1d(channels=8) == Conv1d(channels=(8,)) == Conv1d(channels=[8])


@pytest.mark.parametrize("shape", [(64,), (1, 4, 4)])
def test_what_is_not_a_signal_is_refused(shape, refused):
    with refused(str(shape), "input=Signals(window=…)"):
        built(Conv1d(), shape)


def test_a_side_input_is_refused(refused):
    with refused("side input", "MLP"):
        built(Conv1d(), (1, 8), side=(4,))


@pytest.mark.parametrize(
    ("arguments", "given"),
    [
        ({"channels": ()}, "()"),
        ({"channels": (0,)}, "(0,)"),
        ({"kernel": 4}, "4"),
        ({"kernel": 1}, "1"),
        ({"dropout": 1}, "1"),
        ({"activation": "rleu"}, "'rleu'"),
    ],
)
def test_what_cannot_be_built_is_refused(arguments, given, refused):
    with refused(given):
        Conv1d(**arguments)

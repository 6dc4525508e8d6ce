"""Densely connected layers: the equation, and what it reduces to."""

import pytest
import torch
from torch.nn.functional import layer_norm, silu

from narrows.backbones import MLP, Dense
from narrows.contracts import Shapes
from narrows.numerics import generator, seeded

SHAPES = Shapes(row=(6,), latent_dim=2, input=(6,), code=(2,))


def built(part):
    with seeded(0):
        encoder, decoder = part.build(SHAPES)
        with torch.no_grad():
            for p in encoder.parameters():
                p += 0.1 * torch.randn(p.shape)
    return encoder.double(), decoder.double()


def test_every_layer_sees_the_sum_of_those_before():
    encoder, _ = built(Dense(width=5, layers=4))
    x = torch.randn(3, 6, generator=generator(0), dtype=torch.float64)
    w, n = encoder.layers, encoder.norms

    def norm(i, a):
        return layer_norm(silu(a), (5,), n[i].weight, n[i].bias, eps=0.1)

    h1 = norm(0, w[0](x))
    h2 = norm(1, w[1](h1) + h1)
    h3 = norm(2, w[2](h2) + h1 + h2)
    h4 = norm(3, w[3](h3) + h1 + h2 + h3)
    assert torch.allclose(encoder(x), h4)
    assert encoder.hidden == (5,) and encoder(x).shape == (3, 5)


def test_the_decoder_is_linear():
    _, decoder = built(Dense(width=5))
    _, linear = built(MLP(()))
    shapes = [[p.shape for p in d.parameters()] for d in (decoder, linear)]
    assert shapes[0] == shapes[1] and len(shapes[0]) == 2


def test_gradients_are_those_of_finite_differences():
    encoder, _ = built(Dense(width=3, layers=3))
    x = torch.randn(2, 6, generator=generator(0), dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(encoder, x)


@pytest.mark.parametrize(
    ("arguments", "given"),
    [({"width": 0}, "width=0"), ({"layers": 1.5}, "layers=1.5"), ({"activation": "swich"}, "'swich'")],
)
def test_what_cannot_be_built_is_refused(arguments, given, refused):
    with refused(given):
        Dense(**arguments)

"""Strided convolutions as products of matrices: what the library's kernels give."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from narrows.backbones import _convolution
from narrows.backbones._convolution import Grid, RowsInside, Strided, Transposed, half, quick, rows_inside

sizes = st.integers(1, 9)
layers = st.tuples(
    st.sampled_from([Strided, Transposed]),
    st.integers(1, 3),
    st.integers(1, 3),
    st.sampled_from([3, 5]),
    st.tuples(sizes, sizes),
)


def built(which, c_in, c_out, kernel, size, rows=4):
    torch.manual_seed(0)
    layer = which(c_in, c_out, kernel, size).double()
    shape = size if which is Strided else half(size)
    return layer, torch.randn(rows, c_in, *shape, dtype=torch.float64)


def libraries(layer, x):
    return (torch.nn.Conv2d if isinstance(layer, Strided) else torch.nn.ConvTranspose2d).forward(layer, x)


@settings(max_examples=80, deadline=None)
@given(layers, st.booleans())
def test_values_and_gradients_are_those_of_the_library(what, inside):
    layer, x = built(*what)
    x = (rows_inside(x) if inside else x).detach().requires_grad_()
    assert quick(layer, x)
    y, wanted = layer(x), libraries(layer, x)
    assert y.shape == wanted.shape
    torch.testing.assert_close(y, wanted)
    upstream = torch.randn_like(wanted)
    leaves = [x, layer.weight, layer.bias]
    torch.testing.assert_close(
        torch.autograd.grad(y, leaves, upstream), torch.autograd.grad(wanted, leaves, upstream)
    )


@pytest.mark.parametrize("which", [Strided, Transposed])
def test_gradcheck_twice(which):
    layer, x = built(which, 2, 3, 3, (5, 4), rows=2)

    def f(x, w, b):
        return torch.func.functional_call(layer, {"weight": w, "bias": b}, (x,))

    leaves = [
        x.requires_grad_(),
        layer.weight.detach().requires_grad_(),
        layer.bias.detach().requires_grad_(),
    ]
    assert torch.autograd.gradcheck(f, leaves)
    assert torch.autograd.gradgradcheck(f, leaves)


@pytest.mark.parametrize("which", [Strided, Transposed])
def test_members_side_by_side(which):
    layer, x = built(which, 2, 3, 3, (5, 4))
    w = torch.randn(6, *layer.weight.shape, dtype=torch.float64, requires_grad=True)
    b = torch.randn(6, *layer.bias.shape, dtype=torch.float64, requires_grad=True)

    def f(w, b):
        return torch.func.functional_call(layer, {"weight": w, "bias": b}, (x,))

    got, wanted = torch.func.vmap(f)(w, b), torch.stack([f(*both) for both in zip(w, b, strict=True)])
    torch.testing.assert_close(got, wanted)
    torch.testing.assert_close(
        torch.autograd.grad(got.square().sum(), [w, b]), torch.autograd.grad(wanted.square().sum(), [w, b])
    )


def test_only_in_training_and_on_small_maps(monkeypatch):
    layer, x = built(Strided, 1, 2, 3, (6, 6))
    assert quick(layer, x) and not quick(torch.nn.Linear(1, 1), x)
    with torch.no_grad():
        assert not quick(layer, x)
        assert layer(x).is_contiguous()
    monkeypatch.setattr(_convolution, "MOST_COPIES", layer.grid.copies(len(x)) - 1)
    assert not quick(layer, x)
    assert Grid(1, (6, 6), (3, 3), 3, 2, 1).copies(4) == 4 * 9 * 9


def test_layout_of_a_gradient():
    h = torch.randn(3, 2, 4, 4, requires_grad=True)
    y = rows_inside(h)
    assert torch.equal(y, h) and y.stride(0) == 1
    (grad,) = torch.autograd.grad(RowsInside.apply(y), y, torch.ones(3, 2, 4, 4))
    assert torch.equal(grad, torch.ones_like(h)) and grad.stride(0) == 1

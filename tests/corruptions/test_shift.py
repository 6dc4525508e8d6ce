import numpy as np
import pytest
import torch

import narrows as nw
from narrows.contracts import Shapes
from narrows.corruptions import Shift
from narrows.net import Net
from narrows.numerics import generator
from narrows.spec import Spec


def built(pixels, row):
    return Shift(pixels).build(Shapes(row=row, latent_dim=2))


def test_every_move_is_made_equally_often_and_the_border_goes_on():
    x = torch.arange(20.0).view(1, 1, 4, 5).repeat(9000, 1, 1, 1)
    y = built(1, (1, 4, 5))(x, generator(0))
    found = {}
    for dy in (-1, 0, 1):
        for dx in (-1, 0, 1):
            rows, columns = (np.arange(4) - dy).clip(0, 3), (np.arange(5) - dx).clip(0, 4)
            moved = x[0, 0][rows][:, columns]
            found[dy, dx] = int((y[:, 0] == moved).flatten(1).all(1).sum())
    assert sum(found.values()) == 9000
    assert all(abs(n - 1000) < 150 for n in found.values()), found


def test_channels_move_together_and_signals_along_time():
    x = torch.rand(50, 3, 11, generator=generator(1))
    y = built(2, (3, 11))(x, generator(0))
    moved = [torch.stack([row.roll(m, -1) for row in x])[..., 2:-2] for m in range(-2, 3)]
    assert all(any(torch.equal(y[i, :, 2:-2], m[i]) for m in moved) for i in range(50))


def test_nothing_moves_by_zero_pixels_and_a_generator_decides():
    x = torch.rand(20, 1, 6, 6, generator=generator(1))
    assert torch.equal(built(0, (1, 6, 6))(x, generator(0)), x)
    shift = built(1, (1, 6, 6))
    assert torch.equal(shift(x, generator(3)), shift(x, generator(3)))


def test_the_target_moves_too():
    shapes = Shapes(row=(1, 6, 6), latent_dim=2)
    parts = {"input": nw.inputs.Images(), "backbone": None, "bottleneck": None, "likelihood": "normal"}
    net = Net(Spec.resolved(**parts, corruption=Shift(1), penalties=()), shapes)
    x = torch.rand(20, 1, 6, 6, generator=generator(1))
    p = net(x, generator(0))
    assert torch.equal(p.x, p.x_in) and not torch.equal(p.x, x)
    still = Net(Spec.resolved(**parts, corruption="gaussian", penalties=()), shapes)(x, generator(0))
    assert torch.equal(still.x, x) and not torch.equal(still.x_in, x)


def test_it_is_learned_that_rows_move():
    """A line of one pixel that is always in one column while training is found beside it, too."""
    X = np.zeros((400, 8, 8), np.float32)
    X[np.arange(400), :, 4] = np.random.default_rng(0).random((400, 1))
    beside = np.roll(X, 1, axis=2)
    common = {"scale": None, "max_epochs": 60, "patience": None, "validation_fraction": 0.0}
    errors = {
        pixels: np.square(
            nw.recipes.undercomplete(4, corruption=Shift(pixels), **common).fit(X).reconstruct(beside)
            - beside
        ).mean()
        for pixels in (0, 1)
    }
    assert errors[1] < 0.2 * errors[0], errors


@pytest.mark.parametrize("pixels", [-1, 0.5, True, "1"])
def test_bad_sizes_are_refused(pixels):
    with pytest.raises(ValueError, match="needs a whole number"):
        Shift(pixels)


def test_columns_are_refused():
    with pytest.raises(ValueError, match="columns have no neighbours"):
        nw.Autoencoder(2, corruption="shift").fit(np.zeros((10, 4)))

import numpy as np
import pytest
import torch

import narrows as nw
from narrows.contracts import Shapes
from narrows.corruptions import Binarise
from narrows.corruptions.binarise import coins
from narrows.net import Net
from narrows.numerics import generator
from narrows.spec import Spec


def built(row, **shapes):
    return Binarise().build(Shapes(row=row, latent_dim=2, **shapes))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_each_number_is_the_probability_of_a_one(dtype):
    p = torch.tensor([0.0, 1 / 255, 0.1, 0.5, 0.9, 254 / 255, 1.0], dtype=dtype).repeat(200_000, 1)
    drawn = coins(p, generator(0))
    assert drawn.dtype == dtype and set(drawn.unique().tolist()) == {0.0, 1.0}
    error = (drawn.mean(0) - p[0]).abs()
    assert (error <= 4.5 * (p[0] * (1 - p[0]) / len(p)).sqrt() + 1e-5).all()
    assert error[0] == error[-1] == 0, "what is certain stays so"


def test_numbers_are_drawn_independently():
    drawn = coins(torch.full((100_000, 9), 0.3), generator(0))
    assert (torch.corrcoef(drawn.T) - torch.eye(9)).abs().max() < 0.015


@pytest.mark.parametrize("row", [(1,), (5,), (1, 7, 6), (3, 4, 4)])
def test_any_shape_and_the_generator_decides(row):
    x = torch.rand(11, *row, generator=generator(1))
    before = x.clone()
    part = built(row)
    y = part(x, generator(2))
    assert y.shape == x.shape and torch.equal(x, before)
    assert torch.equal(y, part(x, generator(2)))


def test_gaps_and_categories_stay():
    x = torch.tensor([[0.5, 2.0, float("nan")]]).repeat(50, 1)
    y = built((3,), levels=(0, 3, 0), missing=True)(x, generator(0))
    assert set(y[:, 0].tolist()) == {0.0, 1.0} and (y[:, 1] == 2).all() and y[:, 2].isnan().all()


def test_the_target_is_what_was_drawn():
    parts = {"input": nw.inputs.Vectors(), "backbone": None, "bottleneck": None, "likelihood": "bernoulli"}
    shapes = Shapes(row=(6,), latent_dim=2)
    net = Net(Spec.resolved(**parts, corruption="binarise", penalties=()), shapes)
    x = torch.rand(20, 6, generator=generator(1))
    p = net(x, generator(0))
    assert torch.equal(p.x, p.x_in) and set(p.x.unique().tolist()) == {0.0, 1.0}
    assert torch.equal(net(x).x, x), "nothing is drawn without noise"


def test_new_rows_are_drawn_at_every_step():
    """Half-grey pixels drawn alike in a row: the model learns that they are, not that they are grey."""
    X = np.full((64, 6), 0.5, np.float32)
    ae = nw.Autoencoder(
        2, scale=None, corruption="binarise", likelihood="bernoulli", max_epochs=1, random_state=0
    ).fit(X)
    assert np.isfinite(ae.history_[-1]["loss"])
    many = [
        nw.Autoencoder(2, scale=None, corruption="binarise", likelihood="bernoulli", max_epochs=2)
        for _ in "ab"
    ]
    codes = [model.fit(X).transform(X[:1]) for model in many]
    assert np.array_equal(*codes), "same seed, same bits"


def test_numbers_that_are_no_probabilities_are_refused(refused):
    with refused("Binarise", "scale='minmax'"):
        nw.Autoencoder(2, scale=None, corruption="binarise").fit(np.arange(40.0).reshape(10, 4))

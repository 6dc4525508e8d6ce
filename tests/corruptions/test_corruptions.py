"""One table for every corruption: a new one is covered by being listed."""

import math

import pytest
import torch

from narrows import corruptions
from narrows.contracts import Shapes
from narrows.numerics import generator
from narrows.sources import Memory

NAMES = [
    name for name in corruptions.__all__ if name not in ("Binarise", "Shift", "Withheld")
]  # tests of their own
TYPED = (0, 3, 0, 2)  # a number, three categories, a number, two categories


def built(name, strength=0.5, row=(4,), dtype=torch.float32, **shapes):
    part = getattr(corruptions, name)(strength)
    return part.build(Shapes(row=row, latent_dim=2, **shapes)).to(dtype)


def rows(n=7, row=(4,), dtype=torch.float32):
    return torch.rand(n, *row, generator=generator(3)).to(dtype) + 1


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("row", [(1,), (4,), (1, 5, 3), (3, 2, 2)])
@pytest.mark.parametrize("n", [1, 2, 7])
@pytest.mark.parametrize("name", NAMES)
def test_shape_and_dtype_are_kept(name, n, row, dtype):
    x = rows(n, row, dtype)
    before = x.clone()
    y = built(name, row=row, dtype=dtype)(x, generator(0))
    assert (y.shape, y.dtype) == (x.shape, x.dtype)
    assert torch.equal(x, before), "a corruption works on a copy"


@pytest.mark.parametrize("name", NAMES)
def test_noise_comes_from_the_generator_alone(name):
    x, corruption = rows(50), built(name)
    first = corruption(x, generator(1))
    corruption.eval()  # the mode never decides
    assert torch.equal(first, corruption(x, generator(1)))
    assert not torch.equal(first, corruption(x, generator(2)))


@pytest.mark.parametrize("name", NAMES)
def test_no_strength_is_no_change(name):
    x = rows()
    assert torch.equal(built(name, 0.0)(x, generator(0)), x)


@pytest.mark.parametrize("name", NAMES)
def test_full_strength_hits_everything(name):
    x = rows()
    assert (built(name, 1.0)(x, generator(0)) != x).all()


@pytest.mark.parametrize("name", ["Masking", "SaltPepper"])
def test_the_share_asked_for_is_hit(name):
    x = rows(5000)
    hit = built(name, 0.2)(x, generator(0)) != x
    assert float(hit.float().mean()) == pytest.approx(0.2, abs=4 * math.sqrt(0.16 / x.numel()))


@pytest.mark.parametrize("name", ["Gaussian", "SaltPepper"])
def test_categories_are_left_alone(name):
    x = torch.tensor([[0.3, 2.0, 0.7, 1.0]]).repeat(200, 1)
    y = built(name, 1.0, levels=TYPED)(x, generator(0))
    assert torch.equal(y[:, [1, 3]], x[:, [1, 3]])
    assert (y[:, [0, 2]] != x[:, [0, 2]]).all()


def test_gaussian_noise_has_its_standard_deviation():
    x = rows(20_000)
    noise = built("Gaussian", 0.4)(x, generator(0)) - x
    assert float(noise.std()) == pytest.approx(0.4, rel=0.02)
    assert float(noise.mean()) == pytest.approx(0, abs=4 * 0.4 / math.sqrt(x.numel()))


def test_gaussian_noise_keeps_gaps():
    x = torch.tensor([[float("nan"), 1.0, 2.0, 3.0]])
    assert built("Gaussian", missing=True)(x, generator(0)).isnan().tolist() == [[True, False, False, False]]


def test_masking_writes_zero_or_missing():
    x = rows(100)
    zeros = built("Masking")(x, generator(0))
    gaps = built("Masking", missing=True)(x, generator(0))
    assert set(zeros[zeros != x].tolist()) == {0.0}
    assert gaps[gaps != x].isnan().all()
    assert torch.equal(gaps.isnan(), zeros == 0)


def test_salt_and_pepper_are_the_range_of_each_feature():
    x = torch.tensor([[-1.0, 10.0], [2.0, 30.0], [0.5, 20.0]])
    corruption = built("SaltPepper", 1.0, row=(2,))
    corruption.prepare(None, Memory(x), generator(0))
    y = corruption(torch.full((4000, 2), 5.0), generator(0))
    assert set(y[:, 0].tolist()) == {-1.0, 2.0}
    assert set(y[:, 1].tolist()) == {10.0, 30.0}
    assert float((y[:, 0] == 2).float().mean()) == pytest.approx(0.5, abs=4 * 0.5 / math.sqrt(4000))


def test_salt_and_pepper_share_one_range_over_an_image():
    x = torch.tensor([[[[0.0, 1.0], [2.0, 3.0]]]])
    corruption = built("SaltPepper", 1.0, row=(1, 2, 2))
    corruption.prepare(None, Memory(x), generator(0))
    assert set(corruption(x.repeat(50, 1, 1, 1), generator(0)).flatten().tolist()) == {0.0, 3.0}


def test_salt_and_pepper_look_past_gaps():
    corruption = built("SaltPepper", row=(1,), missing=True)
    corruption.prepare(None, Memory(torch.tensor([[1.0], [float("nan")], [3.0]])), generator(0))
    assert (float(corruption.low), float(corruption.high)) == (1.0, 3.0)


@pytest.mark.parametrize(
    ("name", "strength"),
    [("Gaussian", -0.1), ("Gaussian", math.nan), ("Masking", 1.5), ("Masking", -0.1), ("SaltPepper", 2)],
)
def test_impossible_strengths_are_refused(name, strength, refused):
    with refused(repr(strength)):
        getattr(corruptions, name)(strength)


def test_holes_are_rectangles_of_the_size_asked_for_and_reach_every_place():
    x = rows(4000, (3, 12, 10))
    hole = built("Holes", 0.5, row=(3, 12, 10))(x, generator(0)) == -1
    assert torch.equal(hole[:, 0], hole[:, 2]), "all channels lose the same pixels"
    high, wide = hole[:, 0].any(2).sum(1), hole[:, 0].any(1).sum(1)
    assert torch.equal(hole[:, 0].sum((1, 2)), high * wide)
    assert (int(high.min()), int(high.max())) == (3, 6)
    assert (int(wide.min()), int(wide.max())) == (3, 5)
    assert hole[:, 0].any(0).all()


def test_holes_are_missing_where_rows_know_that():
    y = built("Holes", missing=True)(rows(50), generator(0))
    assert y.isnan().any(1).all() and not y.isnan().all(1).any()

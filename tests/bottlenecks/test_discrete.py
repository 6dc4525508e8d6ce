"""Codes from a list or on a grid: the nearest one, gradients that pass it by, and symbols that give it back."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import narrows as nw
from narrows.bottlenecks import FSQ, VQ
from narrows.bottlenecks._frequencies import Frequencies
from narrows.contracts import Shapes
from narrows.numerics import generator, seeded
from narrows.sources import Memory


def built(part, latent_dim=6, dtype=torch.float64):
    """On codes that the encoder gives as they are."""
    with seeded(0):
        shapes = Shapes(
            row=(9,), latent_dim=latent_dim, hidden=(latent_dim,), code=(latent_dim,), encoded=True
        )
        return part.build(shapes).to(dtype)


def points(n=40, latent_dim=6, dtype=torch.float64):
    return torch.randn(n, latent_dim, generator=generator(1), dtype=dtype)


class Standing(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = self.encoder = torch.nn.Identity()


both = pytest.mark.parametrize("part", [VQ(codes=7, groups=3), VQ(codes=5), FSQ(), FSQ((3, 4))], ids=repr)


@both
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_symbols_give_the_code_back_bit_for_bit(part, dtype):
    module = built(part, dtype=dtype).eval()
    code = module(points(dtype=dtype))
    assert code.indices.dtype == torch.int64
    assert torch.equal(module.from_indices(code.indices), code.z)
    assert torch.equal(module.restrict(code.z), code.z)


@both
def test_rates_are_code_lengths_of_symbols(part):
    """Over all symbols of a place e^(−nats) adds up to one, also after training has counted."""
    module = built(part).train()
    module(points())
    sizes = (
        [5]
        if part == VQ(codes=5)
        else [7] * 3
        if isinstance(part, VQ)
        else [1000, 40]
        if part == FSQ()
        else [12] * 3
    )
    for place, size in enumerate(sizes):
        symbols = torch.zeros(size, len(sizes), dtype=torch.int64)
        rest = module.frequencies.nats(symbols[:1]) - nats_of(module.frequencies, place, 0)
        symbols[:, place] = torch.arange(size)
        assert float((rest - module.frequencies.nats(symbols)).exp().sum()) == pytest.approx(1, abs=1e-5)


def nats_of(frequencies, place, symbol):
    p = 0.99 * frequencies.share + 0.01 * frequencies.even
    return -p[frequencies.first[place] + symbol].log()


def test_frequencies_are_those_of_what_was_seen():
    counted = Frequencies((4, 3)).double()
    for _ in range(2000):
        counted.update(torch.tensor([[0, 2], [0, 2], [1, 2], [3, 0]]))
    assert counted.share.tolist() == pytest.approx([0.5, 0.25, 0, 0.25, 0.25, 0, 0.75], abs=1e-6)
    nats = float(counted.nats(torch.tensor([[0, 0]])))
    assert nats == pytest.approx(-math.log(0.99 / 2 + 0.01 / 4) - math.log(0.99 / 4 + 0.01 / 3), abs=1e-6)


# VQ


@given(seed=st.integers(0, 99), codes=st.integers(2, 20), groups=st.sampled_from([1, 2, 3, 6]))
def test_the_chosen_code_is_the_nearest_one(seed, codes, groups):
    module = built(VQ(codes=codes, groups=groups))
    y = torch.randn(30, 6, generator=generator(seed), dtype=torch.float64)
    pieces = y.unflatten(1, (groups, -1))
    brute = (pieces[:, :, None] - module.book[None]).square().sum(-1).argmin(-1)
    assert torch.equal(module(y).indices, brute)


def test_the_gradient_of_the_reconstruction_passes_straight_through_bit_for_bit():
    module, y = (
        built(VQ(codes=8, groups=2), dtype=torch.float32),
        points(dtype=torch.float32).requires_grad_(),
    )
    given_ = torch.randn(40, 6, generator=generator(5))
    z = module(y).z
    assert not torch.equal(z, y)
    (slope,) = torch.autograd.grad((z * given_).sum(), y)
    assert torch.equal(slope, given_)


def test_codes_that_are_not_used_get_no_gradient_and_used_ones_that_of_their_rows():
    module, y = built(VQ(codes=50)), points(10)
    code = module(y)
    (code.z.square().sum() + code.loss["codebook"].sum()).backward()
    used = torch.zeros(50, dtype=torch.bool)
    used[code.indices.flatten()] = True
    grad = module.book.grad[0]
    assert 0 < int(used.sum()) < 50 and (grad[~used] == 0).all()
    for k in used.nonzero().flatten().tolist():
        mine = y[code.indices[:, 0] == k]
        assert torch.allclose(grad[k], 2 * (module.book[0, k] - mine).sum(0))


def test_the_two_losses_are_one_distance_with_gradients_to_either_side():
    module, y = built(VQ(codes=8, commitment=0.5)), points().requires_grad_()
    loss = module(y).loss
    assert torch.allclose(loss["commitment"], 0.5 * loss["codebook"])
    assert torch.autograd.grad(loss["codebook"].sum(), y, retain_graph=True, allow_unused=True) == (None,)
    assert torch.autograd.grad(loss["commitment"].sum(), module.book, allow_unused=True) == (None,)


def test_codes_start_where_the_rows_are():
    """Four clusters, codes enough for all: every row has one nearby."""
    middles = 10 * torch.tensor([[1.0, 1], [1, -1], [-1, 1], [-1, -1]], dtype=torch.float64)
    rows = middles.repeat_interleave(100, 0) + 0.1 * points(400, 2)
    module = built(VQ(codes=16), 2)
    module.prepare(Standing(), Memory(rows), generator(2))
    assert float(module(rows).loss["codebook"].detach().max()) < 1


def test_unused_codes_move_to_rows():
    module = built(VQ(codes=8), 2).train()
    with torch.no_grad():
        module.book[0, 3:] = 1e3
    y = points(64, 2)
    for step in range(600):
        module(y)
        module.on_step(None, step, 10_000)
    assert len(module(y).indices.unique()) == 8
    before = module.book.clone()
    module.on_step(None, 9_000, 10_000)
    assert torch.equal(module.book, before), "not in the second half"


def test_groups_divide_the_code():
    assert built(VQ(groups=4), 6)(points()).indices.shape == (40, 3)
    assert built(VQ(groups=8), 2)(points(latent_dim=2)).indices.shape == (40, 2)


def test_a_trained_list_is_in_use(digits):
    ae = nw.recipes.vector_quantised(8, codes=32, groups=4, hidden=(64,), max_epochs=20).fit(digits)
    with torch.inference_mode():
        code = ae.net_.encode(ae.fitted_.affine.forward(digits, torch.float32))
    assert all(len(column.unique()) > 16 for column in code.indices.T)
    assert ae.evaluate(digits)["r2"] > 0.5
    assert np.array_equal(ae.inverse_transform(ae.transform(digits)), ae.reconstruct(digits))


@pytest.mark.parametrize(
    "arguments", [{"codes": 1}, {"codes": 2.5}, {"groups": 0}, {"commitment": -1.0}], ids=repr
)
def test_vq_refuses_what_cannot_be_built(arguments, refused):
    with refused(*map(repr, arguments.values())):
        VQ(**arguments)


# FSQ


@pytest.mark.parametrize("levels", [(8, 5, 5, 5), (2, 3), (7,), (4, 4, 2)])
def test_every_symbol_round_trips(levels):
    module = built(FSQ(levels), len(levels))
    symbols = torch.arange(math.prod(levels))[:, None]
    z = module.from_indices(symbols)
    assert len(z.unique(dim=0)) == len(symbols) and float(z.abs().max()) <= 1
    for j, n in enumerate(levels):
        steps = (z[:, j].unique() * (n // 2)).round().long().tolist()
        assert steps == list(range(-(n // 2), n - n // 2))
    # What the encoder would have to say to get there.
    y = ((z * (module.levels // 2) + module.offset) / module.reach).clamp(-1, 1).atanh() - module.shift
    code = module(y.clamp(-20, 20))
    assert torch.equal(code.indices, symbols) and torch.equal(code.z, z)


def test_zero_is_the_middle_and_far_out_is_the_last_level():
    module = built(FSQ((8, 5)), 2)
    assert torch.equal(
        module(torch.zeros(1, 2, dtype=torch.float64)).z, torch.zeros(1, 2, dtype=torch.float64)
    )
    assert module(torch.full((1, 2), 99.0, dtype=torch.float64)).z.tolist() == [[0.75, 1.0]]
    assert module(torch.full((1, 2), -99.0, dtype=torch.float64)).z.tolist() == [[-1.0, -1.0]]


def test_the_gradient_is_that_of_the_bounded_code_bit_for_bit():
    module, y = built(FSQ()), points().requires_grad_()
    given_ = torch.randn(40, 6, generator=generator(5), dtype=torch.float64)
    (slope,) = torch.autograd.grad((module(y).z * given_).sum(), y)
    bounded = ((y + module.shift).tanh() * module.reach - module.offset) / (module.levels // 2)
    (wanted,) = torch.autograd.grad((bounded * given_).sum(), y)
    assert torch.equal(slope, wanted)


def test_the_last_symbol_may_be_shorter():
    code = built(FSQ((8, 5, 5, 5)))(points())
    assert code.indices.shape == (40, 2)
    assert int(code.indices[:, 0].max()) < 1000 and int(code.indices[:, 1].max()) < 40


def test_fsq_takes_one_number_bare():
    assert FSQ(5) == FSQ((5,)) == FSQ([5])


@pytest.mark.parametrize("levels", [(), (1, 5), (5, 2.5), (1024, 1024, 2)], ids=repr)
def test_fsq_refuses_what_cannot_be_built(levels, refused):
    with refused(repr(levels)):
        FSQ(levels)

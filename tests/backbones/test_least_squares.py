"""Vectors of users and items by weighted least squares."""

import itertools

import numpy as np
import pytest
import scipy.sparse
import torch

from narrows.backbones import _least_squares
from narrows.backbones._least_squares import fold_in, gram, item_factors
from narrows.numerics import generator

UNSEEN, RIDGE = 0.2, 0.05


def clicks(users, items, seed=0, share=0.3):
    return (np.random.default_rng(seed).random((users, items)) < share).astype(float)


def places(x):
    x = torch.as_tensor(x)
    return x.nonzero()[:, 1], (x != 0).sum(1).tolist()


def users_of(x, Y, unseen=UNSEEN, ridge=RIDGE):
    return fold_in(*places(x), Y, gram(Y, unseen), unseen, ridge)


def objective(x, U, Y):
    """As the docstring has it, over all users and items."""
    x = torch.as_tensor(x)
    y = U @ Y.T
    held = [
        RIDGE * (counts + UNSEEN * many) @ vectors.square().sum(1)
        for counts, many, vectors in ((x.sum(1), x.shape[1], U), (x.sum(0), x.shape[0], Y))
    ]
    return (x * (1 - y).square()).sum() + UNSEEN * y.square().sum() + sum(held)


def test_a_user_is_the_solution_of_his_own_equations():
    x, Y = clicks(9, 7), np.random.default_rng(1).normal(size=(7, 3))
    found = users_of(x, torch.from_numpy(Y)).numpy()
    for row, u in zip(x, found, strict=True):
        weights = row + UNSEEN
        A = (Y * weights[:, None]).T @ Y + RIDGE * (row.sum() + UNSEEN * 7) * np.eye(3)
        np.testing.assert_allclose(u, np.linalg.solve(A, Y.T @ row), rtol=0, atol=1e-12)


def test_after_many_turns_nothing_makes_it_smaller(monkeypatch):
    monkeypatch.setattr(_least_squares, "PASSES", 2000)
    x = clicks(20, 8, seed=3)
    Y = item_factors(scipy.sparse.csr_array(x), 2, UNSEEN, RIDGE, generator(0)).requires_grad_()
    U = users_of(x, Y.detach()).requires_grad_()
    slopes = torch.autograd.grad(objective(x, U, Y), (U, Y))
    assert max(float(s.abs().max()) for s in slopes) < 1e-8 and Y.abs().max() > 0.1


def test_every_turn_makes_it_smaller(monkeypatch):
    x, found = clicks(40, 12, seed=4), []
    for passes in (1, 2, 4, 8):
        monkeypatch.setattr(_least_squares, "PASSES", passes)
        Y = item_factors(scipy.sparse.csr_array(x), 3, UNSEEN, RIDGE, generator(0))
        found.append(float(objective(x, users_of(x, Y), Y)))
    assert all(b < a for a, b in itertools.pairwise(found))


def test_who_has_nothing_is_nowhere():
    x = clicks(6, 5)
    x[2], x[:, 3] = 0, 0
    Y = item_factors(scipy.sparse.csr_array(x), 2, UNSEEN, RIDGE, generator(0))
    assert not users_of(x, Y)[2].any() and not Y[3].any() and Y[0].any()
    for shape in ((3, 4), (1, 1)):
        assert not item_factors(scipy.sparse.csr_array(shape), 2, UNSEEN, RIDGE, generator(0)).any()


@pytest.mark.parametrize("block", [1, 20, 2**22])
def test_neither_company_nor_blocks_matter(block, monkeypatch):
    x, Y = clicks(11, 30), torch.randn(30, 4, generator=generator(0), dtype=torch.float64)
    whole = users_of(x, Y)
    monkeypatch.setattr(_least_squares, "BLOCK", block)
    torch.testing.assert_close(users_of(x, Y), whole, rtol=0, atol=0)
    torch.testing.assert_close(users_of(x[4:5], Y), whole[4:5], rtol=0, atol=1e-14)


def test_that_part_is_from_everywhere(monkeypatch):
    """Of rows in order of what they have the first would know half of the items."""
    x = np.kron(np.eye(2), np.ones((100, 3)))
    monkeypatch.setattr(_least_squares, "MOST", 50)
    Y = item_factors(scipy.sparse.csr_array(x), 2, UNSEEN, RIDGE, generator(0))
    assert (Y.norm(dim=1) > 0.1).all()


def test_items_are_learned_from_a_part_of_very_many_rows(monkeypatch):
    first = np.arange(300)[:, None] % 2  # half of the users have the first three items, half the others
    x = scipy.sparse.csr_array(
        np.where(first == np.repeat([0, 1], 3), clicks(300, 6, seed=5, share=0.8), 0.0)
    )
    whole = item_factors(x, 2, UNSEEN, RIDGE, generator(0))
    monkeypatch.setattr(_least_squares, "MOST", 100)
    Y = item_factors(x, 2, UNSEEN, RIDGE, generator(0))
    near, wholly = Y @ Y.T, whole @ whole.T
    assert not torch.equal(near, wholly)
    torch.testing.assert_close(near, wholly, rtol=0, atol=0.1)
    assert torch.equal(Y, item_factors(x, 2, UNSEEN, RIDGE, generator(0)))
    assert not torch.equal(Y, item_factors(x, 2, UNSEEN, RIDGE, generator(1)))

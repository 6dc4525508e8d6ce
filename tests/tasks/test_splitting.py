"""Users set aside: nothing of theirs is trained on, and nothing is lost."""

import numpy as np
import pytest
import scipy.sparse
from hypothesis import given
from hypothesis import strategies as st

from narrows.tasks.splitting import split


def ratings(seed, users=60, items=25, density=0.4):
    """Ratings from 1 to 5, sparse."""
    rng = np.random.default_rng(seed)
    there = rng.random((users, items)) < density * 2 * rng.random((users, 1))
    return scipy.sparse.csr_array(np.where(there, rng.integers(1, 6, there.shape), 0))


@given(st.integers(0, 10_000), st.sampled_from([0.1, 0.25, 7]), st.sampled_from([0.2, 0.5, 0.9]))
def test_every_interaction_is_in_one_place_with_its_value(seed, aside, held):
    R = ratings(seed)
    parts = split(R, validation=aside, test=aside, held=held, random_state=seed)
    dense = R.toarray()
    users = [parts.users, parts.validation.users, parts.test.users]
    assert sorted(np.concatenate(users).tolist()) == np.flatnonzero((dense > 0).sum(1) >= 5).tolist()
    assert np.array_equal(parts.train.toarray(), dense[parts.users])
    known = parts.train.toarray().any(0)
    for part in (parts.validation, parts.test):
        seen, out = part.seen.toarray(), part.held.toarray()
        assert not ((seen > 0) & (out > 0)).any()
        assert np.array_equal(seen + out, dense[part.users] * known)
        sizes = ((seen + out) > 0).sum(1)
        wanted = np.where(sizes > 1, np.maximum(1, np.floor(held * sizes + 1e-9)), 0)
        assert np.array_equal((out > 0).sum(1), wanted)


def test_shares_and_counts_of_users():
    R = scipy.sparse.csr_array(np.ones((100, 10)))
    by_share, by_count = split(R, validation=0.2, test=0.1), split(R, validation=20, test=10)
    for parts in (by_share, by_count):
        shapes = [
            m.shape for m in (parts.train, parts.validation.seen, parts.validation.held, parts.test.held)
        ]
        assert shapes == [(70, 10), (20, 10), (20, 10), (10, 10)]
    assert np.array_equal(by_share.test.users, by_count.test.users)
    assert split(R, validation=0, test=1).validation.seen.shape == (0, 10)
    assert split(R, held=0.29).test.held.sum(1).tolist() == [2] * 10


def test_a_fifth_of_a_hundred_items_is_twenty():
    parts = split(scipy.sparse.csr_array(np.ones((10, 100))), held=0.29, test=0.2)
    assert parts.test.held.sum(1).tolist() == [29, 29]  # 0.29 * 100 is 28.999999999999996


def test_users_with_few_interactions_are_left_out():
    R = scipy.sparse.csr_array(np.tri(20))  # user i has i + 1
    assert split(R, least=5).users.min() >= 4
    parts = split(R, least=15, validation=1, test=1)
    assert sorted([*parts.users, *parts.validation.users, *parts.test.users]) == [14, 15, 16, 17, 18, 19]


def test_items_that_no_training_user_has_are_dropped():
    dense = np.ones((30, 8))
    test = split(scipy.sparse.csr_array(dense), random_state=1).test.users
    dense = np.hstack([dense, np.zeros((30, 6))])
    dense[test, 8:] = 1
    parts = split(scipy.sparse.csr_array(dense), random_state=1)
    assert np.array_equal(parts.test.users, test)
    assert parts.train.shape[1] == 14  # columns stay where they were
    assert (parts.test.seen + parts.test.held).sum(1).tolist() == [8] * 3


def test_who_has_one_item_left_has_nothing_held_out():
    dense = np.zeros((20, 6))
    dense[:, 0] = 1
    dense[:10, 1:] = np.eye(10, 5) + 1
    dense[10:, 1:] = 1
    for seed in range(50):
        parts = split(scipy.sparse.csr_array(dense), validation=10, test=1, least=6, random_state=seed)
        both = (parts.test.seen.toarray() > 0).sum() + (parts.test.held.toarray() > 0).sum()
        assert both == 6 or parts.test.held.nnz == 0


def test_the_same_seed_means_the_same_split_and_the_global_state_is_not_touched():
    R = ratings(0)
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    a, b, c = (split(R, random_state=seed) for seed in (3, 3, 4))
    assert np.array_equal(np.random.get_state()[1], before)  # noqa: NPY002
    assert (a.train != b.train).nnz == (a.test.held != b.test.held).nnz == 0
    assert not np.array_equal(a.test.users, c.test.users)


def test_users_are_as_likely_as_each_other_to_be_set_aside_and_items_to_be_held_out():
    R = scipy.sparse.csr_array(np.ones((20, 10)))
    aside, held = np.zeros(20), np.zeros(10)
    for seed in range(200):
        parts = split(R, random_state=seed)
        aside[parts.test.users] += 1
        held += parts.test.held.sum(0)
    assert aside == pytest.approx(np.full(20, 20), abs=4.5 * np.sqrt(20 * 0.9))
    assert held == pytest.approx(np.full(10, 80), abs=4.5 * np.sqrt(80 * 0.8))


@pytest.mark.parametrize("kind", ["csr", "csc", "coo", "lil"])
def test_any_format_and_stored_zeros(kind):
    R = ratings(0)
    wanted = split(R, random_state=0)
    found = split(R.asformat(kind), random_state=0)
    assert (found.train != wanted.train).nnz == (found.test.held != wanted.test.held).nnz == 0
    stored = scipy.sparse.coo_array(R)
    rows, columns = stored.coords
    values = np.concatenate([stored.data, [0] * 60])
    rows = np.concatenate([rows, np.arange(60)])
    columns = np.concatenate([columns, np.zeros(60, int)])
    padded = scipy.sparse.csr_array((values, (rows, columns)), shape=R.shape)
    found = split(padded, random_state=0)
    assert (found.train != wanted.train).nnz == (found.test.held != wanted.test.held).nnz == 0


@pytest.mark.parametrize(
    ("R", "how", "words"),
    [
        (np.ones((9, 9)), {}, "R is a ndarray"),
        (None, {"validation": 1.5}, "validation=1.5"),
        (None, {"test": -1}, "test=-1"),
        (None, {"test": True}, "test=True"),
        (None, {"test": "0.1"}, "test='0.1'"),
        (None, {"held": 1.0}, "held=1.0"),
        (None, {"held": 0}, "held=0"),
        (None, {"least": 1}, "least=1"),
        (None, {"least": 2.5}, "least=2.5"),
        (None, {"least": 10}, "0 users with 10"),
        (None, {"validation": 10, "test": 10}, "20 of the 20"),
        (None, {"validation": 0.5, "test": 0.5}, "20 of the 20"),
        (None, {"random_state": -1}, "random_state=-1"),
        (None, {"random_state": None}, "random_state=None"),
        (scipy.sparse.csr_array([[np.inf, 1.0]]), {}, "infinity"),
    ],
)
def test_what_cannot_be_split_is_refused(refused, R, how, words):
    R = scipy.sparse.csr_array(np.ones((20, 9))) if R is None else R
    with refused(words):
        split(R, **how)

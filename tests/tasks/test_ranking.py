"""Measures of rankings: by hand, beside scikit-learn, and what must hold of any ranking."""

import math

import numpy as np
import pytest
import scipy.sparse
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, ndcg_score

from narrows.tasks import ranking
from narrows.tasks.ranking import average_precision, bootstrap, coverage, ndcg, novelty, popular, recall

MEASURES = (ndcg, recall, average_precision)


def random_case(seed, n=12, items=30, k=10):
    """Ranked ids (n, k), scores that rank so, and held-out items; some users have none."""
    rng = np.random.default_rng(seed)
    scores = rng.random((n, items))
    held = scipy.sparse.csr_array((rng.random((n, items)) < rng.random((n, 1)) * 0.5).astype(float))
    return np.argsort(-scores, 1)[:, :k], scores, held


# Known answers


def test_by_hand():
    held = scipy.sparse.csr_array([[1, 0, 2, 0, 1], [0, 0, 0, 1, 0], [0, 0, 0, 0, 0]])  # any number but 0
    ids = [[2, 1, 0], [0, 1, 2], [0, 1, 2]]
    best = 1 + 1 / math.log2(3) + 1 / 2
    assert ndcg(ids, held, 3)[:2] == pytest.approx([(1 + 1 / 2) / best, 0])
    assert recall(ids, held, 3)[:2] == pytest.approx([2 / 3, 0])
    assert recall(ids, held, 1)[:2].tolist() == [1, 0]  # of min(1, 3)
    assert average_precision(ids, held, 3)[:2] == pytest.approx([(1 + 2 / 3) / 3, 0])
    assert all(np.isnan(measure(ids, held, 3)[2]) for measure in MEASURES)


@pytest.mark.parametrize("k", [1, 5, 10])
def test_ndcg_is_that_of_scikit_learn(k):
    ids, scores, held = random_case(0)
    truth = (held.toarray() > 0).astype(int)
    some = truth.any(1)
    wanted = [ndcg_score(t[None], s[None], k=k) for t, s in zip(truth[some], scores[some], strict=True)]
    assert ndcg(ids, held, k)[some] == pytest.approx(wanted)
    assert np.isnan(ndcg(ids, held, k)[~some]).all()


def test_average_precision_of_all_items_is_that_of_scikit_learn():
    ids, scores, held = random_case(1, k=30)
    truth = (held.toarray() > 0).astype(int)
    some = truth.any(1)
    wanted = [average_precision_score(t, s) for t, s in zip(truth[some], scores[some], strict=True)]
    assert average_precision(ids, held, 30)[some] == pytest.approx(wanted)


def test_no_recommendation_is_no_hit():
    held = scipy.sparse.csr_array([[1, 0, 0, 1]])  # the last item is what -1 would mean in NumPy
    assert [float(measure([[-1, -1]], held, 2)[0]) for measure in MEASURES] == [0, 0, 0]
    assert recall([[0, -1]], held, 2) == pytest.approx([0.5])
    assert ndcg([[-1, 0]], held, 2)[0] < ndcg([[0, -1]], held, 2)[0]


def test_stored_zeros_are_not_held_out_and_formats_do_not_matter():
    held = scipy.sparse.csr_matrix([[1.0, 1.0, 0.0]])
    held.data[0] = 0.0
    assert recall([[0, 1]], held, 2) == pytest.approx([1])
    assert held.nnz == 2  # as it was
    twice = scipy.sparse.coo_array(([1, 1], ([0, 0], [1, 1])), shape=(1, 3))
    assert recall([[1, 0]], twice, 2) == pytest.approx([1])


def test_coverage_and_novelty():
    ids = np.array([[0, 1, 3], [1, 0, 3], [2, -1, -1]])
    assert coverage(ids, 4, 2) == 0.75
    assert coverage(ids, 6, 3) == pytest.approx(4 / 6)
    shares = np.array([1.0, 0.5, 0.25, 0.0])
    assert novelty(ids, shares, 1) == pytest.approx((0 + 1 + 2) / 3)
    assert novelty(ids, shares, 2) == pytest.approx((0 + 1 + 1 + 0 + 2) / 5)
    assert novelty(ids, shares, 3) == math.inf
    assert math.isnan(novelty([[-1]], shares, 1))


def test_popular_items_come_first_and_none_that_is_seen():
    rng = np.random.default_rng(0)
    often = rng.random(25) * 0.6
    often[7] = 0
    train = scipy.sparse.csr_array((rng.random((40, 25)) < often).astype(float))
    seen = scipy.sparse.csr_array((rng.random((60, 25)) < 0.4).astype(float))
    counts = (train.toarray() > 0).sum(0)
    ids = popular(train, seen, 20)
    for row, own in zip(ids, seen.toarray() > 0, strict=True):
        there = row[row >= 0]
        wanted = [i for i in np.argsort(-counts, kind="stable") if counts[i] and not own[i]][:20]
        assert there.tolist() == wanted
        assert (row[len(there) :] == -1).all()


def test_popular_items_do_not_depend_on_how_users_are_grouped(monkeypatch):
    train = scipy.sparse.random(30, 20, 0.3, "csr", rng=np.random.default_rng(0))
    whole = popular(train, train, 5)
    monkeypatch.setattr(ranking, "BLOCK", 1)
    assert np.array_equal(popular(train, train, 5), whole)


# What holds of any ranking

seeds = st.integers(0, 10_000)


@given(seeds, st.integers(1, 10))
def test_permuting_users_permutes_answers(seed, k):
    ids, _, held = random_case(seed)
    order = np.random.default_rng(seed).permutation(len(ids))
    for measure in MEASURES:
        assert np.array_equal(
            measure(ids[order], held[order], k), measure(ids, held, k)[order], equal_nan=True
        )
    assert coverage(ids[order], 30, k) == coverage(ids, 30, k)


@given(seeds, st.integers(1, 10))
def test_measures_lie_between_0_and_1_and_the_best_ranking_has_1(seed, k):
    ids, _, held = random_case(seed)
    best = np.argsort(-(held.toarray() > 0).astype(int), axis=1, kind="stable")[:, :k]
    for measure in MEASURES:
        found = measure(ids, held, k)
        there = ~np.isnan(found)
        assert ((found[there] >= 0) & (found[there] <= 1)).all()
        assert measure(best, held, k)[there] == pytest.approx(1)


@given(seeds)
def test_a_hit_that_moves_up_is_worth_more_but_not_to_recall(seed):
    ids, _, held = random_case(seed)
    hit = np.take_along_axis(held.toarray() > 0, ids, 1)
    up = ids.copy()
    moved = ~hit[:, 0] & hit[:, 1]
    up[moved, :2] = ids[moved, 1::-1]
    assert (ndcg(up, held, 10)[moved] > ndcg(ids, held, 10)[moved]).all()
    assert (average_precision(up, held, 10)[moved] > average_precision(ids, held, 10)[moved]).all()
    assert np.array_equal(recall(up, held, 10), recall(ids, held, 10), equal_nan=True)


# The bootstrap


def test_its_interval_holds_the_true_difference_as_often_as_it_says():
    rng = np.random.default_rng(0)
    inside, small = [], []
    for trial in range(200):
        base = rng.normal(size=80)
        a, b = base + rng.normal(0.1, 0.3, 80), base + rng.normal(0, 0.3, 80)
        found = bootstrap(a, b, draws=400, random_state=trial)
        inside.append(found.low <= 0.1 <= found.high)
        small.append(bootstrap(a - 0.1, b, draws=400, random_state=trial).p <= 0.05)  # no difference in truth
    assert np.mean(inside) == pytest.approx(0.95, abs=0.04)
    assert np.mean(small) == pytest.approx(0.05, abs=0.04)


def test_its_interval_is_that_of_the_normal_law_where_there_are_many_users():
    rng = np.random.default_rng(1)
    a, b = rng.normal(size=(2, 1000))
    found, apart = bootstrap(a, b, random_state=3), a - b
    error = apart.std() / math.sqrt(1000)
    assert found.difference == pytest.approx(apart.mean())
    assert (found.high - found.low) / 2 == pytest.approx(1.96 * error, rel=0.05)
    assert found.p == pytest.approx(0.5 * math.erfc(apart.mean() / error / math.sqrt(2)), abs=0.02)


def test_equal_figures_are_no_better_and_the_least_p_is_not_0():
    a = np.random.default_rng(0).random(20)
    assert bootstrap(a, a, draws=99).p == 1
    assert bootstrap(a + 1, a, draws=99).p == pytest.approx(0.01)
    assert bootstrap(a, a + 1, draws=99).p == 1


def test_seeds_are_pooled_and_users_without_figures_left_out():
    a, b = np.random.default_rng(0).random((2, 30))
    whole = bootstrap(a, b, draws=200)
    assert bootstrap([a[:10], a[10:]], [b[:10], b[10:]], draws=200) == whole
    assert bootstrap([*a, math.nan], [*b, math.nan], draws=200) == whole
    assert bootstrap(a, b, draws=200, random_state=0) == whole != bootstrap(a, b, draws=200, random_state=1)


def test_all_figures_of_one_user_are_drawn_together():
    a, b = np.random.default_rng(0).normal(size=(2, 60))
    who = np.arange(60)
    once = bootstrap(a, b)
    assert bootstrap(a, b, users=who) == once
    again = bootstrap([a] * 9, [b] * 9, users=[who] * 9)  # nine times the same tells nothing more
    naive = bootstrap([a] * 9, [b] * 9)
    assert again.high - again.low == pytest.approx(once.high - once.low)
    assert naive.high - naive.low == pytest.approx((once.high - once.low) / 3, rel=0.05)


def test_it_does_not_depend_on_memory(monkeypatch):
    a, b = np.random.default_rng(0).random((2, 30))
    whole = bootstrap(a, b, draws=100)
    monkeypatch.setattr(ranking, "BLOCK", 300)
    assert bootstrap(a, b, draws=100) == whole


# Refusals

HELD = scipy.sparse.csr_array([[1, 0, 1], [0, 1, 0]])


@pytest.mark.parametrize("measure", MEASURES)
@pytest.mark.parametrize(
    ("ids", "held", "k", "words"),
    [
        ([[0, 1]], HELD, 2, "1 rows and held 2"),
        ([[0, 1], [1, 3]], HELD, 2, "holds 3"),
        ([[0, 1], [1, -2]], HELD, 2, "holds -2"),
        ([[0, 1], [1, 1]], HELD, 2, "item 1 twice in row 1"),
        ([[0, 1], [1, 0]], HELD, 3, "(n, 3 or more)"),
        ([[0.0, 1.0], [1.0, 0.0]], HELD, 2, "float64"),
        ([0, 1], HELD, 1, "shape (2,)"),
        ([[0, 1], [1, 0]], HELD, 0, "k=0"),
        ([[0, 1], [1, 0]], HELD, 2.0, "k=2.0"),
        ([[0, 1], [1, 0]], HELD.toarray(), 2, "held is a ndarray"),
        ([[0, 1], [1, 0]], scipy.sparse.csr_array([[1, 0, np.nan], [0, 1, 0]]), 2, "NaN"),
    ],
)
def test_what_is_no_ranking_is_refused(refused, measure, ids, held, k, words):
    with refused(words):
        measure(ids, held, k)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: coverage([[0, 4]], 4, 2), "holds 4"),
        (lambda: coverage([[0]], 0, 1), "n_items=0"),
        (lambda: novelty([[0]], [2.0], 1), "shares"),
        (lambda: novelty([[0]], [[0.5]], 1), "(1, 1)"),
        (lambda: popular(HELD, HELD[:, :2], 1), "(2, 2)"),
        (lambda: popular(HELD, HELD, 0), "k=0"),
        (lambda: bootstrap([1, 2], [1]), "2 numbers, b 1"),
        (lambda: bootstrap([1, 2], [1, math.nan]), "2 and b 1"),
        (lambda: bootstrap([], []), "0 and b 0"),
        (lambda: bootstrap([math.nan], [math.nan]), "0 and b 0"),
        (lambda: bootstrap([1], [1], draws=0), "draws=0"),
        (lambda: bootstrap([1], [1], random_state=-1), "random_state=-1"),
        (lambda: bootstrap([1, 2], [1, 2], users=[0]), "users 1"),
        (lambda: bootstrap(np.ones((2, 2, 2)), np.ones((2, 2, 2))), "shape (2, 2, 2)"),
    ],
)
def test_wrong_arguments_are_refused(refused, call, words):
    with refused(words):
        call()

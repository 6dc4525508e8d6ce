"""Recommending to users that were never seen: what comes back, for what goes in, and what does not matter."""

import pickle
import warnings
from collections import Counter
from types import SimpleNamespace

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import scipy.sparse
import torch
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.utils.estimator_checks import check_estimator

import narrows as nw
from narrows.estimators import _judge, _preferences
from narrows.tasks import recommend as tasks

USERS, ITEMS = 90, 14


def clicks(users=USERS, seed=0):
    """Users of two tastes."""
    rng = np.random.default_rng(seed)
    taste = rng.random(users) < 0.5
    likes = np.where(np.arange(ITEMS) < 7, taste[:, None], ~taste[:, None])
    return (rng.random((users, ITEMS)) < np.where(likes, 0.6, 0.1)).astype(float)


R, NEW = clicks(), clicks(40, seed=1)
SMALL = {
    "ease": nw.recipes.ease(3, l2=5.0),
    "ease_hybrid": nw.recipes.ease_hybrid(3, l2=5.0, hidden=(6,), max_epochs=3),
    "mult_vae": nw.recipes.mult_vae(3, hidden=(8,), max_epochs=3),
    "mult_dae": nw.recipes.mult_dae(3, max_epochs=3),
}


@pytest.fixture(scope="module")
def fitted():
    """One recommender of every kind."""
    return {name: nw.Recommender(ae).fit(R) for name, ae in SMALL.items()} | {
        "default": nw.Recommender().fit(R)
    }


every = pytest.mark.parametrize("name", [*SMALL, "default"])


def same(a, b):
    assert len(a) == len(b) == 2
    for mine, other in zip(a, b, strict=True):
        assert np.array_equal(mine, other)


# What is recommended


@every
def test_nobody_is_recommended_what_they_have(fitted, name):
    recommender = fitted[name]
    alone = np.eye(ITEMS)
    for X in (alone, NEW):
        ids, scores = recommender.recommend(X, k=ITEMS)
        assert ids.shape == scores.shape == (len(X), ITEMS) and ids.dtype == np.int64
        for user, mine in zip(X, ids, strict=True):
            assert sorted(mine[mine >= 0]) == np.flatnonzero(user == 0).tolist()
    ids, scores = recommender.recommend(alone, k=ITEMS, exclude_seen=False)
    assert np.isfinite(scores).all() and (np.sort(ids, 1) == np.arange(ITEMS)).all()


@every
def test_best_first_and_the_first_of_equals(fitted, name):
    ids, scores = fitted[name].recommend(NEW, k=ITEMS, exclude_seen=False)
    assert (np.diff(scores) <= 0).all()
    assert (np.diff(ids)[np.diff(scores) == 0] > 0).all()
    same(fitted[name].recommend(NEW, k=3, exclude_seen=False), (ids[:, :3], scores[:, :3]))


@every
def test_users_with_few_items_left_get_fewer(fitted, name):
    X = np.ones((3, ITEMS))
    X[0, 3] = X[1, [2, 5]] = 0
    ids, scores = fitted[name].recommend(X, k=4)
    assert ids[0].tolist() == [3, -1, -1, -1] and set(ids[1, :2]) == {2, 5} and (ids[2] == -1).all()
    assert np.isneginf(scores[ids < 0]).all() and np.isfinite(scores[ids >= 0]).all()
    many, _ = fitted[name].recommend(NEW[:2], k=ITEMS + 5)
    assert many.shape == (2, ITEMS + 5) and (many[:, ITEMS:] == -1).all()


@every
def test_without_a_history_popular_items_come_first(fitted, name):
    recommender = fitted[name]
    X = NEW[:4].copy()
    X[1] = X[3] = 0
    ids, scores = recommender.recommend(X, k=ITEMS)
    assert np.array_equal(recommender.popularity_, R.sum(0))
    for i in (1, 3):
        assert ids[i].tolist() == np.argsort(-R.sum(0), kind="stable").tolist()
        share = (np.sort(R.sum(0))[::-1] + 0.5) / (recommender.n_users_ + 1)
        np.testing.assert_allclose(scores[i], np.log(share))
    assert np.isfinite(recommender.transform(X)).all()


@every
def test_a_user_stands_alone(fitted, name, monkeypatch):
    """The bits do not depend on how many users are asked for, nor on who they are."""
    recommender = fitted[name]
    X = clicks(300, seed=2)
    whole, codes = recommender.recommend(X, k=5), recommender.transform(X)
    for start, stop in ((0, 1), (7, 9), (40, 299)):
        same(recommender.recommend(X[start:stop], k=5), [part[start:stop] for part in whole])
        assert np.array_equal(recommender.transform(X[start:stop]), codes[start:stop])
    turned = recommender.recommend(X[::-1], k=5)
    same([part[::-1] for part in turned], whole)
    monkeypatch.setattr(tasks, "BLOCK", 33 * ITEMS)
    same(recommender.recommend(X, k=5), whole)


@pytest.mark.parametrize(
    "make", [scipy.sparse.csr_array, scipy.sparse.coo_matrix, scipy.sparse.csc_array, np.asarray]
)
@pytest.mark.parametrize("dtype", [bool, np.int16, np.float32])
def test_matrices_of_any_kind_mean_the_same(make, dtype):
    expected = nw.Recommender(SMALL["ease"]).fit(R).recommend(NEW, 3)
    recommender = nw.Recommender(SMALL["ease"]).fit(make(R.astype(dtype)))
    same(recommender.recommend(make(NEW.astype(dtype)), 3), expected)
    assert recommender.n_features_in_ == ITEMS and recommender.items_.tolist() == list(range(ITEMS))


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int64])
@pytest.mark.parametrize("frozen", [False, True])
def test_matrices_out_of_order_are_read_and_left_as_they_are(dtype, frozen):
    """Places out of order, entries twice, zeros that are stored."""
    data = np.array([5, 1, 0, 2, 2, 5, 5], dtype)
    parts = data, np.array([2, 0, 1, 1, 1, 3, 0], np.int32), np.array([0, 3, 6, 7], np.int32)
    given = scipy.sparse.csr_array(parts, shape=(3, 4))
    before = [a.copy() for a in (given.data, given.indices, given.indptr)]
    for a in (given.data, given.indices, given.indptr):
        a.flags.writeable = not frozen
    dense = np.array([[1, 0, 5, 0], [0, 4, 0, 5], [5, 0, 0, 0]], float)
    sparse, plain = (nw.Recommender(SMALL["ease"], at_least=4).fit(x) for x in (given, dense))
    assert sparse.popularity_.tolist() == plain.popularity_.tolist() == [1, 1, 1, 1]
    same(sparse.recommend(given, k=4), plain.recommend(dense, k=4))
    same(sparse.partial_fit(given).recommend(given, k=4), plain.partial_fit(dense).recommend(dense, k=4))
    for a, b in zip((given.data, given.indices, given.indptr), before, strict=True):
        assert np.array_equal(a, b)


@pytest.mark.parametrize("name", ["score", "because"])
def test_columns_of_answers_are_no_names_of_items(name, refused):
    frame = pd.DataFrame({"user": [1, 2, 1], name: ["a", "b", "b"]})
    with refused(repr(name), "such as item"), warnings.catch_warnings(action="ignore"):
        nw.Recommender(SMALL["ease"]).fit(frame)


def test_large_numbers_stay_what_they_are():
    ids = np.array([2**63 + 2, 2**63 + 1, 5], np.uint64)
    recommender = nw.Recommender(SMALL["ease"]).fit(pd.DataFrame({"user": [1, 1, 2], "item": ids}))
    assert sorted(recommender.items_.tolist()) == sorted(map(str, ids.tolist()))


def test_it_says_how_good_it_is(fitted):
    found = fitted["ease"].evaluate(NEW)
    fold = tasks.folded(scipy.sparse.csr_array(NEW), random_state=0)
    ids, _ = fitted["ease"].recommend(fold.seen, k=ITEMS)
    assert found["ndcg@100"] == pytest.approx(np.nanmean(tasks.ndcg(ids, fold.held, ITEMS)), abs=1e-12)
    assert found["users"] == (NEW.sum(1) >= 5).sum()
    popular = tasks.popular(scipy.sparse.csr_array(R), fold.seen, ITEMS)
    expected = np.nanmean(tasks.recall(popular, fold.held, ITEMS))
    assert found["popular_recall@20"] == pytest.approx(expected, abs=1e-12)
    assert found["ndcg@100"] > found["popular_ndcg@100"] and found["coverage@20"] == 1
    with pytest.raises(ValueError, match="5 or more"):
        fitted["ease"].evaluate(NEW[:, :] * (np.arange(ITEMS) < 3))


def test_of_one_item_none_is_alike():
    ids, scores = nw.Recommender(nw.recipes.ease(1)).fit(np.ones((5, 1))).similar_items(k=3)
    assert ids.tolist() == [[-1, -1, -1]] and np.isneginf(scores).all()
    ids, scores = nw.Recommender(SMALL["ease"]).fit(R).similar_items([0], k=ITEMS + 5)
    assert sorted(ids[0, : ITEMS - 1]) == list(range(1, ITEMS)) and (ids[0, ITEMS - 1 :] == -1).all()


def test_all_interactions_count_alike_and_matrices_stay_as_they_are():
    rows, columns = R.nonzero()
    values = np.random.default_rng(0).uniform(0.1, 9, len(rows))
    twice = scipy.sparse.coo_array(
        (np.tile(values, 2), (np.tile(rows, 2), np.tile(columns, 2))), shape=R.shape
    )
    before = twice.copy()
    recommender = nw.Recommender(SMALL["ease"]).fit(twice)
    assert (abs(before - twice)).nnz == 0 and twice.nnz == before.nnz
    same(recommender.recommend(3 * NEW, 3), nw.Recommender(SMALL["ease"]).fit(R).recommend(NEW, 3))


def test_what_is_worth_little_is_seen_but_does_not_count():
    stars = R * np.random.default_rng(0).integers(1, 6, R.shape)
    recommender = nw.Recommender(SMALL["ease"], at_least=4).fit(stars)
    liked = nw.Recommender(SMALL["ease"]).fit(stars >= 4)
    assert torch.equal(recommender.ae_.net_.decoder.weight, liked.ae_.net_.decoder.weight)
    asked = np.zeros((2, ITEMS))
    asked[0, :3], asked[1, 4] = [5, 2, -1], 1
    ids, _ = recommender.recommend(asked, k=ITEMS)
    assert not set(ids[0]) & {0, 1, 2} and 4 not in ids[1]
    everything, told = recommender.recommend(asked, k=ITEMS, exclude_seen=False)
    weights = recommender.ae_.net_.decoder.weight.numpy()
    np.testing.assert_allclose(told[0], weights[0][everything[0]], atol=1e-12)
    assert everything[1].tolist() == np.argsort(-recommender.popularity_, kind="stable").tolist()


# Frames


def interactions(X, users=None, items=None, order=0):
    """One row for each, shuffled; names of users and items."""
    row, column = X.nonzero()
    order = np.random.default_rng(order).permutation(len(row))
    users = np.arange(len(X)) * 7 + 3 if users is None else users
    items = np.arange(ITEMS) * 5 - 20 if items is None else items
    return {"user": users[row[order]], "movieId": items[column[order]]}


WORDS = np.array([f"film {chr(97 + i)}" for i in range(ITEMS)])
LIBRARIES = {"pandas": pd.DataFrame, "polars": pl.DataFrame, "pyarrow": pa.table}


@pytest.mark.parametrize("items", [None, WORDS], ids=["ints", "words"])
@pytest.mark.parametrize("library", LIBRARIES)
def test_frames_come_back_as_frames_with_their_names(library, items):
    make = LIBRARIES[library]
    names = np.arange(ITEMS) * 5 - 20 if items is None else items
    people = np.array([f"user {i}" for i in range(40)])
    recommender = nw.Recommender(SMALL["ease"]).fit(make(interactions(R, items=items)))
    assert recommender.items_.tolist() == names.tolist()
    asked = interactions(NEW, users=people, items=items)
    frame = make(asked)
    answer = recommender.recommend(frame, k=3)
    assert isinstance(answer, type(frame))
    got = answer.to_pandas() if library != "pandas" else answer
    assert list(got.columns) == ["user", "movieId", "score"]
    first = list(dict.fromkeys(asked["user"].tolist()))
    assert got["user"].tolist() == [u for u in first for _ in range(3)]
    matrix = nw.Recommender(SMALL["ease"]).fit(R)
    ids, scores = matrix.recommend(NEW[[people.tolist().index(u) for u in first]], k=3)
    assert got["movieId"].tolist() == names[ids.ravel()].tolist()
    assert np.array_equal(got["score"].to_numpy(), scores.ravel())
    told = recommender.explain(frame)
    assert isinstance(told, type(frame))
    told = told.to_pandas() if library != "pandas" else told
    assert list(told.columns) == ["user", "movieId", "because", "score"]
    assert len(told) == len(asked["user"]) and list(dict.fromkeys(told["user"])) == first
    sums = told.groupby("user", sort=False)["score"].sum()
    np.testing.assert_allclose(sums.to_numpy(), scores[:, 0], atol=1e-12)
    asked = interactions(NEW, users=np.arange(40) * 3 + 100, items=items)
    answer = recommender.recommend(make(asked), k=1)
    got = answer.to_pandas() if library != "pandas" else answer
    assert got["user"].tolist() == list(dict.fromkeys(asked["user"].tolist()))
    assert got["user"].dtype == np.int64


def test_names_are_numbers_where_they_can_be():
    """A frame's gaps, once dropped, leave floats behind; a column of objects is text."""
    frame = pd.DataFrame(interactions(R))
    recommender = nw.Recommender(SMALL["ease"]).fit(frame.astype(float))
    assert recommender.items_.dtype == np.int64
    answer = recommender.recommend(frame.astype({"user": "float32"}), k=2)
    assert answer["user"].dtype == np.int64 and answer["movieId"].dtype == np.int64
    assert answer.equals(recommender.recommend(frame, k=2))
    for dtype in ("category", "string", object):
        text = pd.DataFrame(interactions(R, items=WORDS)).astype({"movieId": dtype})
        got = nw.Recommender(SMALL["ease"]).fit(text)
        assert got.items_.tolist() == WORDS.tolist() and len(got.recommend(text, k=1)) == R.any(1).sum()
        assert len(got.similar_items(text["movieId"][:5])[0]) == 5


def test_the_order_of_rows_does_not_matter():
    first, second = (pd.DataFrame(interactions(R, order=i)) for i in (0, 1))
    a, b = (nw.Recommender(SMALL["ease"]).fit(frame) for frame in (first, second))
    np.testing.assert_allclose(a.ae_.net_.decoder.weight, b.ae_.net_.decoder.weight, atol=1e-12)
    asked = pd.DataFrame(interactions(NEW))
    rows = [a.recommend(asked.iloc[::step], k=2).sort_values(["user", "score"]) for step in (1, -1)]
    assert np.array_equal(rows[0].to_numpy(), rows[1].to_numpy())


def test_values_of_frames_are_found_by_name():
    frame = pd.DataFrame(interactions(R))
    stars = np.random.default_rng(0).integers(1, 6, len(frame))
    liked = nw.Recommender(SMALL["ease"]).fit(frame)
    for name in ("rating", "value", "Count"):
        got = nw.Recommender(SMALL["ease"], at_least=3).fit(
            frame.assign(when=range(len(frame)), **{name: stars})
        )
        kept = frame[stars >= 3]
        x = np.zeros((len(R), ITEMS))
        x[(kept["user"] - 3) // 7, (kept["movieId"] + 20) // 5] = 1
        assert np.array_equal(got.popularity_, x.sum(0))
    asked = pd.DataFrame({"user": [1, 1], "movieId": [-20, -15], "rating": [5, 1]})
    ids = nw.Recommender(SMALL["ease"], at_least=3).fit(frame.assign(rating=stars)).recommend(asked, k=ITEMS)
    assert len(ids) == ITEMS - 2 and not {-20, -15} & set(ids["movieId"])
    assert len(liked.recommend(asked.drop(columns="rating"), k=ITEMS)) == ITEMS - 2


def test_columns_may_have_any_names_in_the_order_user_item():
    frame = pd.DataFrame(interactions(R)).set_axis(["who", "what"], axis=1)
    with pytest.warns(UserWarning, match="'who' was taken for users and 'what' for items"):
        recommender = nw.Recommender(SMALL["ease"]).fit(frame)
    answer = recommender.recommend(frame.iloc[:30], k=1)
    assert list(answer.columns) == ["who", "what", "score"] and recommender.columns_ == ("who", "what")
    turned = frame[["what", "who"]].rename(columns={"what": "item", "who": "user"})
    again = nw.Recommender(SMALL["ease"]).fit(turned).recommend(turned.iloc[:30], k=1)
    assert np.array_equal(answer.to_numpy(), again.to_numpy())


def test_a_frame_of_many_other_columns_is_no_list_of_interactions(refused):
    wide = pd.DataFrame(R).set_axis([f"film {i}" for i in range(R.shape[1])], axis=1)
    with refused("'film 0', 'film 1', 'film 2', 'film 3' and", "R.to_numpy()"):
        nw.Recommender(SMALL["ease"]).fit(wide)


def test_of_ratings_the_last_holds_and_counts_are_summed():
    frame = pd.DataFrame({"user": [1, 1, 2, 2, 3, 3], "item": list("aaabbb"), "rating": [2, 2, 5, 5, 5, 3]})
    liked = nw.Recommender(SMALL["ease"], at_least=4).fit(frame)
    assert liked.items_.tolist() == ["a", "b"] and liked.popularity_.tolist() == [1, 1]
    often = nw.Recommender(SMALL["ease"], at_least=4).fit(frame.rename(columns={"rating": "plays"}))
    assert often.popularity_.tolist() == [2, 2]
    twice = nw.Recommender(SMALL["ease"]).fit(pd.concat([frame, frame]).drop(columns="rating"))
    assert twice.popularity_.tolist() == [2, 2]


def test_what_nobody_has_is_no_item_of_a_frame_and_says_nothing_in_a_matrix():
    frame = pd.DataFrame(interactions(R)).assign(rating=5)
    frame = pd.concat([frame, pd.DataFrame({"user": [3], "movieId": [99_999], "rating": [1]})])
    recommender = nw.Recommender(SMALL["ease"], at_least=4).fit(frame)
    assert 99_999 not in recommender.items_
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # it does not count for whom is asked about either
        recommender.recommend(frame[frame["user"] == 3], k=2)
    x = np.hstack([R, np.zeros((len(R), 1))])
    alone = np.eye(x.shape[1])[-1:]
    for name in SMALL:
        recommender = nw.Recommender(SMALL[name]).fit(x)
        ids, _ = recommender.recommend(alone, k=3)
        assert ids[0].tolist() == np.argsort(-recommender.popularity_, kind="stable")[:3].tolist()
        near, scores = recommender.similar_items([x.shape[1] - 1, 0], k=2)
        assert near[0].tolist() == [-1, -1] and np.isneginf(scores[0]).all() and (near[1] >= 0).all()


@pytest.mark.parametrize("gap", [None, np.nan])
def test_a_user_without_items_is_a_row_without_an_item(gap):
    recommender = nw.Recommender(SMALL["ease"]).fit(pd.DataFrame(interactions(R)))
    asked = pd.DataFrame({"user": ["a", "b", "b"], "movieId": [gap, -20, gap]})
    got = recommender.recommend(asked, k=2)
    alone = recommender.recommend(asked.iloc[[1]].astype({"movieId": int}), k=2)
    assert (
        got["user"].tolist() == ["a", "a", "b", "b"]
        and got.iloc[2:]["movieId"].tolist() == alone["movieId"].tolist()
    )
    popular = recommender.items_[np.argsort(-recommender.popularity_, kind="stable")[:2]]
    assert got["movieId"].tolist()[:2] == popular.tolist()
    with pytest.raises(ValueError, match="gaps"):
        nw.Recommender(SMALL["ease"]).fit(asked)


def test_interactions_are_what_split_divides():
    frame = pd.DataFrame(interactions(R, items=WORDS))
    matrix, users, items = nw.tasks.recommend.interactions(frame)
    assert matrix.shape == (len(users), len(items)) and np.array_equal(
        matrix.toarray(), R[users // 7 - (users // 7).min()]
    )
    assert nw.tasks.recommend.split(matrix, least=2).train.shape[1] == len(items)
    with pytest.raises(TypeError, match="interactions"):
        nw.tasks.recommend.split(frame)
    with pytest.raises(TypeError, match="collect"):
        import polars as pl

        nw.Recommender(SMALL["ease"]).fit(pl.from_pandas(frame).lazy())


def test_unknown_items_are_left_out_which_is_said():
    recommender = nw.Recommender(SMALL["ease"]).fit(pd.DataFrame(interactions(R, items=WORDS)))
    asked = pd.DataFrame({"user": ["a", "b", "a"], "movieId": ["film a", "film zz", "film b"]})
    with pytest.warns(UserWarning, match="1 of 3 interactions .* 'film zz': they are left out"):
        got = recommender.recommend(asked, k=2)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        known = recommender.recommend(asked.iloc[[0, 2]], k=2)
    assert got["user"].tolist() == ["a", "a", "b", "b"] and got.iloc[:2].equals(known)
    popular = WORDS[np.argsort(-recommender.popularity_, kind="stable")[:2]]
    assert got["movieId"].tolist()[2:] == popular.tolist(), "who has no other is nobody"


def test_a_matrix_is_answered_with_the_names_that_were_fitted():
    recommender = nw.Recommender(SMALL["ease"]).fit(pd.DataFrame(interactions(R, items=WORDS)))
    X = NEW[:2].copy()
    X[1] = 1
    ids, scores = recommender.recommend(X, k=2)
    assert set(ids[0]) <= set(WORDS) and ids[1].tolist() == [None, None] and np.isneginf(scores[1]).all()


def test_files_are_read(tmp_path):
    frame = pd.DataFrame(interactions(R))
    frame.to_csv(tmp_path / "r.csv", index=False)
    frame.to_parquet(tmp_path / "r.parquet")
    expected = nw.Recommender(SMALL["ease"]).fit(frame).recommend(frame, k=2).to_numpy()
    for name in ("r.csv", "r.parquet"):
        got = nw.Recommender(SMALL["ease"]).fit(tmp_path / name).recommend(str(tmp_path / name), k=2)
        assert isinstance(got, pa.Table) and np.array_equal(got.to_pandas().to_numpy(), expected)


# Why, and what is alike


def test_reasons_sum_to_the_score_of_a_linear_model(fitted):
    recommender = fitted["ease"]
    _, scores = recommender.recommend(NEW, k=1)
    told = recommender.explain(NEW)
    assert scipy.sparse.issparse(told) and told.shape == NEW.shape
    some = NEW.any(1)
    np.testing.assert_allclose(told.sum(1)[some], scores[some, 0], atol=1e-12)
    assert not told.toarray()[NEW == 0].any()
    weights = recommender.ae_.net_.decoder.weight.numpy()
    asked = np.arange(len(NEW)) % ITEMS
    np.testing.assert_allclose(recommender.explain(NEW, asked).toarray(), NEW * weights.T[asked], atol=1e-12)


@every
def test_reasons_are_by_how_much_a_score_falls(fitted, name):
    recommender = fitted[name]
    X = NEW[NEW.sum(1) > 1][:3]
    told = recommender.explain(X, [1, 2, 3]).toarray()

    def score(row, item):
        ids, scores = recommender.recommend(row[None], k=ITEMS, exclude_seen=False)
        return scores[0, ids[0] == item][0]

    for i, (row, item) in enumerate(zip(X, [1, 2, 3], strict=True)):
        for j in np.flatnonzero(row):
            less = row.copy()
            less[j] = 0
            assert told[i, j] == pytest.approx(score(row, item) - score(less, item), abs=1e-5)


def test_without_a_history_or_a_recommendation_there_are_no_reasons(fitted):
    X = np.zeros((3, ITEMS))
    X[1] = 1
    X[2, 0] = 1
    told = fitted["ease"].explain(X)
    assert not told[[0]].nnz and not told[[1]].toarray().any() and told[[2]].nnz == 1


def test_items_that_gain_most_are_alike(fitted):
    weights = fitted["ease"].ae_.net_.decoder.weight.numpy()
    ids, scores = fitted["ease"].similar_items(k=3)
    assert ids.shape == (ITEMS, 3)
    for item in range(ITEMS):
        others = np.delete(np.arange(ITEMS), item)
        assert ids[item].tolist() == others[np.argsort(-weights[item][others], kind="stable")[:3]].tolist()
        np.testing.assert_allclose(scores[item], weights[item, ids[item]], atol=1e-12)
    same(fitted["ease"].similar_items([4, 1], k=3), (ids[[4, 1]], scores[[4, 1]]))
    named = nw.Recommender(SMALL["ease"]).fit(pd.DataFrame(interactions(R, items=WORDS)))
    assert named.similar_items("film e", k=3)[0].tolist() == [WORDS[ids[4]].tolist()]


@pytest.mark.parametrize("name", ["ease", "ease_hybrid", "default"])  # the others are hardly trained
def test_items_of_one_taste_are_alike(fitted, name):
    ids, _ = fitted[name].similar_items(k=3)
    assert ((ids < 7) == (np.arange(ITEMS) < 7)[:, None]).mean() > 0.8


# More users


@every
def test_more_users_are_learned_from(fitted, name):
    recommender = pickle.loads(pickle.dumps(fitted[name]))
    before = recommender.ae_
    weights = {n: t.clone() for n, t in before.net_.state_dict().items()}
    recommender.partial_fit(NEW)
    assert np.array_equal(recommender.popularity_, R.sum(0) + NEW.sum(0))
    assert recommender.n_users_ == R.any(1).sum() + NEW.any(1).sum()
    assert recommender.ae_ is not before
    assert all(torch.equal(t, before.net_.state_dict()[n]) for n, t in weights.items()), "the old one stays"
    moved = recommender.ae_.net_.state_dict()
    assert any(not torch.equal(t, moved[n]) for n, t in weights.items())
    assert np.isfinite(recommender.recommend(NEW[NEW.any(1)], k=1)[1]).all()
    again = recommender.ae_
    recommender.partial_fit(np.zeros((2, ITEMS)))
    assert recommender.ae_ is again, "nobody has told anything"


def test_the_first_users_may_come_by_partial_fit():
    same(
        nw.Recommender(SMALL["ease"]).partial_fit(R).recommend(NEW, 3),
        nw.Recommender(SMALL["ease"]).fit(R).recommend(NEW, 3),
    )


def test_more_users_in_a_frame():
    frames = [pd.DataFrame(interactions(X, items=WORDS)) for X in (R, NEW)]
    later = nw.Recommender(SMALL["ease"]).fit(frames[0]).partial_fit(frames[1])
    both = nw.Recommender(SMALL["ease"]).fit(np.vstack([R, NEW]))
    for a, b in ((later.ae_.net_, both.ae_.net_),):
        np.testing.assert_allclose(a.decoder.weight, b.decoder.weight, atol=1e-9)


# Which model


def test_a_fitted_model_is_used_as_it_is(fitted):
    ae = SMALL["mult_vae"]
    ae = clone(ae).fit(R)
    before = {n: t.clone() for n, t in ae.net_.state_dict().items()}
    for given in (ae, FrozenEstimator(ae)):
        recommender = nw.Recommender(given).fit(NEW)
        assert recommender.ae_ is ae and recommender.tried_ == []
        assert np.array_equal(recommender.popularity_, NEW.sum(0))
    assert all(torch.equal(t, before[n]) for n, t in ae.net_.state_dict().items())
    with pytest.raises(ValueError, match="ae was fitted on 14 items, but R has 5"):
        nw.Recommender(ae).fit(R[:, :5])


def test_a_model_that_is_not_fitted_stays_so():
    ae = nw.recipes.mult_vae(3, hidden=(8,), max_epochs=2, callbacks=())
    recommender = nw.Recommender(ae).fit(R)
    assert not hasattr(ae, "fitted_") and recommender.ae is ae and recommender.ae_ is not ae
    assert recommender.ae_.callbacks == ae.callbacks
    assert recommender.get_params(deep=False)["ae"] is ae


@pytest.mark.parametrize("name", ["ease", "ease_hybrid", "mult_vae", "default"])
def test_the_same_seed_gives_the_same_bits(fitted, name):
    state = torch.get_rng_state()
    again = nw.Recommender(None if name == "default" else SMALL[name]).fit(R)
    assert torch.equal(state, torch.get_rng_state())
    same(again.recommend(NEW, 5), fitted[name].recommend(NEW, 5))
    assert again.tried_ == fitted[name].tried_
    assert nw.Recommender(SMALL["ease"], random_state=np.random.RandomState(3)).fit(R).n_users_


def test_few_users_get_a_linear_model(fitted):
    assert fitted["default"].tried_ == []
    assert isinstance(fitted["default"].ae_.backbone, nw.backbones.ItemItem)
    assert nw.Recommender(validation_fraction=0).fit(R).tried_ == []
    for X in ([[1.0]], [[1, 1, 1]], np.eye(3)):
        ids, _ = nw.Recommender().fit(X).recommend(X, k=2)
        assert ids.shape == (len(X), 2)


@pytest.fixture(scope="module")
def tried():
    """The best of several, for held-out users, without those that take their time."""
    patch = pytest.MonkeyPatch()
    patch.setattr(
        _preferences, "_variational", lambda seed: clone(SMALL["mult_vae"]).set_params(random_state=seed)
    )
    patch.setattr(_preferences, "ALONE", 300)
    hybrid = SMALL["ease_hybrid"]
    patch.setattr(_preferences, "_hybrid", lambda l2, seed: clone(hybrid).set_params(random_state=seed))
    yield nw.Recommender(validation_fraction=0.2).fit(clicks(300))
    patch.undo()


def test_the_best_for_held_out_users_is_taken(tried):
    names = [row["model"] for row in tried.tried_]
    assert names[:4] == [f"edlae(l2={l2})" for l2 in (30, 100, 300, 1000)] and len(names) == 6
    assert names[4].startswith("ease_hybrid") and names[5] == "mult_vae"
    best = max(tried.tried_, key=lambda row: row["ndcg@100"])["model"]
    if best.startswith("edlae"):
        assert f"l2={tried.ae_.backbone.l2:g}" in best
    assert tried.ae_.fitted_.training["rows"] == tried.n_users_, "fitted on all users, with those held out"
    assert tried.ae_.callbacks == ()


def test_few_users_are_not_asked_of_a_network_alone(monkeypatch):
    monkeypatch.setattr(_preferences, "_hybrid", lambda l2, seed: clone(SMALL["ease_hybrid"]))
    names = [row["model"] for row in nw.Recommender(validation_fraction=0.2).fit(clicks(299)).tried_]
    assert len(names) == 5 and "mult_vae" not in names
    monkeypatch.setattr(_preferences, "CLOSED", ITEMS - 1)
    monkeypatch.setattr(_preferences, "_variational", lambda seed: clone(SMALL["mult_vae"]))
    many = nw.Recommender(validation_fraction=0.2).fit(clicks(299))
    assert [row["model"] for row in many.tried_] == ["mult_vae"]


@pytest.mark.parametrize(("later", "kept"), [(0.01, 0), (0.2, 2)])
def test_a_start_that_is_of_use_gives_way_to_what_is_surely_better(later, kept, monkeypatch):
    """By two standard errors: 0.01 is within them, whatever epoch it comes in."""
    rng, net = np.random.default_rng(0), torch.nn.Linear(1, 1)
    start = rng.random(50)
    curves = iter([start, start - 0.1, start + later + rng.normal(0, 0.1, 50), start])
    monkeypatch.setattr(_judge, "ranked", lambda net, fold: next(curves))
    judge = _judge.Judge(None, start=True)
    state = SimpleNamespace(net=net, settings=SimpleNamespace(patience=None, max_epochs=3), stop=False)
    judge.on_fit_start(state)
    for epoch in range(3):
        torch.nn.init.constant_(net.weight, epoch + 1.0)
        judge.on_epoch_end(state)
    assert judge.best == kept
    judge.on_fit_end(state)
    assert state.kept == kept and (not kept or float(net.weight.detach()) == kept)


def test_no_epoch_at_all_where_the_start_is_best():
    recommender = nw.Recommender(SMALL["ease_hybrid"]).fit(R[:20])
    assert recommender.ae_.history_ == []


@pytest.mark.parametrize("name", ["ease_hybrid", "mult_vae"])
def test_a_network_is_trained_as_long_as_held_out_users_gain(name):
    ae = clone(SMALL[name]).set_params(max_epochs=6)
    recommender = nw.Recommender(ae, validation_fraction=0.2).fit(clicks(300))
    ((row,),) = (recommender.tried_,)
    assert row["model"] == "ae" and 0 < row["ndcg@100"] <= 1
    training = recommender.ae_.fitted_.training
    assert training["rows"] == recommender.n_users_ and training["validation_rows"] == 0
    assert training["kept_epoch"] <= 6 and recommender.ae_.callbacks == ()


@pytest.mark.slow
def test_the_default_beats_popularity_by_far():
    frame = nw.datasets.movies().X.to_pandas()
    places = frame["user"] - 1, frame["item"].astype("category").cat.codes
    parts = tasks.split(scipy.sparse.csr_array((np.ones(len(frame)), places)), validation=0, test=0.2)
    recommender = nw.Recommender().fit(parts.train)
    mine = tasks.ndcg(recommender.recommend(parts.test.seen, k=100)[0], parts.test.held)
    popular = tasks.ndcg(tasks.popular(parts.train, parts.test.seen, 100), parts.test.held)
    assert np.nanmean(mine) > 1.4 * np.nanmean(popular)
    assert tasks.bootstrap(mine, popular).p < 1e-3


# Kept


@pytest.mark.parametrize("items", ["matrix", "ints", "words"])
@pytest.mark.parametrize("name", ["ease", "ease_hybrid", "mult_vae", None])
def test_saved_and_loaded(tmp_path, name, items):
    ae = None if name is None else SMALL[name]
    names = WORDS if items == "words" else None
    data, asked = (X if items == "matrix" else pd.DataFrame(interactions(X, items=names)) for X in (R, NEW))
    recommender = nw.Recommender(ae, at_least=0.5).fit(data)
    recommender.save(tmp_path / "r.safetensors")
    again = nw.load(tmp_path / "r.safetensors")
    assert (
        isinstance(again, nw.Recommender) and again.at_least == 0.5 and (again.ae is None) == (name is None)
    )
    assert again.tried_ == recommender.tried_ and again.n_users_ == recommender.n_users_
    assert again.items_.tolist() == recommender.items_.tolist() and again.n_features_in_ == ITEMS
    assert np.array_equal(again.popularity_, recommender.popularity_)
    same_data = zip(again.similar_items(k=2), recommender.similar_items(k=2), strict=True)
    assert all(np.array_equal(a, b) for a, b in same_data)
    if items == "matrix":
        same(again.recommend(asked, 3), recommender.recommend(asked, 3))
    else:
        assert again.recommend(asked, 3).equals(recommender.recommend(asked, 3))
        assert again.explain(asked).equals(recommender.explain(asked))
    same(again.partial_fit(NEW).recommend(R, 3), recommender.partial_fit(NEW).recommend(R, 3))


def test_what_was_tried_is_saved(tried, tmp_path):
    tried.save(tmp_path / "r.safetensors")
    again = nw.load(tmp_path / "r.safetensors")
    assert again.tried_ == tried.tried_ and len(again.tried_) == 6
    same(again.recommend(NEW, 3), tried.recommend(NEW, 3))


@every
def test_pickled_and_cloned(fitted, name):
    again = pickle.loads(pickle.dumps(fitted[name]))
    same(again.recommend(NEW, 3), fitted[name].recommend(NEW, 3))
    fresh = clone(fitted[name])
    assert not hasattr(fresh, "models_") and not hasattr(fresh, "items_")
    with pytest.raises(NotFittedError):
        fresh.recommend(NEW)


@pytest.mark.parametrize("ae", [None, SMALL["mult_vae"]], ids=["default", "mult_vae"])
def test_scikit_learns_own_checks(ae):
    results = check_estimator(nw.Recommender(ae), on_fail=None, on_skip=None)
    assert [r["check_name"] for r in results if r["status"] == "skipped"] == ["check_array_api_input"]
    assert not [
        (r["check_name"], r["exception"]) for r in results if r["status"] not in ("passed", "skipped")
    ]
    assert not any(r["expected_to_fail"] for r in results)
    assert Counter(r["status"] for r in results)["passed"] > 40


# What is refused


@pytest.mark.parametrize(
    ("X", "given"),
    [
        (np.zeros((3, 4)), "no interactions"),
        ([1, 0, 1], "1-D"),
        (np.ones((2, 2, 2)), "3-D"),
        (np.ones((0, 3)), "0 rows"),
        (np.ones((3, 0)), "0 feature(s)"),
        ([[1, np.nan]], "NaN"),
        ([[1, np.inf]], "infinity"),
        ([[1, -2.5]], "-2.5"),
        ([["a", "b"]], "'a'"),
        (scipy.sparse.csr_array((3, 4)), "no interactions"),
        (scipy.sparse.csr_array([[1, 2j]]), "complex"),
        (scipy.sparse.coo_array(([1.0, np.nan], ([0, 0], [0, 1]))), "NaN"),
        (pd.DataFrame({"user": [1, 2]}), "'user'"),
        (pd.DataFrame({"user": [], "item": []}), "no rows"),
        (pd.DataFrame({"user": [1, None], "item": [1, 2]}), "'user'"),
        (pd.DataFrame({"user": [1, 2], "item": ["a", None]}), "'item'"),
        (pl.DataFrame({"user": [1.0, np.nan], "item": [1, 2]}), "1 gaps"),
        (pd.DataFrame({"user": [1, 2], "item": [1, 2], "rating": ["a", "b"]}), "'rating'"),
        (pd.DataFrame({"user": [1, 2], "item": [1, 2], "rating": [1.0, np.nan]}), "'rating'"),
        (pd.DataFrame({"user": [1, 2], "item": [1, 2], "rating": [1.0, -1.0]}), "-1"),
        (pd.DataFrame({"user": [1, 2], "item": [1, 2], "rating": [0, 0]}), "no interactions"),
    ],
)
def test_what_are_no_interactions_is_refused(X, given, refused):
    with refused(given):
        nw.Recommender().fit(X)


@pytest.mark.parametrize(
    ("arguments", "given"),
    [
        ({"validation_fraction": 1.0}, "validation_fraction=1.0"),
        ({"validation_fraction": -0.1}, "validation_fraction=-0.1"),
        ({"validation_fraction": True}, "validation_fraction=True"),
        ({"at_least": "4"}, "at_least='4'"),
        ({"at_least": np.nan}, "at_least=nan"),
        ({"at_least": 99}, "99"),
        ({"random_state": -1}, "random_state=-1"),
        ({"ae": "ease"}, "str"),
        ({"ae": nw.Recommender()}, "Recommender"),
    ],
)
def test_parameters_are_checked(arguments, given, refused):
    with refused(given):
        nw.Recommender(**arguments).fit(R)


@pytest.mark.parametrize("k", [0, -1, 2.5, "3", None, True])
def test_k_is_a_number_of_items(fitted, k, refused):
    with refused(f"k={k!r}"):
        fitted["ease"].recommend(NEW, k=k)
    with refused(f"k={k!r}"):
        fitted["ease"].similar_items(k=k)


def test_other_rows_than_those_fitted_are_refused(fitted, refused):
    for verb in ("recommend", "transform", "explain", "partial_fit"):
        with refused("5 features"):
            getattr(fitted["ease"], verb)(NEW[:, :5])
        with refused("frame", "14 items"):
            getattr(fitted["ease"], verb)(pd.DataFrame(interactions(NEW)))
    named = nw.Recommender(SMALL["ease"]).fit(pd.DataFrame(interactions(R)))
    with refused("'film a'"):
        named.recommend(pd.DataFrame({"user": [1], "movieId": ["film a"]}))
    for empty in (pd.DataFrame({"user": [], "movieId": []}), pd.DataFrame(interactions(R)).iloc[:0]):
        with refused("no rows"):
            named.recommend(empty)


@pytest.mark.parametrize("items", [[ITEMS], [-1], [0.5], ["a"], [None]])
def test_items_that_are_not_there_are_refused(fitted, items, refused):
    with refused(repr(items[0])):
        fitted["ease"].similar_items(items)
    named = nw.Recommender(SMALL["ease"]).fit(pd.DataFrame(interactions(R, items=WORDS)))
    with refused(repr(items[0])):
        named.similar_items(items)
    with refused("among the 14"):
        fitted["ease"].explain(NEW[:1], items)
    with refused("2 items", "40 users"):
        fitted["ease"].explain(NEW, [1, 2])


def test_nothing_is_answered_before_it_is_fitted():
    for verb in ("recommend", "transform", "explain"):
        with pytest.raises(NotFittedError):
            getattr(nw.Recommender(), verb)(NEW)
    with pytest.raises(NotFittedError):
        nw.Recommender().similar_items()


def test_of_equal_scores_the_first_items_are_best():
    scores = np.zeros((3, 50))
    scores[1, 30], scores[2, [7, 3]] = 1.0, 2.0
    assert tasks.best_of(scores, 3).tolist() == [[0, 1, 2], [30, 0, 1], [3, 7, 0]]


def test_ratings_are_needed_where_they_are_asked_for():
    frame = pd.DataFrame({"user": [1, 1, 2], "item": [1, 2, 2], "rating": [5, 4, 5]})
    recommender = nw.Recommender(SMALL["ease"], at_least=4).fit(frame)
    with pytest.raises(ValueError, match="pass a column named value"):
        recommender.recommend(frame[["user", "item"]])


def test_the_measures_are_public():
    assert nw.tasks.recommend is tasks and {"split", "ndcg", "recall", "bootstrap"} <= set(tasks.__all__)

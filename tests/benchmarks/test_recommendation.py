"""The benchmark of recommenders: its baselines are what they say, its data are read right."""

import numpy as np
import pytest
import scipy.sparse
from benchmarks import recommendation as bench

TRAIN = scipy.sparse.csr_matrix(np.random.default_rng(0).random((14, 9)) < 0.4, dtype=float)
SEEN = scipy.sparse.csr_matrix(np.random.default_rng(1).random((5, 9)) < 0.4, dtype=float)


def ranked(scores, seen=SEEN, k=3):
    return np.argsort(-np.where(seen.toarray() > 0, -np.inf, scores), axis=1)[:, :k]


@pytest.mark.parametrize("rows", [14, 6])  # more users than items, and fewer
def test_ease_is_least_squares_without_a_diagonal(rows):
    X = TRAIN.toarray()[:rows]
    weights = np.zeros((9, 9))
    for j in range(9):  # each item from all others, ridge regression
        others = np.delete(np.arange(9), j)
        weights[others, j] = np.linalg.solve(
            X[:, others].T @ X[:, others] + 2 * np.eye(8), X[:, others].T @ X[:, j]
        )
    found = bench.ease(TRAIN[:rows], 0, l2=2.0)(SEEN, 3)
    np.testing.assert_array_equal(found, ranked(SEEN.toarray() @ weights))


def test_neighbours_are_the_nearest_by_shrunken_cosines():
    X = TRAIN.toarray()
    norms = np.linalg.norm(X, axis=0)
    near = X.T @ X / (np.outer(norms, norms) + 3)
    np.fill_diagonal(near, 0)
    for j in range(9):
        near[near[:, j] < np.sort(near[:, j])[-4], j] = 0  # ties are kept
    rng = np.random.default_rng(2)
    seen = scipy.sparse.csr_matrix(rng.random((5, 9)) * (rng.random((5, 9)) < 0.6))  # no ties
    found = bench.knn(TRAIN, 0, shrink=3, neighbours=4, power=0.5)(seen, 3)
    scores = np.sort(np.where(seen.toarray() > 0, -np.inf, seen.toarray() @ near), axis=1)[:, :-4:-1]
    np.testing.assert_allclose(
        np.take_along_axis(seen.toarray() @ near, found, 1)[found >= 0], scores[found >= 0], atol=1e-12
    )


def test_blocks_and_few_items_make_no_difference(monkeypatch):
    recommend = bench.by_score(lambda seen: np.tile(np.arange(9.0), (seen.shape[0], 1)))
    wanted = recommend(SEEN, 8)
    assert (wanted[:, 0] == [max(np.flatnonzero(row == 0)) for row in SEEN.toarray()]).all()
    assert ((wanted >= 0).sum(1) == np.minimum(8, 9 - np.diff(SEEN.indptr))).all()
    monkeypatch.setattr(bench, "BLOCK", 1)
    np.testing.assert_array_equal(recommend(SEEN, 8), wanted)
    padded = recommend(SEEN, 12)
    np.testing.assert_array_equal(padded[:, :8], wanted)
    assert (padded[:, 9:] == -1).all()


@pytest.mark.parametrize(
    "text",
    [
        "userid,movieid,rating,timestamp\n7,b,4.0,1\n7,a,2.5,2\n3,a,5,3\n7,b,4.5,4\n",
        "timestamp,Rating,item_id,User\n1,4.0,b,7\n2,2.5,a,7\n3,5,a,3\n4,4.5,b,7\n",
        "who,what,how\n7,b,4.0\n7,a,2.5\n3,a,5\n7,b,4.5\n",
        "7,20,4.0,1\n7,10,2.5,2\n3,10,5,3\n7,20,4.5,4\n",
        "user,item\n7,b\n3,a\n",
    ],
)
def test_columns_are_found_by_name_or_position(tmp_path, text):
    (tmp_path / "r.csv").write_text(text)
    found = bench.interactions(tmp_path / "r.csv", 4.0)
    np.testing.assert_array_equal(found.toarray(), [[1, 0], [0, 1]])


def test_the_search_finds_the_best_and_tries_nothing_twice():
    tried = []

    def judge(settings):
        tried.append(tuple(settings.values()))
        return -2 * (settings["a"] - 7) ** 2 - (settings["b"] - settings["a"]) ** 2

    axes = {"a": tuple(range(10)), "b": tuple(range(10))}
    for start in (None, {"a": 0, "b": 9}):
        tried.clear()
        assert bench.Candidates(bench.popularity, axes, start).search(judge) == {"a": 7, "b": 7}
        assert len(tried) == len(set(tried)) <= 100
    assert len(tried) < 80


def test_the_table_pairs_every_model_with_ease():
    parts = bench.parted(scipy.sparse.csr_matrix(np.ones((40, 9))), None, 5, 0)
    lines = [bench.measured(name, parts, seed) for name in ("popularity", "EASE") for seed in (0, 1)]
    rows = bench.table(lines).splitlines()
    assert [row.count("|") for row in rows] == [rows[0].count("|")] * 4
    assert "+0.0000 [+0.0000, +0.0000] | 1.0000 |" in rows[2] and rows[3].endswith("|  |  |")
    with pytest.raises(ValueError, match="32 are left"):
        bench.parted(scipy.sparse.csr_matrix(np.ones((40, 9))), [30, 4, 4], 5, 0)

"""The built-in data sets, and the order in which they are looked for."""

import gzip
import hashlib
import io
import os
import struct
import urllib.error
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from narrows import datasets


def idx_bytes(array):
    return struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape) + array.tobytes()


SMALL = datasets.Dataset(
    x_train=np.arange(3 * 28 * 28, dtype=np.uint32).astype(np.uint8).reshape(3, 28, 28),
    y_train=np.array([2, 1, 0], np.uint8),
    x_test=np.full((2, 28, 28), 7, np.uint8),
    y_test=np.array([5, 6], np.uint8),
)
PACKED = {file: gzip.compress(idx_bytes(array)) for file, array in zip(datasets.FILES, SMALL, strict=True)}


@pytest.fixture
def published(tmp_path, monkeypatch):
    """A small data set published nowhere but here; no look at the real folders or the network."""
    monkeypatch.delenv("NARROWS_DATA", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    fetched = []

    def urlopen(url, timeout):
        fetched.append(url)
        return io.BytesIO(PACKED[url.rpartition("/")[2]])

    monkeypatch.setattr(datasets.urllib.request, "urlopen", urlopen)
    checksums = tuple(hashlib.sha256(gzip.decompress(PACKED[file])).hexdigest() for file in datasets.FILES)
    small = replace(
        datasets._FASHION_MNIST, url="http://localhost/", sha256=checksums, installed=tmp_path / "deb"
    )
    monkeypatch.setattr(datasets, "_FASHION_MNIST", small)
    return fetched


def assert_same(data, expected=SMALL):
    for got, want in zip(data, expected, strict=True):
        np.testing.assert_array_equal(got, want)
        assert got.dtype == want.dtype


def test_digits_are_all_there_and_split_by_class():
    from sklearn.datasets import load_digits

    data = datasets.digits()
    pixels, labels = load_digits(return_X_y=True)
    assert data.X.shape == (1797, 8, 8) and data.y.shape == (1797,)
    # The same rows, each once: sorted with their labels they are the original.
    ours = np.column_stack([data.X.reshape(-1, 64), data.y])
    theirs = np.column_stack([pixels, labels])
    np.testing.assert_array_equal(ours[np.lexsort(ours.T)], theirs[np.lexsort(theirs.T)])
    np.testing.assert_array_equal(np.bincount(data.y_test), np.round(np.bincount(labels) / 5))


def test_digits_split_is_fixed():
    first = datasets.digits()
    np.random.seed(1)  # noqa: NPY002 - the global state must make no difference, and must not be touched
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    assert_same(datasets.digits(), first)
    np.testing.assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002
    assert hashlib.sha256(first.x_test.tobytes()).hexdigest()[:16] == "860a797f5e2e2227"


def test_made_up_ratings_are_readable_and_always_the_same():
    np.random.seed(1)  # noqa: NPY002 - as above
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    data = datasets.movies()
    np.testing.assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002
    assert data == datasets.movies()
    frame = data.X.to_pandas()
    assert len(frame) == data.x_train.num_rows + data.x_test.num_rows
    assert frame["user"].nunique() == 600 and frame["item"].nunique() == 400
    assert set(frame["value"]) == {1, 2, 3, 4, 5}
    assert frame["item"].str.fullmatch(r"[A-Z][a-z]+ [A-Z][a-z]+ \([a-z ]+\)").all()
    assert not frame.duplicated(["user", "item"]).any()
    assert frame["time"].is_monotonic_increasing
    users = [set(part["user"].to_pylist()) for part in (data.x_train, data.x_test)]
    assert len(users[1]) == 120 and not users[0] & users[1]


def test_made_up_ratings_have_a_long_tail_and_tastes_beyond_popularity():
    """EASE (Steck 2019), which sees only who watched what, finds a third more than popularity."""
    import scipy.sparse

    from narrows.tasks.ranking import ndcg, popular
    from narrows.tasks.splitting import split

    frame = datasets.movies().X.to_pandas()
    counts = frame["item"].value_counts()
    assert counts.iloc[:40].sum() > 0.3 * len(frame) and (counts < 0.1 * counts.iloc[0]).sum() > 150
    places = frame["user"] - 1, frame["item"].astype("category").cat.codes
    parts = split(scipy.sparse.csr_array((np.ones(len(frame)), places)), test=0.2)
    inverse = np.linalg.inv((parts.train.T @ parts.train).toarray() + 150 * np.eye(400))
    weights = np.eye(400) - inverse / np.diag(inverse)
    seen = parts.test.seen.toarray()
    ids = np.argsort(-np.where(seen > 0, -np.inf, seen @ weights), axis=1)[:, :100]
    by_taste, by_fame = (ndcg(a, parts.test.held) for a in (ids, popular(parts.train, parts.test.seen, 100)))
    assert np.mean(by_taste) > 4 / 3 * np.mean(by_fame)


def test_download_is_checked_cached_and_not_repeated(published, tmp_path):
    assert_same(datasets.fashion_mnist())
    assert len(published) == 4
    assert sorted(p.name for p in (tmp_path / "cache/narrows/fashion_mnist").iterdir()) == sorted(PACKED)
    assert_same(datasets.fashion_mnist())
    assert len(published) == 4


def test_folder_comes_first_then_package_then_cache(published, tmp_path, monkeypatch):
    datasets.fashion_mnist()  # fills the cache
    (tmp_path / "deb").mkdir()
    for file in datasets.FILES:
        (tmp_path / "cache/narrows/fashion_mnist" / file).rename(tmp_path / "deb" / file)
    assert_same(datasets.fashion_mnist())
    assert len(published) == 4  # from the package: the cache is empty
    chosen = SMALL._replace(x_test=np.zeros((1, 28, 28), np.uint8), y_test=np.zeros(1, np.uint8))
    np.savez(tmp_path / "fashion_mnist.npz", **chosen._asdict())
    monkeypatch.setenv("NARROWS_DATA", str(tmp_path))
    assert_same(datasets.fashion_mnist(), chosen)


def test_offline_says_what_to_do(published, tmp_path, monkeypatch):
    def unreachable(url, timeout):
        raise urllib.error.URLError("no route")

    monkeypatch.setattr(datasets.urllib.request, "urlopen", unreachable)
    with pytest.raises(OSError, match=r"cannot be downloaded .*no route.*set NARROWS_DATA"):
        datasets.fashion_mnist()
    assert not list((tmp_path / "cache").rglob("*ubyte*"))


def test_a_wrong_download_is_not_kept(published, tmp_path, monkeypatch):
    monkeypatch.setitem(PACKED, datasets.FILES[1], gzip.compress(idx_bytes(np.array([9, 9, 9], np.uint8))))
    with pytest.raises(ValueError, match="sha256"):
        datasets.fashion_mnist()
    kept = [path.name for path in (tmp_path / "cache").rglob("*") if path.is_file()]
    assert kept == [datasets.FILES[0]]


def test_a_wrong_folder_is_named(published, tmp_path, monkeypatch):
    monkeypatch.setenv("NARROWS_DATA", str(tmp_path))
    np.savez(tmp_path / "fashion_mnist.npz", x_train=SMALL.x_train)
    with pytest.raises(ValueError, match=r"fashion_mnist\.npz.*y_train"):
        datasets.fashion_mnist()


@pytest.mark.parametrize("name", ["mnist", "fashion_mnist"])
def test_the_real_images_match_their_checksums(name):
    folder = os.environ.get("NARROWS_DATA")
    if not folder or not (Path(folder) / f"{name}.npz").is_file():
        pytest.skip(f"NOT TESTED: set NARROWS_DATA to a folder with {name}.npz to check the real {name}")
    data = getattr(datasets, name)()
    assert data.X.shape == (70000, 28, 28) and data.y.shape == (70000,)
    checksums = getattr(datasets, f"_{name.upper()}").sha256
    for array, sha256 in zip(data, checksums, strict=True):
        assert hashlib.sha256(idx_bytes(array)).hexdigest() == sha256

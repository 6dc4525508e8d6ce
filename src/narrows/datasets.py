"""Data to try things on: the digits of scikit-learn, MNIST and Fashion-MNIST, and made-up ratings of films.

``mnist`` and ``fashion_mnist`` look, in this order, at

1. the folder named by the environment variable ``NARROWS_DATA`` (``mnist.npz``, ``fashion_mnist.npz`` with
   the arrays ``x_train, y_train, x_test, y_test``),
2. the Debian package ``dataset-fashion-mnist`` (for Fashion-MNIST),
3. the cache, ``$XDG_CACHE_HOME/narrows`` or ``~/.cache/narrows``,
4. the publisher, whose files are checked and then kept in the cache.
"""

from __future__ import annotations

import os
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from narrows.atomic import atomic_path
from narrows.sources import files, idx

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["Dataset", "Ratings", "digits", "fashion_mnist", "mnist", "movies"]

PARTS = ("x_train", "y_train", "x_test", "y_test")
FILES = (  # in the order of PARTS; both publishers use the same names
    "train-images-idx3-ubyte.gz",
    "train-labels-idx1-ubyte.gz",
    "t10k-images-idx3-ubyte.gz",
    "t10k-labels-idx1-ubyte.gz",
)
SECONDS = 30  # without an answer, before a download is given up

# What films are called: each first word with each second one of each genre.
FIRST = ("Silent", "Last", "Golden", "Broken", "Hidden", "Second", "Crooked", "Distant", "Midnight", "Little")
SECOND = {
    "crime": ("Alibi", "Detective", "Vault", "Witness", "Ledger"),
    "comedy": ("Wedding", "Neighbour", "Holiday", "Parrot", "Landlord"),
    "romance": ("Letter", "Kiss", "Promise", "Summer", "Waltz"),
    "horror": ("Cellar", "Mirror", "Scream", "Fog", "Doll"),
    "science fiction": ("Orbit", "Signal", "Colony", "Robot", "Star"),
    "documentary": ("River", "Glacier", "Harbour", "Orchestra", "Village"),
    "western": ("Saloon", "Sheriff", "Canyon", "Horse", "Dust"),
    "animation": ("Dragon", "Castle", "Hedgehog", "Balloon", "Lighthouse"),
}
USERS = 600


class Dataset(NamedTuple):
    """Images and labels, split for training and testing.

    ``x_train`` and ``x_test`` are (n, height, width), ``y_train`` and ``y_test`` are (n,) integers.
    ``X`` and ``y`` are all the rows, those for training first.
    """

    x_train: np.ndarray
    y_train: np.ndarray
    x_test: np.ndarray
    y_test: np.ndarray

    @property
    def X(self) -> np.ndarray:
        """All images, (n, height, width), those for training first."""
        return np.concatenate([self.x_train, self.x_test])

    @property
    def y(self) -> np.ndarray:
        """The label of each image of ``X``."""
        return np.concatenate([self.y_train, self.y_test])


class Ratings(NamedTuple):
    """Who gave what how many stars, and when: Arrow tables with the columns user, item, value and time.

    The users of ``x_test`` are others than those of ``x_train``.  Each table is in the order of time.
    """

    x_train: pa.Table
    x_test: pa.Table

    @property
    def X(self) -> pa.Table:
        """All ratings, in the order of time."""
        import pyarrow as pa

        return pa.concat_tables([self.x_train, self.x_test]).sort_by("time")


@dataclass(frozen=True)
class _Published:
    """Where a data set is published and what its four files hold."""

    name: str
    url: str
    sha256: tuple[str, str, str, str]  # of the unpacked files, in the order of FILES
    installed: Path | None = None  # the folder of a system package


_MNIST = _Published(
    name="mnist",
    url="https://ossci-datasets.s3.amazonaws.com/mnist/",
    sha256=(
        "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
        "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
        "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
        "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
    ),
)
_FASHION_MNIST = _Published(
    name="fashion_mnist",
    url="http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
    sha256=(
        "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
        "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
        "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
        "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
    ),
    installed=Path("/usr/share/datasets/fashion-mnist"),
)


def digits() -> Dataset:
    """The 1,797 handwritten digits that scikit-learn ships: 8×8 images, float32, from 0 to 16.

    A fifth of each class is set aside for testing, always the same rows, in the original order.
    Source: Alpaydin and Kaynak, "Optical recognition of handwritten digits", UCI, 1998.

    >>> data = digits()
    >>> data.x_train.shape, data.x_test.shape, data.X.shape
    ((1438, 8, 8), (359, 8, 8), (1797, 8, 8))
    >>> data.X.dtype, float(data.X.min()), float(data.X.max())
    (dtype('float32'), 0.0, 16.0)
    """
    from sklearn.datasets import load_digits  # here, because it takes half a second

    pixels, labels = load_digits(return_X_y=True)
    images = pixels.reshape(-1, 8, 8).astype(np.float32)
    # RandomState and not Generator: NumPy promises that its stream never changes, so neither will the split.
    shuffled = np.random.RandomState(0).permutation(len(labels))
    test = np.zeros(len(labels), bool)
    for label in range(10):
        members = shuffled[labels[shuffled] == label]
        test[members[: round(len(members) / 5)]] = True
    return Dataset(images[~test], labels[~test], images[test], labels[test])


def mnist() -> Dataset:
    """MNIST, 60,000 + 10,000 handwritten digits: 28×28 images, uint8, in the original order.

    Source: LeCun, Bottou, Bengio and Haffner, "Gradient-based learning applied to document recognition",
    1998. The module's header says where it is looked for; 11 MB are fetched when it is nowhere.

    Raises:
        OSError: it is not on this machine and cannot be downloaded.
        ValueError: a file that was found is damaged.
    """
    return _find(_MNIST)


def fashion_mnist() -> Dataset:
    """Fashion-MNIST, 60,000 + 10,000 pieces of clothing: 28×28 images, uint8, in the original order.

    Source: Xiao, Rasul and Vollgraf, "Fashion-MNIST", arXiv:1708.07747, 2017. The module's header says
    where it is looked for; 31 MB are fetched when it is nowhere.

    Raises:
        OSError: it is not on this machine and cannot be downloaded.
        ValueError: a file that was found is damaged.
    """
    return _find(_FASHION_MNIST)


def movies() -> Ratings:
    """Made-up ratings: 600 users give 1 to 5 stars to some of 400 films of eight genres that do not exist.

    What a user watches follows how well known a film is (few are, most are not), the user's taste in genres, and
    a finer one that films with the same last word have in common; stars follow taste and quality, not
    fame.  Always the same ratings.  A fifth of the users are set aside for testing.

    >>> data = movies()
    >>> data.X.column_names, data.X.num_rows, data.x_test["user"].unique().to_pylist()[:3]
    (['user', 'item', 'value', 'time'], 20213, [582, 404, 249])
    >>> data.X["item"][0].as_py()
    'Distant Neighbour (comedy)'
    """
    import pyarrow as pa

    # RandomState for the same reason as above.
    state, nouns = (
        np.random.RandomState(0),
        [(genre, word) for genre, words in SECOND.items() for word in words],
    )
    titles = np.array([f"{first} {word} ({genre})" for genre, word in nouns for first in FIRST])
    kind = np.repeat(np.arange(len(nouns)), len(FIRST))  # (items,)
    genre = np.repeat(np.arange(len(SECOND)), len(titles) // len(SECOND))
    fame = -np.log1p(state.permutation(len(titles)) / 8)
    quality = state.normal(size=len(titles))
    style = state.normal(size=(len(nouns), 4))[kind] + 0.5 * state.normal(size=(len(titles), 4))
    taste = np.log(state.dirichlet(np.full(len(SECOND), 0.6), USERS) + 0.02)  # (users, genres)
    liking = taste[:, genre] + 0.7 * state.normal(size=(USERS, 4)) @ style.T  # (users, items)
    # The largest few of log-weights with Gumbel noise are draws without replacement by these weights.
    drawn = np.argsort(-(1.2 * fame + liking + state.gumbel(size=liking.shape)), axis=1)
    counts = np.clip(np.exp(state.normal(3.4, 0.6, USERS)), 8, 160).astype(int)
    user = np.repeat(np.arange(USERS), counts)
    item = np.concatenate([row[:n] for row, n in zip(drawn, counts, strict=True)])
    felt = liking[user, item]
    felt = (
        0.7 * (felt - felt.mean()) / felt.std() + 0.4 * quality[item] + 0.3 * state.normal(size=USERS)[user]
    )
    value = np.clip(np.round(3.5 + felt + 0.6 * state.normal(size=len(user))), 1, 5).astype(np.int8)
    # Everybody joins some day of 2024 and rates for some weeks.
    seconds = 86_400 * (366 * state.random_sample(USERS)[user] + state.exponential(20.0, len(user)))
    time = np.datetime64("2024-01-01", "s") + seconds.astype("timedelta64[s]")
    order = np.argsort(time, kind="stable")
    table = pa.table({"user": user + 1, "item": titles[item], "value": value, "time": time}).take(order)
    test = np.isin(user[order], state.permutation(USERS)[: USERS // 5])
    return Ratings(table.filter(pa.array(~test)), table.filter(pa.array(test)))


def _find(published: _Published) -> Dataset:
    chosen = os.environ.get("NARROWS_DATA")
    if chosen and (path := Path(chosen) / f"{published.name}.npz").is_file():
        return Dataset(*files.read_arrays(path, PARTS))
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "narrows" / published.name
    folder = published.installed if _complete(published.installed) else cache
    if not _complete(folder):
        _download(published, cache)
    return Dataset(
        *(idx.read(folder / file, sum_) for file, sum_ in zip(FILES, published.sha256, strict=True))
    )


def _complete(folder: Path | None) -> bool:
    return folder is not None and all((folder / file).is_file() for file in FILES)


def _download(published: _Published, cache: Path) -> None:
    cache.mkdir(parents=True, exist_ok=True)
    for file, sha256 in zip(FILES, published.sha256, strict=True):
        if (cache / file).is_file():
            continue
        try:
            # The address is one of the two above, and what it answers is checked below.
            with urllib.request.urlopen(published.url + file, timeout=SECONDS) as answer:  # noqa: S310
                packed = answer.read(idx.LARGEST)
        except OSError as error:  # URLError, a time-out and a lost connection are all OSErrors
            raise OSError(
                f"{published.name} is not on this machine and {published.url}{file} cannot be downloaded "
                f"({error}); connect to the internet, or set NARROWS_DATA to a folder with {published.name}.npz."
            ) from None
        idx.unpack(packed, sha256, published.url + file)  # before it is kept
        with atomic_path(cache / file) as path:
            path.write_bytes(packed)

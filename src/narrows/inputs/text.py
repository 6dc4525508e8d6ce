"""Rows of text, as counts of their words."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from numbers import Integral
from typing import Any

import narwhals as nw
import numpy as np
from torch import nn

from narrows.contracts import Shapes
from narrows.inputs import _checks
from narrows.inputs.counts import check_transform, embedding
from narrows.inputs.lazy import Converted, is_lazy
from narrows.inputs.sparse import SparseRows, sparse_counts
from narrows.sources.frames import as_frame

ENTRIES = 1 << 22  # numbers in the rows of one piece


@dataclass(frozen=True)
class Text:
    """Each row is a text; its words are counted, as scikit-learn's ``CountVectorizer`` does it.

    X is a list or an array of strings, or one column of them: a series or a frame (pandas, polars,
    pyarrow).

    ``max_features``  the most words that are kept: the most frequent ones, of equals the first in
                      the alphabet; None keeps all.
    ``min_df``        texts (a whole number) or share of them (below 1) that must have a word.
    ``lowercase``     whether case is ignored.
    ``ngram_range``   shortest and longest run of words that counts as one: (1, 2) for pairs too.
    ``stop_words``    words that are left out: None, "english", or your own.
    ``transform``     what the encoder sees of the counts: see :class:`narrows.inputs.Counts`.

    A word is two or more letters or digits.  Texts come back as a dense array of expected counts, one
    column per word, for their order is not in them.

    >>> schema = Text().learn(["the cat sat", "the dog"])
    >>> schema.names
    ('cat', 'dog', 'sat', 'the')
    >>> schema.rows(["dog eats dog"])[:]
    array([[0., 2., 0., 0.]], dtype=float32)
    """

    max_features: int | None = 10_000
    min_df: int | float = 1
    lowercase: bool = True
    ngram_range: tuple[int, int] = (1, 1)
    stop_words: str | tuple[str, ...] | None = None
    transform: str = "log1p"

    likelihood = "multinomial"  # where none is asked for

    def __post_init__(self) -> None:
        check_transform("Text", self.transform)
        if self.max_features is not None and not (_whole(self.max_features) and self.max_features >= 1):
            raise ValueError(
                f"Text got max_features={self.max_features!r}, but must keep some words:"
                " pass a whole number ≥ 1, or None for all."
            )
        if not (_whole(self.min_df) and self.min_df >= 1) and not (
            isinstance(self.min_df, float) and 0 <= self.min_df <= 1
        ):
            raise ValueError(
                f"Text got min_df={self.min_df!r}, but needs a number of texts or a share of them:"
                " pass a whole number ≥ 1 or one in [0.0, 1.0]."
            )
        span = self.ngram_range
        if not (
            isinstance(span, Sequence)
            and len(span) == 2
            and all(map(_whole, span))
            and 1 <= span[0] <= span[1]
        ):
            raise ValueError(
                f"Text got ngram_range={span!r}, but needs the shortest and the longest run of words:"
                " pass two whole numbers such as (1, 2)."
            )
        if isinstance(self.stop_words, str) and self.stop_words != "english":
            raise ValueError(
                f"Text got stop_words={self.stop_words!r}, but knows a list for 'english' alone: pass your own words."
            )
        object.__setattr__(self, "ngram_range", tuple(span))
        if self.stop_words is not None and not isinstance(self.stop_words, str):
            object.__setattr__(self, "stop_words", tuple(self.stop_words))

    def learn(self, X: Any) -> TextSchema:
        """The words that the texts have."""
        n, first = 0, ""
        often: Counter[str] = Counter()  # how often there is a word
        spread: Counter[str] = Counter()  # in how many texts
        for texts in _pieces(X):
            n, first = n + len(texts), first or texts[0]
            reader = _reader(self.lowercase, self.ngram_range, self.stop_words)
            try:
                counts = reader.fit_transform(texts)
            except ValueError as error:
                if "empty vocabulary" not in str(error):
                    raise
                continue  # no words in this piece
            found = reader.get_feature_names_out().tolist()
            for counter, sums in ((often, counts.sum(0)), (spread, (counts > 0).sum(0))):
                counter.update(dict(zip(found, np.asarray(sums).ravel().tolist(), strict=True)))
        least = self.min_df if _whole(self.min_df) else self.min_df * n
        words = sorted(word for word, texts_with_it in spread.items() if texts_with_it >= least)
        if not words:
            raise ValueError(
                f"X holds {n} texts such as {_quoted(first)}, in which no words are left to count: pass longer texts,"
                " a smaller min_df or fewer stop_words."
            )
        if self.max_features is not None and len(words) > self.max_features:
            # Not CountVectorizer's own max_features: which of equals it keeps depends on the machine.
            words = sorted(sorted(words, key=lambda word: -often[word])[: self.max_features])
        return TextSchema(tuple(words), self.lowercase, self.ngram_range, self.stop_words)

    def build(self, shapes: Shapes) -> nn.Module:
        return embedding(self.transform, shapes)


@dataclass(frozen=True)
class TextSchema:
    """``names``: the words that are counted, in order, one entry of a row each; the rest says what a
    word is.  X itself has one feature: its text."""

    names: tuple[str, ...]
    lowercase: bool = True
    ngram_range: tuple[int, int] = (1, 1)
    stop_words: str | tuple[str, ...] | None = None

    levels = None
    missing = False
    shared_scale = False
    scaled = False  # a count has no other unit
    features = 1

    @property
    def row(self) -> tuple[int, ...]:
        return (len(self.names),)

    def rows(self, X: Any, finite: bool = True) -> SparseRows | Converted:
        """(n, words) as ``Rows`` that are made dense as they are read; words that were not seen in
        training are not counted."""
        reader = _reader(self.lowercase, self.ngram_range, self.stop_words, vocabulary=self.names)
        if not is_lazy(X):
            return sparse_counts(reader.transform(_texts(X)))

        def counted(part: Any) -> np.ndarray:
            # Between two runs there may be no rows to read, which are no mistake.
            return (
                sparse_counts(reader.transform(_texts(part)))[:]
                if len(part)
                else np.empty((0, *self.row), "f4")
            )

        rows = Converted(X, self.row, np.float32, counted)
        rows.block = max(1, min(X.block, ENTRIES // len(self.names)))  # a row is much wider than its text
        return rows

    def restore(self, rows: np.ndarray, like: Any = None) -> np.ndarray:
        """Expected counts (n, words), dense: there is no way back to a text."""
        return rows

    def to_json(self) -> dict[str, Any]:
        return {"kind": "Text", **dataclasses.asdict(self)}


def _reader(
    lowercase: bool, ngram_range: tuple[int, int], stop_words: str | Sequence[str] | None, **choices: Any
) -> Any:
    # Imported here for the sake of `import narrows`'s time.
    from sklearn.feature_extraction.text import CountVectorizer

    words = list(stop_words) if isinstance(stop_words, tuple) else stop_words
    return CountVectorizer(lowercase=lowercase, ngram_range=ngram_range, stop_words=words, **choices)


def _pieces(X: Any) -> Iterator[list[str]]:
    """The strings in X, all at once, or one piece after the other where X is read on demand."""
    if not is_lazy(X):
        yield _texts(X)
        return
    for start in range(0, len(X), X.block):
        yield _texts(X[start : start + X.block])


def _texts(X: Any) -> list[str]:
    """The strings in X; refused unless it is one column of them."""
    native = as_frame(X)
    if native is None:
        native = nw.from_native(X, eager_only=True, allow_series=True, pass_through=True)
    if isinstance(native, nw.DataFrame):
        if native.shape[1] != 1:
            raise ValueError(
                f"X is a frame of shape {native.shape}, but one column of texts was expected: pass that column,"
                " or input=Table() for columns of all types."
            )
        native = native.get_column(native.columns[0])
    if isinstance(native, nw.Series):
        texts = native.to_list()
    elif isinstance(X, str) or not hasattr(X, "__len__"):
        raise TypeError(
            f"X is one {type(X).__name__} ({_quoted(X)}), but a list or column of texts was expected: pass [X]."
        )
    else:
        array = X.to_numpy(zero_copy_only=False) if hasattr(X, "to_pylist") else np.asarray(X, dtype=object)
        if not (array.ndim == 1 or (array.ndim == 2 and array.shape[1] == 1)):
            raise ValueError(
                f"X has shape {array.shape}, but one column of texts was expected: pass a list of strings."
            )
        texts = array.ravel().tolist()
    _checks.nonempty(np.empty((len(texts), 1)))
    for i, text in enumerate(texts):
        if not isinstance(text, str):
            raise ValueError(
                f"X holds {_quoted(text)} of type {type(text).__name__} at row {i}, but texts were expected:"
                " pass strings, '' where there is none."
            )
    return texts


def _quoted(value: Any) -> str:
    shown = repr(value)
    return shown if len(shown) <= 40 else f"{shown[:37]}…"


def _whole(value: Any) -> bool:
    return isinstance(value, Integral) and not isinstance(value, bool)

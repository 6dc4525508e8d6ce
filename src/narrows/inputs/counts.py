"""Rows of counts, mostly zeros: words of texts, reads of genes, clicks of users."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse
import torch
from torch import Tensor, nn

from narrows.contracts import Rows, Shapes, Source
from narrows.inputs import _checks
from narrows.inputs.lazy import Converted, is_lazy
from narrows.inputs.sparse import check_shape, dense_counts, sparse_counts
from narrows.inputs.vectors import Vectors, VectorsSchema

TRANSFORMS = ("log1p", "l2", "none")
START_ROWS = 4096  # that are looked at before training, at most
NOTHING = 1e-12  # stands for the size of a row without counts


@dataclass(frozen=True)
class Counts:
    """Each row counts something: a SciPy sparse matrix or array (n, features) of any format, a dense
    2-D array or a frame.  Numbers are ≥ 0 and need not be whole (tf-idf, minutes).

    ``transform`` is what the encoder sees of a row x with N = Σⱼ xⱼ:

    "log1p"  g ln(1 + x·M/N), M the median N of the training rows: counts per row of the usual size, so
             that codes say what a row is made of and not how long it is (Wolf, Angerer & Theis 2018,
             "SCANPY"; Ahlmann-Eltze & Huber 2023, "Comparison of transformations for single-cell
             RNA-seq data", where it does as well as anything more complicated).  The number g makes
             the mean square length of a training row 1: longer rows make training restless.
    "l2"     x/‖x‖ (Liang et al. 2018, "Variational autoencoders for collaborative filtering").
    "none"   x.

    Rows are never scaled otherwise: likelihoods of counts want counts.

    Sparse rows are made dense a few at a time.  What comes back is dense: a reconstruction has no zeros.

    >>> schema = Counts().learn(scipy.sparse.csr_array([[2, 0, 1], [0, 0, 3]]))
    >>> schema.rows(scipy.sparse.coo_array([[0, 4, 0]]))[:]
    array([[0., 4., 0.]], dtype=float32)
    """

    transform: str = "log1p"

    likelihood = "multinomial"  # where none is asked for

    def __post_init__(self) -> None:
        check_transform("Counts", self.transform)

    def learn(self, X: Any) -> CountsSchema:
        """How many features there are, and their names if X is a frame."""
        if scipy.sparse.issparse(X):
            check_shape(X)
            return CountsSchema(X.shape[1])
        plain = Vectors().learn(X)
        return CountsSchema(plain.features, plain.names, plain.frame, plain.dtype)

    def build(self, shapes: Shapes) -> nn.Module:
        return embedding(self.transform, shapes)


def check_transform(owner: str, transform: str) -> None:
    if transform not in TRANSFORMS:
        raise ValueError(
            f"{owner} got transform={transform!r}, but expected one of {', '.join(map(repr, TRANSFORMS))}."
        )


@dataclass(frozen=True)
class CountsSchema:
    """``features`` columns; ``names`` and the ``frame`` library they came in, where they did, and the
    ``dtype`` of its numbers."""

    features: int
    names: tuple[str, ...] | None = None
    frame: str | None = None
    dtype: str | None = None

    levels = None
    missing = False
    shared_scale = False
    scaled = False  # a count has no other unit

    @property
    def row(self) -> tuple[int, ...]:
        return (self.features,)

    def rows(self, X: Any, finite: bool = True) -> np.ndarray | Rows:
        """(n, features): an array of dense numbers in memory, else rows that are read or made dense when
        they are asked for."""
        if scipy.sparse.issparse(X):
            rows = sparse_counts(X)
            _checks.width(rows.shape[1], self.features)
            return rows
        rows = self._plain.rows(X, finite)
        return Converted(rows, self.row, rows.dtype, dense_counts) if is_lazy(rows) else dense_counts(rows)

    def restore(self, rows: np.ndarray, like: Any = None) -> Any:
        """A dense array, or the kind of frame that was fitted (or that ``like`` is); dense, too, where
        ``like`` is sparse: expected counts are hardly ever 0."""
        return self._plain.restore(rows, like)

    @property
    def _plain(self) -> VectorsSchema:
        return VectorsSchema(self.features, self.names, self.frame, self.dtype)

    def to_json(self) -> dict[str, Any]:
        return {"kind": "Counts", **dataclasses.asdict(self)}


def embedding(transform: str, shapes: Shapes) -> nn.Module:
    """What stands between rows of counts and the encoder."""
    return {"log1p": _Logarithms, "l2": _Lengths}[transform](shapes) if transform != "none" else nn.Identity()


class _Lengths(nn.Module):
    """(batch, features) counts → rows of length 1; 0 where there is nothing."""

    def __init__(self, shapes: Shapes):
        super().__init__()
        self.missing = shapes.missing

    def forward(self, x: Tensor) -> Tensor:
        x = known(x, self.missing)  # a copy: unless somebody differentiates, it can be scaled where it is
        length = torch.linalg.vector_norm(x, dim=1, keepdim=True).clamp(min=NOTHING)
        return x / length if x.requires_grad else x.div_(length)


class _Logarithms(nn.Module):
    """(batch, features) counts → g ln(1 + x·M/N); see :class:`Counts`."""

    def __init__(self, shapes: Shapes):
        super().__init__()
        self.missing, self.features = shapes.missing, shapes.features
        self.register_buffer("size", torch.ones(()))  # M
        self.register_buffer("gain", torch.ones(()))  # g

    @torch.no_grad()
    def prepare(self, net: nn.Module, source: Source, gen: torch.Generator) -> None:
        """Learn M and g from training rows."""
        rows = source.head(START_ROWS)
        sizes = known(rows, self.missing).sum(1)
        self.size.copy_(torch.where(sizes > 0, sizes, torch.nan).nanmedian().nan_to_num(nan=1.0))
        self.gain.fill_(1.0)
        square = self(rows).square().sum(1).mean()
        self.gain.copy_(torch.where(square > 0, square, 1.0).rsqrt())

    def forward(self, x: Tensor) -> Tensor:
        x = known(x, self.missing)
        return (x * (self.size / x.sum(1, keepdim=True).clamp(min=NOTHING))).log1p() * self.gain


def known(x: Tensor, missing: bool) -> Tensor:
    """x without gaps, and without what noise has put below 0."""
    return (x.masked_fill(x.isnan(), 0.0) if missing else x).clamp(min=0)

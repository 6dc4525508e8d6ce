"""What a codec's bytes buy, beside what other ways make of the same rows."""

from __future__ import annotations

import copy
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import scipy.sparse
from sklearn.utils.validation import check_is_fitted

from narrows.coding import Reader, plain
from narrows.estimators import _rivals
from narrows.estimators._fitting import loaded
from narrows.estimators._forms import form_of
from narrows.estimators._promise import Promise
from narrows.estimators.contents import ANY, content_of
from narrows.inputs.lazy import is_lazy
from narrows.sources.frames import as_frame
from narrows.sources.wav import Sound, Sounds
from narrows.tasks.rates import Rate, rated

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from narrows.report import Ink

ROWS = 5_000  # that are coded, at most
ENTRIES = 1 << 20  # numbers in them
RUNS = 32  # places that they are taken from
BOUNDS = 6  # on the error, from wide to narrow
PLAIN = ("array", "pictures")  # kinds of content whose rows can be pictures
OWN, BOUND, PCA, ZSTD = "codec", "codec within bounds", "PCA and rANS", "rounding and zstd"


@dataclass(frozen=True, eq=False)
class Rates:
    """The answer of :func:`rates`.

    ``chosen``   what the codec does as it is set: a :class:`~narrows.tasks.rates.Rate`.
    ``curves``   points by the name of the way, from the largest error to the least: "codec" (its own error), "codec
                 within bounds", "PCA and rANS", "rounding and zstd", "JPEG" and "WebP".
    ``lossless`` the same without any error: "codec" and "zstd".
    ``own_pca``  PCA with the step that the codec has, and frequencies of the rows that it was fitted on.
    ``sizes``    ``sizes_`` of the codec as it is set.
    ``promise``  what it is set to, in words that go behind "with".
    ``rows``     how many of ``total`` were coded; ``shape`` is that of one.
    ``apart``    whether columns have units of their own: then errors are told in standard deviations of a column, and
                 bounds are shares of its range.
    """

    chosen: Rate
    curves: Mapping[str, Sequence[Rate]]
    lossless: Mapping[str, Rate]
    own_pca: Rate | None
    sizes: Mapping[str, Any]
    promise: str
    rows: int
    total: int
    shape: tuple[int, ...]
    apart: bool = field(repr=False)

    @property
    def curve(self) -> list[dict[str, Any]]:
        """One dict per point, for a frame: ``way``, and the fields of ``Rate``."""
        return [{"way": name} | point.line() for name, points in self.curves.items() for point in points]

    def beside(self) -> dict[str, float]:
        """How many times the codec's bytes each other way takes at the error of the codec as it is set; of
        those that reach it."""
        found = {}
        for name in self.curves.keys() - {OWN, BOUND}:
            bits = at_equal_error(self.curves[name], self.chosen, self.apart)
            own = self.own_pca if name == PCA else None
            if own is not None and own.mse <= self.chosen.mse:  # tables of more rows than the curve's
                bits = np.fmin(bits, own.bits_per_value)
            if not math.isnan(bits):
                found[name] = bits / self.chosen.bits_per_value
        return {name: found[name] for name in self.curves if name in found}

    def figure(self, path: str | os.PathLike[str] | None = None, ink: Ink | None = None) -> Figure:
        """The curves as a picture, also written to ``path`` (.png, .svg or .pdf) where one is given."""
        from narrows.report import LIGHT
        from narrows.report.rate_curve import rate_curve, write

        found = rate_curve(self.curves, apart=self.apart, chosen=self.chosen, ink=ink or LIGHT)
        if path is not None:
            write(found, path)
        return found

    def __repr__(self) -> str:
        heads = f"Rates: {self.rows:,} of {self.total:,} rows, {self.promise}"
        lines = [f"{'way':<24}{'setting':>10}{'bits/value':>12}{'mse':>11}{'lost':>10}{'psnr':>8}"]
        lines += [
            f"{name:<24}{p.setting:>10.3g}{p.bits_per_value:>12.4g}{p.mse:>11.4g}{p.lost:>10.3g}{p.psnr:>8.2f}"
            for name, points in self.curves.items()
            for p in points
        ]
        return "\n".join([heads, *lines])


def rates(codec: Any, X: Any) -> Rates:
    """Code rows X by a fitted codec and by others, and say at which error each takes how many bytes.

    The codec by its own error and under several bounds; PCA with the same quantiser and coder in several steps, whose
    frequencies are learned from other rows of X than those whose bytes they make; zstd of values that are rounded to
    the same bounds; of pictures a mosaic of them as JPEG and WebP.  All bytes are those of whole files that could be
    decoded by who has the codec.  Of more than 5,000 rows, or a million numbers, so many from all over are taken; of a
    long series its middle.  The codec stays as it is.

    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(600, 2)) @ rng.normal(size=(2, 6))
    >>> from narrows import Codec, recipes
    >>> codec = Codec(recipes.rate_distortion(2, max_epochs=2)).fit(X)
    >>> found = rates(codec, X)
    >>> list(found.curves), found.rows
    (['codec', 'codec within bounds', 'PCA and rANS', 'rounding and zstd'], 600)
    """
    check_is_fitted(codec)
    fitted = codec.ae_.fitted_
    part, total = some_of(loaded(X), fitted.schema)
    tried = _Tried(codec, part)
    x, content, apart = tried.x, tried.content, tried.apart
    chosen, sizes = tried.coded({})
    curves: dict[str, list[Rate]] = {}
    own_pca = None
    if tried.number.any() and len(x):
        own = tried.coded({"max_error": None})[0] if _promised(codec) else chosen
        bounds, form = tried.bounds(own), form_of(fitted, content.unit)
        alone = Promise(content.exact(ANY)) if content.kind == "table" else Promise()
        own_pca = tried.rated(*_rivals.own_linear(codec, form, x, alone, tried.header))
        curves = {
            OWN: [own],
            BOUND: [tried.coded({tried.kind: eps}, eps)[0] for eps in bounds],
            PCA: [tried.rated(*point) for point in _rivals.linear(codec, form, x, alone, tried.header)],
            ZSTD: [tried.rated(eps, *_rivals.zstd(x, tried.kept(eps))) for eps in bounds],
        }
        pictures = _rivals.pictures(x, fitted.schema) if content.kind in PLAIN else {}
        curves |= {name: [tried.rated(*point) for point in points] for name, points in pictures.items()}
    ordered = {
        name: sorted(points, key=lambda p: (-p.squared(apart), p.stored))
        for name, points in curves.items()
        if points
    }
    if content.kind == "photographs":  # whose rows are their patches
        total = len(x)
    zstd = tried.rated(math.nan, len(plain.encode(x)), x)
    lossless = {"codec": tried.coded({"lossless": True})[0], "zstd": zstd}
    return Rates(chosen, ordered, lossless, own_pca, sizes, _said(codec), len(x), total, x.shape[1:], apart)


class _Tried:
    """A codec and the rows that it is tried on: ``x`` (n, …) are their numbers, as the codec stores them."""

    def __init__(self, codec: Any, part: Any):
        # Another object with the same fitted parts: what the user's is set to, and tells, stays.
        self.codec, self.part, self.schema = copy.copy(codec), part, codec.ae_.fitted_.schema
        self.given = {name: getattr(codec, name) for name in ("max_error", "rel_error", "lossless")}
        self.content = content_of(part, self.schema)
        self.x = self.content[:]
        exact = 0.0 if self.content.always else self.content.exact(1.0)
        self.number = np.broadcast_to(np.asarray(exact) > 0, self.x.shape[1:])
        self.apart = codec.max_error is None and self.schema.shared_scale is not True and self.x[:1].size > 1
        self.kind = "rel_error" if self.apart else "max_error"

    def coded(self, promise: Mapping[str, Any], setting: float = math.nan) -> tuple[Rate, dict[str, Any]]:
        """The point of the codec with another promise, and ``sizes_``; as it is set, where none is given."""
        none = {"max_error": None, "rel_error": None, "lossless": False}
        self.codec.set_params(**(none | dict(promise) if promise else self.given))
        data = self.codec.compress(self.part)
        self.header = Reader(data).header
        answers = content_of(self.codec.decompress(data), self.schema)[:]
        return self.rated(setting, len(data), answers), self.codec.sizes_

    def rated(self, setting: float, stored: int, answers: np.ndarray) -> Rate:
        x, unit = self.x, self.content.unit
        if unit != 1.0:
            x, answers = unit * x.astype(np.float64), unit * answers.astype(np.float64)
        return rated(x, answers, stored, setting, number=self.number, apart=self.apart)

    def kept(self, eps: float) -> np.ndarray:
        """A bound as it is kept, for each column."""
        return self.content.exact(
            eps * self.content.spans() if self.apart else np.float64(eps / self.content.unit)
        )

    def bounds(self, own: Rate) -> list[float]:
        """From twice what the model errs to an eighth of it, further where the codec is set to more or less."""
        spans = np.broadcast_to(self.content.spans(), self.number.shape)[self.number]
        typical, least = math.sqrt(own.mse), 0.01 * float(spans.max()) * self.content.unit
        if self.apart:
            varies, least = spans > 0, 0.01
            shares = _rivals.spread(self.x)[self.number][varies] / spans[varies]
            typical = math.sqrt(max(own.lost, 0.0)) * (float(np.median(shares)) if varies.any() else 0.0)
        given = self.given[self.kind]
        known = [eps for eps in (typical, given) if eps and eps > 0] or [least]
        found = np.geomspace(2 * max(known), min(known) / 8, BOUNDS)
        if self.x.dtype.kind in "iu" and self.content.unit == 1.0 and not self.apart:
            found = np.maximum(1, np.rint(found))
        return sorted({float(f"{eps:.2g}") for eps in found if eps > 0}, reverse=True)


def at_equal_error(curve: Sequence[Rate], point: Rate, apart: bool = False) -> float:
    """Bits of a value that a way takes at the error of ``point``, between its two nearest; NaN where it does not reach
    that.  Straight lines between logarithms."""
    pairs = sorted((p.squared(apart), p.bits_per_value) for p in curve if p.squared(apart) > 0)
    wanted = point.squared(apart)
    if not wanted > 0 or not pairs or not pairs[0][0] <= wanted <= pairs[-1][0]:
        return math.nan
    squared, bits = np.log(np.array(pairs)).T
    return float(np.exp(np.interp(math.log(wanted), squared, bits)))


def some_of(X: Any, schema: Any) -> tuple[Any, int]:
    """Some rows of X, as the user has them, and how many there are: from all over; of a series the middle, of several
    the first; of photographs the first few."""
    if getattr(schema, "windowed", False) and (isinstance(X, (list, Sounds)) or len(X.shape) == 3):
        return some_of(X[0], schema)
    if isinstance(X, Sound):
        X = X[0 : len(X)]
    if hasattr(schema, "patch_index") or isinstance(X, (list, tuple)):
        return _first(X)
    total, width = int(X.shape[0]), max(1, math.prod(X.shape[1:]))
    most = max(1, min(total, ROWS, ENTRIES // width))
    runs = RUNS
    if getattr(schema, "windowed", False):
        most = max(ENTRIES // width // schema.window, 1) * schema.window
        most, runs = min(total, most), 1
    if hasattr(schema, "layout"):
        most = _rivals.filled(most)
    spans = _runs(total, most, runs)
    frame = as_frame(X)
    if frame is not None:
        which = np.concatenate([np.arange(start, stop) for start, stop in spans])
        return (X if most == total else frame[which.tolist()].to_native()), total
    parts = [X[start:stop] for start, stop in spans]
    if scipy.sparse.issparse(X):
        return scipy.sparse.vstack(parts), total
    if is_lazy(X) and hasattr(X, "schema"):
        import pyarrow as pa

        return pa.concat_tables(parts), total
    return np.concatenate([np.asarray(part) for part in parts]), total


def _first(X: Any) -> tuple[Any, int]:
    """The first things of X, of any size, that are not too many numbers together; one at least."""
    many, total = 0, len(X)
    taken: list[np.ndarray] = []
    for i in range(min(total, ROWS)):
        thing = np.asarray(X.picture(i) if hasattr(X, "picture") else X[i])
        many += thing.size
        if taken and many > ENTRIES:
            break
        taken.append(thing)
    alike = len({thing.shape for thing in taken}) == 1
    return (np.stack(taken) if alike else taken), total


def _runs(total: int, most: int, runs: int) -> list[tuple[int, int]]:
    """``runs`` stretches [start, stop) of so many rows together; one is in the middle.

    >>> _runs(100, 10, 1), _runs(100, 10, 5), _runs(3, 3, 8)
    ([(45, 55)], [(0, 2), (24, 26), (49, 51), (73, 75), (98, 100)], [(0, 3)])
    """
    if most >= total:
        return [(0, total)]
    if runs == 1:
        return [((total - most) // 2, (total - most) // 2 + most)]
    sizes = [most // runs + (i < most % runs) for i in range(min(runs, most))]
    starts = np.linspace(0, total - max(sizes), len(sizes)).astype(int).tolist()
    return [(start, start + size) for start, size in zip(starts, sizes, strict=True)]


def _promised(codec: Any) -> bool:
    return codec.max_error is not None or codec.rel_error is not None or bool(codec.lossless)


def _said(codec: Any) -> str:
    """What a codec is set to."""
    if codec.lossless:
        return "every bit as it was"
    if codec.max_error is not None:
        return f"no value further off than {codec.max_error:g}"
    if codec.rel_error is not None:
        return f"no value further off than {100 * codec.rel_error:g}% of its column's range"
    return "an error that is the model's own"


__all__ = ["Rates", "rates"]

"""One codec for each weight of the bits: a rate–distortion curve."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Real
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.base import clone

from narrows.estimators import Autoencoder, Codec, fit_many
from narrows.estimators._fitting import loaded, order_of, seed_of
from narrows.estimators._thrifty import default
from narrows.estimators.contents import content_of
from narrows.inputs.lazy import is_lazy
from narrows.sources.frames import as_frame
from narrows.tasks.rates import Rate, rated

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from narrows.report import Ink

BETAS = (0.003, 0.01, 0.03, 0.1)
HELD = 0.1  # of the rows, where none are given to be coded


@dataclass(frozen=True, eq=False)
class RateDistortion:
    """The answer of :func:`rate_distortion`.

    ``points``  for each β, the least first, a :class:`~narrows.tasks.rates.Rate`, whose ``setting`` it is.
    ``codecs``  the fitted codecs, in the same order.
    ``apart``   whether columns have units of their own: then errors are told in standard deviations of a column.
    """

    points: tuple[Rate, ...]
    codecs: tuple[Codec, ...]
    apart: bool = False

    @property
    def curve(self) -> list[dict[str, float]]:
        """One dict per β, for a frame: ``beta`` and the fields of ``Rate``."""
        lines = [point.line() for point in self.points]
        return [{"beta": line.pop("setting"), **line} for line in lines]

    def figure(self, path: str | os.PathLike[str] | None = None, ink: Ink | None = None) -> Figure:
        """Error against bits of a value, also written to ``path`` (.png, .svg or .pdf) where one is given."""
        from narrows.report import LIGHT
        from narrows.report.rate_curve import rate_curve, write

        found = rate_curve({"codec": self.points}, apart=self.apart, ink=ink or LIGHT)
        if path is not None:
            write(found, path)
        return found

    def __repr__(self) -> str:
        lines = [f"RateDistortion: {len(self.points)} codecs"]
        lines += [f"{'β':>9}{'bits/row':>12}{'bits/value':>12}{'mse':>11}{'lost':>10}{'PSNR':>8}"]
        lines += [
            f"{p.setting:>9.4g}{p.bits_per_row:>12.5g}{p.bits_per_value:>12.4g}{p.mse:>11.4g}{p.lost:>10.3g}"
            + (f"{p.psnr:>8.2f}" if math.isfinite(p.psnr) else f"{'–':>8}")
            for p in self.points
        ]
        return "\n".join(lines)


def rate_distortion(
    X: Any,
    betas: Sequence[float] = BETAS,
    ae: Autoencoder | None = None,
    *,
    test: Any = None,
    input: Any = None,
    random_state: Any = 0,
    verbose: int = 0,
) -> RateDistortion:
    """Train a codec for each β, and code rows that none has seen: fewer bytes and more error as β grows.

    β is what a nat is worth: half the squared error, in scaled units.  Models of one shape are trained side by side
    (:func:`narrows.fit_many`).  Codecs promise nothing here: the error is the model's own.

    Parameters
    ----------
    X : whatever ``fit`` takes.
    betas : numbers > 0.
    ae : Autoencoder
        An unfitted model whose bottleneck has a ``beta``, as ``recipes.rate_distortion()`` or
        ``Autoencoder(bottleneck="factorised")``.  None is a codec's own.
    test : rows to be coded.  By default a tenth of X, drawn at random, of a long series its end; the others are then
        what is trained on.
    input : part or None
        What a row of X is, where no ``ae`` says it.
    random_state : int, RandomState or None
        That of the default model, and of the draw.

    Raises:
        ValueError: a β is no number > 0, the model has none, or X is read on demand and no ``test`` is given.

    >>> from narrows import recipes
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(600, 2)) @ rng.normal(size=(2, 6))
    >>> found = rate_distortion(X, (0.01, 0.1), recipes.rate_distortion(2, max_epochs=2))
    >>> [point.setting for point in found.points], found.points[0].stored > found.points[1].stored
    ([0.01, 0.1], True)
    """
    values = _checked(betas)
    seed = seed_of(random_state)
    X = loaded(X)
    base = _model(X, ae, input, seed, verbose)
    train, held = (X, loaded(test)) if test is not None else _parted(X, base, seed)
    models = [clone(base).set_params(bottleneck__beta=beta) for beta in values]
    fit_many(models, train)
    codecs = [Codec(model, random_state=seed).fit(train) for model in models]
    found = [_point(codec, held, beta) for codec, beta in zip(codecs, values, strict=True)]
    return RateDistortion(tuple(point for point, _ in found), tuple(codecs), found[0][1])


def _point(codec: Codec, held: Any, beta: float) -> tuple[Rate, bool]:
    """What ``compress`` stores of rows, and how far off they come back; whether columns have units of their own."""
    schema = codec.ae_.fitted_.schema
    data = codec.compress(held)
    assert isinstance(data, bytes)
    content = content_of(held, schema)
    x, answers = content[:], content_of(codec.decompress(data), schema)[:]
    number = np.broadcast_to(np.asarray(content.exact(1.0)) > 0, x.shape[1:])
    apart = schema.shared_scale is not True and x[:1].size > 1
    return rated(x, answers, len(data), beta, number=number, apart=apart), apart


def _model(X: Any, ae: Any, input: Any, seed: int, verbose: int) -> Autoencoder:
    """An unfitted model with a β."""
    if ae is None:
        return default(X, Codec(input=input, random_state=seed, verbose=verbose))
    if not isinstance(ae, Autoencoder):
        raise TypeError(
            f"ae is a {type(ae).__name__}, but an autoencoder was expected: pass an nw.Autoencoder, a recipe's, or"
            " None."
        )
    model = clone(ae)
    if model.input is None:
        model.set_params(input=input)
    part = order_of(model, X).spec.bottleneck
    if not hasattr(part, "beta") or not hasattr(part, "rounding"):
        raise ValueError(
            f"ae has the bottleneck {type(part).__name__}, whose symbols have no β to trade bits for error: pass one"
            " with Factorised, such as nw.recipes.rate_distortion()."
        )
    return model.set_params(bottleneck=part)


def _checked(betas: Any) -> list[float]:
    """The values, the least first, each once."""
    found = list(betas) if isinstance(betas, (Sequence, np.ndarray)) and not isinstance(betas, str) else []
    if not found or not all(
        isinstance(b, Real) and not isinstance(b, bool) and 0 < float(b) < math.inf for b in found
    ):
        raise ValueError(f"betas={betas!r} are not usable: pass numbers > 0, such as (0.003, 0.01, 0.03).")
    return sorted({float(beta) for beta in found})


def _parted(X: Any, base: Autoencoder, seed: int) -> tuple[Any, Any]:
    """Rows to train on and rows to code, as the user has them."""
    if is_lazy(X) or isinstance(X, list):
        raise ValueError(
            f"X is a {type(X).__name__} and no test was given, but some rows must be kept apart to be coded: pass them"
            " as test=rows."
        )
    frame = as_frame(X)
    n = len(X) if frame is not None else X.shape[0]
    held = round(HELD * n)
    if not held or held == n:
        raise ValueError(
            f"X has {n} rows, but some must be kept apart to be coded: pass at least 5, or test=rows."
        )
    order = np.arange(n)
    part = order_of(base, X).spec.input
    if getattr(part, "window", None) is None:
        order = np.random.default_rng(seed).permutation(n)
    first, last = np.sort(order[: n - held]), np.sort(order[n - held :])
    if frame is not None:
        return frame[first.tolist()].to_native(), frame[last.tolist()].to_native()
    return X[first], X[last]


__all__ = ["RateDistortion", "rate_distortion"]

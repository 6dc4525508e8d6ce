"""What a Denoiser fits where no autoencoder is given: the network for each kind of data, and its noise."""

from __future__ import annotations

import math
import re
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from numbers import Real
from typing import Any

import numpy as np
import torch

from narrows.backbones import MLP, Residual, Spectral, noise_level
from narrows.contracts import Part
from narrows.corruptions import Gaussian, GaussianRange, Masking
from narrows.estimators.autoencoder import Autoencoder
from narrows.inputs import Images, Patches
from narrows.inputs.scaling import Affine
from narrows.inputs.tiles import Tiles
from narrows.inputs.windows import Windows
from narrows.likelihoods import Normal
from narrows.penalties import Recorrupted
from narrows.spec import Spec, resolve

DENSE, MANY = 1024, 5000  # pixels of small pictures, of which so many are learned better as a whole
ALPHAS = (0.3, 1.0)  # noise that is added to noisy rows, in standard deviations of what they have
ALPHA = 0.5  # where the network is not told how much
LOOKS, SOME = 256, 4096  # pictures or signals, and rows of columns, whose noise is estimated, at most
DECIBELS = re.compile(r"^\s*(-?\d+(?:\.\d+)?)\s*(?::\s*(-?\d+(?:\.\d+)?)\s*)?dB\s*$")
SLACK = 1.0  # decibels more on each side, for the power of a series will only be estimated
SPEEDS = (1.0, 0.87, 1.15)  # that sounds are played at in training
QUIET = 0.05  # share of a noisy series' power that its signal has at least
MANY_COLUMNS = 100  # beyond which their noise is taken to be of one level
CLEAR = 1.02  # factor by which a component must stand out of shuffled columns
ALIKE = 1.5  # columns whose levels differ by less than that factor have one
NOTHING = 1e-4  # of the data's scale: less noise is none


@dataclass(frozen=True)
class Noise:
    """What a Denoiser's ``noise`` means.

    ``present``  rows have the noise already, and nothing else is known of it.
    ``low``, ``high``  standard deviations of what will come, in the user's units.
    ``part``     a corruption of the user's own, in scaled units.
    ``relative`` the levels are those of series of power 1: they were given as signal-to-noise ratios.
    """

    present: bool = False
    low: tuple[float, ...] = ()
    high: tuple[float, ...] = ()
    part: Any = None
    relative: bool = False

    @classmethod
    def meant(cls, value: Any) -> Noise:
        if isinstance(value, str) and value == "auto":
            return cls(present=True)
        if isinstance(value, str) and (found := DECIBELS.match(value)):
            least, most = sorted((float(found[1]), float(found[2] or found[1])))
            high, low = (10 ** (-ratio / 20) for ratio in (least - SLACK, most + SLACK))
            return cls(low=(low,), high=(high,), relative=True)
        if isinstance(value, str) or (isinstance(value, Part) and not isinstance(value, type)):
            return cls(part=resolve("corruption", value))
        if _level(value):
            return cls(low=(float(value),), high=(float(value),))
        if isinstance(value, tuple) and len(value) == 2 and all(map(_level, value)) and value[0] <= value[1]:
            return cls(low=(float(value[0]),), high=(float(value[1]),))
        raise ValueError(
            f"noise={value!r} is not usable: pass 'auto' where X has noise, else what will come to clean rows, a"
            " standard deviation ≥ 0 in the units of X, a pair (low, high) of them, signal-to-noise ratios such as"
            " '0:10 dB', or a corruption."
        )

    @property
    def ranged(self) -> bool:
        return self.low != self.high


def _level(value: Any) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool) and 0 <= value < math.inf


@dataclass(frozen=True)
class Budget:
    """Steps of ``batch`` rows at a peak rate."""

    steps: int
    batch: int
    rate: float

    def epochs(self, rows: int) -> int:
        return max(1, math.ceil(self.steps / max(1, -(-rows // self.batch))))


PICTURES = (Residual(64, 10), Budget(4000, 32, 1e-3))
SMALL_PICTURES = (Residual(64, 10, dilations=(1, 2, 1, 3)), Budget(4000, 64, 1e-3))
SIGNALS = (Spectral(), Budget(3000, 32, 1e-3))


def default(
    schema: Any, input: Any, rows: int, noise: Noise, max_epochs: int | None, common: dict[str, Any]
) -> Autoencoder:
    """The autoencoder for rows of ``schema``, its corruption still to come."""
    told = noise.present or noise.ranged
    small = isinstance(input, Images) and schema.features <= DENSE and rows >= MANY
    if len(schema.row) == 1 or (small and not told):
        return Autoencoder(
            256,
            input=input,
            backbone=MLP((512, 256), activation="silu"),
            max_epochs=100 if max_epochs is None else max_epochs,
            **common,
        )
    if len(schema.row) == 2:
        backbone, budget = SIGNALS
        frame = min(backbone.frame, 2 ** int(math.log2(max(4, schema.row[1]))))
        backbone = replace(backbone, told=told, frame=frame)
    else:
        backbone, budget = PICTURES if isinstance(input, Patches) else SMALL_PICTURES
        backbone = replace(backbone, told=told, fold=min(backbone.fold, *schema.row[1:]))
    return Autoencoder(
        backbone.width(schema.row),
        input=input,
        scale="standard" if len(schema.row) == 2 else "minmax",
        backbone=backbone,
        likelihood=Normal(),
        batch_size=budget.batch,
        learning_rate=budget.rate,
        max_epochs=budget.epochs(rows) if max_epochs is None else max_epochs,
        patience=None,
        validation_fraction=0.0,
        **common,
    )


def with_noise(spec: Spec, affine: Affine, noise: Noise, level: float | np.ndarray | None) -> Spec:
    """The spec with a corruption, and what else learning from noisy rows takes; ``level`` is that of the noise
    that is there, in the user's units."""
    if noise.part is not None:
        return replace(spec, corruption=noise.part)
    scale = np.asarray(affine.scale, dtype=np.float64).reshape(-1)
    mean = float(scale.mean())
    features = None if (scale == scale[0]).all() else tuple((mean / scale).tolist())
    told = bool(getattr(spec.backbone, "told", False))
    if not noise.present:
        low, high = noise.low[0] / mean, noise.high[0] / mean
        if low == high and features is None and not told:
            return replace(spec, corruption=Gaussian(high))
        return replace(spec, corruption=GaussianRange(high, low, features, told))
    if level is None:  # cells of a table, whose noise has no one level
        return replace(spec, corruption=Masking(0.25))
    if isinstance(level, np.ndarray):
        relative = level / scale
        base = float(relative.mean())
        features = tuple((relative / base).tolist()) if base > 0 else None
    else:
        base = level / mean
    if base <= NOTHING:
        return replace(spec, corruption=GaussianRange(0.0, 0.0, features, told))
    least, most = ALPHAS if told else (ALPHA, ALPHA)
    corruption = GaussianRange(most * base, least * base, features, told, base)
    return replace(spec, corruption=corruption, penalties=(*spec.penalties, Recorrupted(ALPHA, base)))


def estimated(rows: Any, schema: Any) -> float | np.ndarray | None:
    """The standard deviation of the noise in rows, in the user's units, of columns that differ in it one for
    each; None in tables with categories or gaps."""
    if schema.levels is not None or schema.missing:
        return None
    if len(schema.row) == 1:
        levels = of_columns(np.asarray(_look(rows), dtype=np.float64))
        together = float(np.sqrt(np.square(levels).mean()))
        return together if levels.max() <= ALIKE * levels.min() else levels
    return float(np.median([of_thing(thing) for thing in things(rows)]))


def of_thing(thing: np.ndarray) -> float:
    """σ in one picture (channels, height, width) or signal (channels, time)."""
    return float(noise_level(torch.from_numpy(np.ascontiguousarray(thing, dtype=np.float64))[None])[0])


def things(rows: Any) -> Sequence[np.ndarray]:
    """What rows were cut from, (channels, …) each, some of all of it."""
    if isinstance(rows, Tiles):
        return [rows.photos[int(i)].transpose(2, 0, 1) for i in _some(len(rows.sizes))]
    if isinstance(rows, Windows):
        return [np.asarray(rows.series[int(i)][:]).T for i in _some(len(rows.series))]
    some = rows[:LOOKS] if not isinstance(rows, np.ndarray) else rows[_some(len(rows))]
    # Small rows one below the other: few coefficients of each make many together.
    return [np.concatenate(list(some), axis=-1)] if np.prod(some.shape[2:]) < 1 << 14 else list(some)


def _look(rows: Any) -> np.ndarray:
    """Rows in memory; of those that are read on demand, some from all over."""
    n = len(rows)
    if isinstance(rows, np.ndarray) or n <= SOME:
        return rows[:]
    return np.concatenate([rows[a : a + LOOKS] for a in np.linspace(0, n - LOOKS, SOME // LOOKS).astype(int)])


def _some(n: int, most: int = LOOKS) -> np.ndarray:
    return np.unique(np.linspace(0, n - 1, min(n, most)).astype(int))


def of_columns(X: np.ndarray) -> np.ndarray:
    """σ of the noise in each column, (d,): the uniquenesses of a factor analysis.

    As many factors as there are eigenvalues of the correlations above those of shuffled columns (Horn
    1965, "A rationale and test for the number of factors in factor analysis").  Of many columns, as of
    flat pictures, one σ for all: the median singular value over what it is of noise alone (Gavish &
    Donoho 2014, "The optimal hard threshold for singular values is 4/√3", section III-E).

    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(2000, 3)) @ rng.normal(size=(3, 30)) + 0.2 * rng.normal(size=(2000, 30))
    >>> bool(np.abs(of_columns(X * ([1, 1000] * 15)) / ([0.2, 200] * 15) - 1).max() < 0.1)
    True
    """
    X = X[_some(len(X), SOME)]
    X = X - X.mean(0)
    (n, d), spread = X.shape, X.std(0)
    varies = spread > 0
    if n < 3 or varies.sum() < 2:
        return np.zeros(d)
    if d > MANY_COLUMNS:
        beta = min(n - 1, d) / max(n - 1, d)
        values = np.linalg.svd(X, compute_uv=False)[: min(n - 1, d)]
        return np.full(d, float(np.median(values)) / math.sqrt(median_of_noise(beta) * max(n - 1, d)))
    from sklearn.decomposition import FactorAnalysis
    from sklearn.exceptions import ConvergenceWarning

    Z = X[:, varies] / spread[varies]
    rng = np.random.default_rng(0)
    known, *shuffled = (
        np.linalg.eigvalsh(np.corrcoef(z.T))[::-1] for z in (Z, *(rng.permuted(Z, axis=0) for _ in range(5)))
    )
    above = int(np.cumprod(known > CLEAR * np.mean(shuffled, 0)).sum())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        factors = FactorAnalysis(int(np.clip(above, 1, max(1, (Z.shape[1] - 1) // 2))), random_state=0).fit(Z)
    found = np.zeros(d)
    found[varies] = spread[varies] * np.sqrt(factors.noise_variance_)
    return found


def power(series: np.ndarray, level: float = 0.0) -> float:
    """The root of the mean square of a series without its noise; 1 where there is nothing."""
    mean = float(np.square(series, dtype=np.float64).mean())
    return math.sqrt(max(mean - level**2, QUIET * mean)) or 1.0


def equally_loud(rows: Any) -> Windows:
    """Windows to train on: of the same series, each of power 1, as they are, slower and faster, which makes
    other voices of a few (Ko et al. 2015, "Audio augmentation for speech recognition")."""
    if not isinstance(rows, Windows):
        raise ValueError(
            "noise was given in dB, but X is no sounds or long series: pass a standard deviation, or"
            " input=Signals(window=…)."
        )
    series = [np.asarray(x[:], dtype=np.float32) for x in rows.series]
    played = [at_speed(x / np.float32(power(x)), speed) for x in series for speed in SPEEDS]
    return Windows([x for x in played if len(x) >= rows.window], rows.window, rows.step)


def at_speed(series: np.ndarray, speed: float) -> np.ndarray:
    """(time, channels) played so many times as fast, between samples by straight lines."""
    if speed == 1:
        return series
    at = np.arange(0, len(series) - 1, speed)
    low = np.minimum(at.astype(int), len(series) - 2)  # the last step may round beyond
    share = (at - low).astype(series.dtype)[:, None]
    return (1 - share) * series[low] + share * series[low + 1]


def turned(rows: Any) -> Any:
    """Patches of photographs, and of the same photographs turned by a quarter: twice as much to learn from.
    What is no patch, or stays in files, comes back as it is."""
    if not isinstance(rows, Tiles) or rows.on_demand:
        return rows
    photos = [*rows.photos, *(np.rot90(photo) for photo in rows.photos)]
    sizes = np.concatenate([rows.sizes, rows.sizes[:, ::-1]])
    return Tiles(photos, sizes, rows.shape[1], rows.dtype, rows.size, rows.step)


def median_of_noise(beta: float) -> float:
    """The median of the Marchenko–Pastur law of ratio β ≤ 1, by its integral.

    >>> round(median_of_noise(1.0), 3)
    0.653
    """
    low, high = (1 - math.sqrt(beta)) ** 2, (1 + math.sqrt(beta)) ** 2
    # Equal steps of an angle, which take out the roots at both ends.
    angle = (np.arange(20_000) + 0.5) / 20_000 * np.pi
    x = (low + high) / 2 - (high - low) / 2 * np.cos(angle)
    mass = np.cumsum(np.sin(angle) ** 2 / x)
    return float(x[np.searchsorted(mass, mass[-1] / 2)])

"""What a Denoiser fits where no autoencoder is given: the network for each kind of data, and its noise."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, replace
from numbers import Real
from typing import Any

import numpy as np

from narrows.backbones import MLP, Residual, Spectral
from narrows.contracts import Part, Shapes
from narrows.corruptions import Gaussian, GaussianRange, Masking
from narrows.estimators._kinds import ALPHA, unlevelled
from narrows.estimators._noise_kind import Kind
from narrows.estimators.autoencoder import Autoencoder
from narrows.inputs import Images, Patches
from narrows.inputs.scaling import Affine
from narrows.inputs.tiles import Tiles
from narrows.likelihoods import Normal
from narrows.numerics import seeded
from narrows.penalties import Recorrupted
from narrows.spec import Spec, resolve

DENSE, MANY = 1024, 5000  # pixels of small pictures, of which so many are learned better as a whole
ALPHAS = (0.3, 1.0)  # the same where the network is told how much
DECIBELS = re.compile(r"^\s*(-?\d+(?:\.\d+)?)\s*(?::\s*(-?\d+(?:\.\d+)?)\s*)?dB\s*$")
SLACK = 1.0  # decibels more on each side, for the power of a series will only be estimated
NOTHING = 1e-4  # of the data's scale: less noise is none


@dataclass(frozen=True)
class Noise:
    """What a Denoiser's ``noise`` means.

    ``present``  rows have the noise already, and nothing else is known of it.
    ``low``, ``high``  standard deviations of what will come, in the user's units.
    ``part``     a corruption of the user's own, in scaled units.
    ``relative`` the levels are those of series of power 1: they were given as signal-to-noise ratios.
    ``blind``    of the noise that is present nothing is to be assumed but that neighbours' is independent.
    ``kind``     what was found out about it.
    """

    present: bool = False
    low: tuple[float, ...] = ()
    high: tuple[float, ...] = ()
    part: Any = None
    relative: bool = False
    blind: bool = False
    kind: Kind | None = None

    @classmethod
    def meant(cls, value: Any) -> Noise:
        if isinstance(value, str) and value == "auto":
            return cls(present=True)
        if isinstance(value, str) and value == "blind":
            return cls(present=True, blind=True)
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
            f"noise={value!r} is not usable: pass 'auto' or 'blind' where X has noise, else what will come to clean"
            " rows, a standard deviation ≥ 0 in the units of X, a pair (low, high) of them, signal-to-noise ratios"
            " such as '0:10 dB', or a corruption."
        )

    @property
    def ranged(self) -> bool:
        return self.low != self.high

    @property
    def level(self) -> bool:
        """Whether all there is to know of it is a level, which networks can be told."""
        return not self.blind and (self.kind is None or self.kind.name == "gaussian")


def _level(value: Any) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool) and 0 <= value < math.inf


def check_noise(noise: Noise, own: Any, schema: Any) -> None:
    """Refuse a ``noise`` beside an autoencoder's ``own`` corruption, and either where it is no noise."""
    if own is not None and noise != Noise(present=True):
        raise ValueError(
            f"noise was given beside an autoencoder that has corruption={own!r}, but one of them says what noise is:"
            " leave noise='auto' to keep that corruption, or pass the autoencoder with corruption=None."
        )
    part = noise.part if own is None else resolve("corruption", own)
    if part is None:
        return
    with seeded(0):
        module = part.build(Shapes(schema.row, 2, schema.levels, schema.missing))
    if getattr(module, "retargets", False):
        raise ValueError(
            f"{part!r} changes what is asked for as well as what is seen, so there is no noise to take out: pass one"
            " that adds noise, such as noise='gaussian', or noise='auto' where X has noise."
        )


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
    several = noise.present or noise.ranged
    told = several and noise.level
    small = isinstance(input, Images) and schema.features <= DENSE and rows >= MANY
    if len(schema.row) == 1 or (small and not several):
        # What is said of few hidden entries is too noisy a judge of when to stop.
        to_the_end: dict[str, Any] = {"patience": None, "validation_fraction": 0.0} if noise.blind else {}
        return Autoencoder(
            256,
            input=input,
            backbone=MLP((512, 256), activation="silu"),
            max_epochs=100 if max_epochs is None else max_epochs,
            **to_the_end,
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


def with_noise(
    spec: Spec, affine: Affine, noise: Noise, level: float | np.ndarray | None, columns: bool = False
) -> Spec:
    """The spec with a corruption, and what else learning from noisy rows takes; ``level`` is that of the noise
    that is there, in the user's units; ``columns``: rows have no other axis."""
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
    if not noise.level:
        return unlevelled(spec, affine, noise.kind, columns)
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


def turned(rows: Any) -> Any:
    """Patches of photographs, and of the same photographs turned by a quarter: twice as much to learn from.
    What is no patch, or stays in files, comes back as it is."""
    if not isinstance(rows, Tiles) or rows.on_demand:
        return rows
    photos = [*rows.photos, *(np.rot90(photo) for photo in rows.photos)]
    sizes = np.concatenate([rows.sizes, rows.sizes[:, ::-1]])
    return Tiles(photos, sizes, rows.shape[1], rows.dtype, rows.size, rows.step)

"""What kind of noise pictures and signals have, judged from them alone."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d

from narrows.backbones import noise_level
from narrows.corruptions.blind_spot import by_neighbours, impulses

LOOKS, LOOKED = 48, 1 << 18  # things that are looked at, and entries of each of their channels, at most
ALONE = 0.25  # of the span: an impulse differs at least so much from all but one of its neighbours, ...
SIGMAS = 5.0  # and by so many standard deviations of the other noise
ATOMS = 2  # values that impulses have at most: salt and pepper
MOST = 0.5  # share of the lonely entries that has one of these
RARE = 0.002  # share of all entries below which impulses are no kind of noise
AROUND = 7  # places along each side that are judged together
CALM = 0.1  # share of the places of one brightness that is looked at, the calmest
SHADES = 10  # classes of brightness
FEW = 200  # places in one of them, at least
CUT = 0.25  # share of entries at the ends of the range beyond which noise is cut off there
SLOPE, SURE = 0.5, 0.85  # of ln(variance) over ln(brightness), and their correlation: from these on it varies
WEAK = 0.01  # of the span: noise below that is not told from texture
NORMAL = 0.6744897501960817  # the median of |N(0, 1)|
TAIL = 3.5  # standard deviations beyond which a difference is an edge


@dataclass(frozen=True)
class Kind:
    """What was found.

    ``name``    "gaussian": of one level, or nothing else is known; "impulse": some entries have values that
                have nothing to do with what is around them; "varying": its variance depends on the signal.
    ``level``   standard deviation, of what is beside impulses, of varying noise on average.
    ``values``  of impulses, in the user's units, and the ``span`` of the data that have them.
    ``curve``   (a, b, c): varying noise has the variance a + b·s + c·s² where the signal is s.
    """

    name: str
    level: float
    values: tuple[float, ...] = ()
    curve: tuple[float, float, float] | None = None
    span: float | None = None


def kind_of(things: Sequence[np.ndarray], level: float) -> Kind:
    """The kind of noise in pictures (channels, height, width), or signals (channels, time), which are only
    searched for impulses; ``level`` is that of their noise if it is Gaussian.

    >>> rng = np.random.default_rng(0)
    >>> clean = np.outer(np.ones(96), np.linspace(20, 200, 96))[None]
    >>> kind_of([rng.poisson(clean)], 10.0).name, kind_of([clean + rng.normal(0, 10, clean.shape)], 10.0).name
    ('varying', 'gaussian')
    >>> noisy = np.where(rng.random(clean.shape) < 0.1, 255, clean)
    >>> kind_of([noisy], 10.0).name, kind_of([noisy], 10.0).values
    ('impulse', (255.0,))
    """
    some = [_middle(things[int(i)]) for i in np.linspace(0, len(things) - 1, min(LOOKS, len(things)))]
    low, high = min(float(x.min()) for x in some), max(float(x.max()) for x in some)
    if not high > low:
        return Kind("gaussian", level)
    if values := _atoms(some, high - low):
        rest = [float(noise_level(by_neighbours(x, impulses(x, values, high - low)))[0]) for x in some]
        return Kind("impulse", float(np.median(rest)), values, span=high - low)
    curve = _curve(some, low, high) if some[0].ndim == 4 else None
    return Kind("gaussian", level) if curve is None else Kind("varying", curve[0], curve=curve[1])


def _middle(thing: np.ndarray) -> Tensor:
    """The middle of a thing, with at most ``LOOKED`` entries per channel."""
    cut, left = [slice(None)], LOOKED
    for i, n in enumerate(thing.shape[1:], 1):
        most = min(n, int(left ** (1 / (thing.ndim - i))))
        cut.append(slice((n - most) // 2, (n - most) // 2 + most))
        left //= max(1, most)
    return torch.from_numpy(np.ascontiguousarray(thing[tuple(cut)], dtype=np.float64))[None]


def _atoms(things: Sequence[Tensor], span: float) -> tuple[float, ...]:
    """The values of impulses, none where there are none.

    An impulse is lonely: it differs from all but at most one of its neighbours (a rank-ordered difference,
    Garnett et al. 2005, "A universal noise removal algorithm with an impulse detector"), which neither edges
    nor thin lines do; and it has one of few values, which Gaussian noise has not.
    """
    lonely, entries = [], 0
    for x in things:
        steps = [s for s in itertools.product((-1, 0, 1), repeat=x.ndim - 2) if any(s)]
        steps = steps if x.ndim == 4 else [(-2,), (-1,), (1,), (2,)]
        reach = 1 if x.ndim == 4 else 2
        if min(x.shape[2:]) <= 2 * reach:
            continue
        inner = x[(..., *[slice(reach, -reach)] * (x.ndim - 2))]
        at = [
            [slice(reach + s, n - reach + s) for s, n in zip(step, x.shape[2:], strict=True)]
            for step in steps
        ]
        others = torch.stack([x[(..., *place)] for place in at])
        noise = float((inner - others.median(0)[0]).abs().median()) / NORMAL
        second = (others - inner).abs().kthvalue(2, 0)[0]
        lonely.append(inner[second > max(ALONE * span, SIGMAS * noise)])
        entries += inner.numel()
    values, counts = np.unique(torch.cat(lonely).numpy() if lonely else np.zeros(0), return_counts=True)
    order = np.argsort(-counts)[:ATOMS]
    order = order[counts[order] >= RARE / 4 * entries]  # pepper alone is no salt as well
    if not len(order) or counts.sum() < RARE * entries or counts[order].sum() < MOST * counts.sum():
        return ()
    return tuple(sorted(values[order].tolist()))


def _curve(
    things: Sequence[Tensor], low: float, high: float
) -> tuple[float, tuple[float, float, float]] | None:
    """The average level and the curve of noise whose variance goes with the signal; None of other noise.

    Details of Haar's wavelet as for :func:`narrows.backbones.noise_level`, the calmest among places of about
    one brightness.
    """
    bright, details = _shades([_places(x, low, high) for x in things])
    shown = bright - low > 2 * WEAK * (high - low)
    if shown.sum() < 3 or not (details[shown] > 0).all():
        return None
    x, v = np.log(bright[shown] - low), np.log(details[shown])
    slope = float(np.polyfit(x, v, 1)[0])
    level = float(np.sqrt(details).mean())
    if slope < SLOPE or np.corrcoef(x, v)[0, 1] < SURE or level < WEAK * (high - low):
        return None
    return level, _parabola(bright, details)


def _places(x: Tensor, low: float, high: float) -> tuple[Tensor, Tensor, Tensor]:
    """Brightness, detail and activity of blocks of 2 × 2 pixels, around which hardly anything is cut off."""
    h, w = x.shape[2] // 2 * 2, x.shape[3] // 2 * 2
    a, b, c, d = (x[:, :, i:h:2, j:w:2] for i in (0, 1) for j in (0, 1))
    if not a.numel():
        return x.new_zeros(0), x.new_zeros(0), x.new_zeros(0)
    side = min(AROUND, *a.shape[2:])
    side -= 1 - side % 2

    def around(t: Tensor) -> Tensor:
        return avg_pool2d(t, side, 1, side // 2, count_include_pad=False)

    activity = around(((a - b + c - d) / 2).square() + ((a + b - c - d) / 2).square())
    ends = around(sum(((t == low) | (t == high)).to(x.dtype) for t in (a, b, c, d)) / 4)
    fine = ends < CUT
    return around((a + b + c + d) / 4)[fine], ((a - b - c + d) / 2)[fine], activity[fine]


def _shades(places: Sequence[tuple[Tensor, Tensor, Tensor]]) -> tuple[np.ndarray, np.ndarray]:
    """Brightness and variance of the noise, class by class."""
    bright, details, activity = (torch.cat(parts).numpy() for parts in zip(*places, strict=True))
    found = []
    if len(bright) >= FEW:
        edges = np.quantile(bright, np.linspace(0.01, 0.99, SHADES + 1))
        for first, last in itertools.pairwise(edges):
            which = np.flatnonzero((bright >= first) & (bright < last))
            if len(which) < FEW:
                continue
            kept = max(FEW // 2, int(CALM * len(which)))
            which = which[np.argpartition(activity[which], kept - 1)[:kept]]
            d = np.abs(details[which])
            # Mean squares without edges; the median alone is coarse where data are whole numbers.
            far = TAIL * np.median(d) / NORMAL
            found.append((bright[which].mean(), np.square(np.minimum(d, far) if far > 0 else d).mean()))
    both = np.array(found).reshape(-1, 2)
    return both[:, 0], both[:, 1]


def _parabola(signal: np.ndarray, variance: np.ndarray) -> tuple[float, float, float]:
    """Least squares, each class by its relative error."""
    at = signal / (unit := float(np.abs(signal).max()))
    a = np.stack([np.ones_like(at), at, at**2], 1) / variance[:, None]
    found = np.linalg.lstsq(a, np.ones_like(at), rcond=None)[0]
    return float(found[0]), float(found[1] / unit), float(found[2] / unit**2)


__all__ = ["Kind", "kind_of"]

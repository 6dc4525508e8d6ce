"""Entries hidden behind their neighbours, so that noise can be learned from (Krull et al. 2019, "Noise2Void";
Batson & Royer 2019, "Noise2Self")."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from narrows.contracts import Shapes
from narrows.numerics import uniform

REACH = 2  # entries each way that stand for a hidden one
SAME = 0.001  # of the span between two impulses: what lies as close to one of them has its value
APART = 0.1  # of that span, or of the data's: an impulse differs at least so much from what is around it
ALIKE = 0.5  # share of an entry's surroundings with its very value beyond which they are a flat region


@dataclass(frozen=True)
class BlindSpot:
    """A share of the entries of a picture or signal is replaced, in all channels at once, by others around them;
    in rows of columns by what other rows of the batch have there, each entry another's.

    Whoever must say what a hidden entry was, given its neighbours, can do no better than E[signal there |
    neighbours], provided that the noise of an entry has mean zero and tells nothing of its neighbours'.  So the
    entries that are not hidden must not count: fits on noisy rows take care of that; elsewhere this is a
    corruption like others.  The median of what is around would be a better guess, and a network would learn to
    trust what stands there.

    ``share``     of the entries, hidden at random; in rows of columns as evenly as can be, for a row of which
                  most is hidden looks like one that is whole.
    ``impulses``  values, in scaled units, that stand for no measurement, such as salt, pepper and dead pixels.
                  Entries with one of them that disagree with their surroundings are hidden at every step,
                  behind the median of these, and never a target.  A ``Denoiser`` hides them also when it
                  answers; other models see them there.
    ``span``      how far the data range, in scaled units, which says how much an impulse differs from what is
                  around it.  None: as far as the impulses, or where they have one value as each row does.

    >>> BlindSpot(0.1)
    BlindSpot(share=0.1, impulses=(), span=None)
    """

    share: float = 0.06
    impulses: tuple[float, ...] = ()
    span: float | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.share <= 1:
            raise ValueError(
                f"BlindSpot got share={self.share!r}, but needs a share of the entries: pass 0 ≤ share ≤ 1."
            )
        if self.span is not None and not 0 < self.span < math.inf:
            raise ValueError(
                f"BlindSpot got span={self.span!r}, but needs how far the data range: pass a number > 0, or None."
            )
        object.__setattr__(self, "impulses", tuple(float(value) for value in self.impulses))

    def build(self, shapes: Shapes) -> nn.Module:
        return _BlindSpot(self)


class _BlindSpot(nn.Module):
    replayable = False  # how much there is to do depends on the draw

    def __init__(self, part: BlindSpot):
        super().__init__()
        self.share, self.impulses, self.span = part.share, part.impulses, part.span

    def forward(self, x: Tensor, gen: torch.Generator) -> Tensor:
        return self.hidden(x, gen)[0]

    def hidden(self, x: Tensor, gen: torch.Generator) -> tuple[Tensor, Tensor]:
        """Rows with some entries hidden, and what those were: NaN at all others, and at impulses."""
        if x.ndim == 2:
            some, never = evenly(x, self.share, gen), torch.zeros_like(x, dtype=torch.bool)
            ahead = 1 + torch.randint(max(1, len(x) - 1), x.shape[1:], generator=gen, device=x.device)
            other = (torch.arange(len(x), device=x.device)[:, None] + ahead) % max(1, len(x))
            x_in = torch.where(some, x.gather(0, other), x)
        else:
            some = (uniform(x[:, :1], gen) < self.share).expand_as(x)
            never = self.found(x)
            good = by_neighbours(x, never)
            around = windows(torch.where(never, torch.full_like(x, torch.nan), good), some)
            drawn = torch.where(around.isnan(), -torch.ones_like(around), uniform(around, gen))
            picked = around.gather(1, drawn.argmax(1, keepdim=True))[:, 0]
            x_in = good.clone()
            x_in[some] = torch.where(picked.isnan(), good[some], picked)
        return x_in, torch.where(some & ~never, x, torch.full_like(x, torch.nan))

    def found(self, x: Tensor) -> Tensor:
        """Which entries of rows are impulses."""
        return impulses(x, self.impulses, self.span)


def evenly(x: Tensor, share: float, gen: torch.Generator) -> Tensor:
    """A share of the entries of rows (n, features), of each row as many, but for what is left of a whole number.

    >>> some = evenly(torch.zeros(1000, 4), 0.3, torch.Generator().manual_seed(0))
    >>> some.sum(1).unique().tolist(), round(float(some.float().mean()), 2)
    ([1, 2], 0.3)
    """
    many = (share * x.shape[1] + uniform(x[:, :1], gen)).floor()
    return uniform(x, gen).argsort(1).argsort(1) < many


def impulses(x: Tensor, values: tuple[float, ...], span: float | None = None) -> Tensor:
    """Which entries of pictures (n, channels, height, width) or signals (n, channels, time) have one of these
    values, and differ from the median of those around them that have none.  A flat region of such a value,
    as paper that is white throughout, is none.  ``span`` as in :class:`BlindSpot`; several values have their own.

    >>> impulses(torch.tensor([[[0.4, 0.4, 1.0, 0.5, 0.5, 1.0, 1.0, 1.0, 1.0, 1.0]]]), (1.0,)).nonzero()[:, 2].tolist()
    [2]
    """
    found = torch.zeros_like(x, dtype=torch.bool)
    if not values or x.ndim < 3 or not x.numel():
        return found
    known = max(values) - min(values) or span
    if known is None:  # of each row alone, whatever stands beside it
        rows = x.flatten(1)
        wide = (rows.amax(1) - rows.amin(1)).view(-1, *[1] * (x.ndim - 1)).expand_as(x)
    else:
        wide = torch.full_like(x, known)
    pool = torch.nn.functional.avg_pool1d if x.ndim == 3 else torch.nn.functional.avg_pool2d
    candidates, flat = found.clone(), found.clone()
    for value in values:
        here = (x - value).abs() <= SAME * wide
        alike = pool(here.to(x.dtype), 2 * REACH + 1, 1, REACH, count_include_pad=False)
        candidates |= here
        flat |= here & (alike > ALIKE)
    looked = candidates & ~flat
    around = windows(torch.where(candidates, torch.full_like(x, torch.nan), x), looked)
    # Where there are none but candidates around, they have to do.
    middle = torch.where((~around.isnan()).any(1), around.nanmedian(1)[0], windows(x, looked).nanmedian(1)[0])
    found[looked] = (x[looked] - middle).abs() > APART * wide[looked]
    return found


def by_neighbours(x: Tensor, bad: Tensor) -> Tensor:
    """x with its ``bad`` entries replaced by the median of the others around them; where there are none, by
    the mean of all others of the row and channel."""
    good = torch.where(bad, torch.full_like(x, torch.nan), x)
    middle = windows(good, bad).nanmedian(1)[0]
    rest = good.flatten(2).nanmean(2).nan_to_num()
    rest = rest.view(*rest.shape, *[1] * (x.ndim - 2)).expand_as(x)[bad]
    answer = x.clone()
    answer[bad] = torch.where(middle.isnan(), rest, middle)
    return answer


def windows(x: Tensor, where: Tensor) -> Tensor:
    """The entries around those marked ``where``, without themselves, (k, neighbours); NaN beyond the edges."""
    axes = x.ndim - 2
    wide = torch.nn.functional.pad(x, (REACH, REACH) * axes, value=torch.nan)
    at = where.nonzero(as_tuple=True)
    steps = [s for s in itertools.product(range(2 * REACH + 1), repeat=axes) if s != (REACH,) * axes]
    flat, strides = wide.flatten(), wide.stride()
    base = sum(i * s for i, s in zip(at, strides, strict=True))
    ahead = [sum(i * s for i, s in zip(step, strides[2:], strict=True)) for step in steps]
    return flat[base[:, None] + torch.tensor(ahead, device=x.device)]


__all__ = ["BlindSpot"]

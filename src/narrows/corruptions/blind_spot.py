"""Entries hidden behind their neighbours, so that noise can be learned from (Krull et al. 2019, "Noise2Void";
Batson & Royer 2019, "Noise2Self")."""

from __future__ import annotations

import itertools
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
    in rows of columns by what another row of the batch has there.

    Whoever must say what a hidden entry was, given its neighbours, can do no better than E[signal there |
    neighbours], provided that the noise of an entry has mean zero and tells nothing of its neighbours'.  So the
    entries that are not hidden must not count: fits on noisy rows take care of that; elsewhere this is a
    corruption like others.  The median of what is around would be a better guess, and a network would learn to
    trust what stands there.

    ``share``     of the entries, hidden at random.
    ``impulses``  values, in scaled units, that stand for no measurement, such as salt, pepper and dead pixels.
                  Entries with one of them that disagree with their surroundings are always hidden, behind the
                  median of these, also at answering, and never a target.

    >>> BlindSpot(0.1)
    BlindSpot(share=0.1, impulses=())
    """

    share: float = 0.06
    impulses: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        if not 0 <= self.share <= 1:
            raise ValueError(
                f"BlindSpot got share={self.share!r}, but needs a share of the entries: pass 0 ≤ share ≤ 1."
            )
        object.__setattr__(self, "impulses", tuple(float(value) for value in self.impulses))

    def build(self, shapes: Shapes) -> nn.Module:
        return _BlindSpot(self)


class _BlindSpot(nn.Module):
    replayable = False  # how much there is to do depends on the draw

    def __init__(self, part: BlindSpot):
        super().__init__()
        self.share, self.impulses = part.share, part.impulses

    def forward(self, x: Tensor, gen: torch.Generator) -> Tensor:
        return self.hidden(x, gen)[0]

    def hidden(self, x: Tensor, gen: torch.Generator) -> tuple[Tensor, Tensor]:
        """Rows with some entries hidden, and what those were: NaN at all others, and at impulses."""
        some = uniform(x[:, :1] if x.ndim > 2 else x, gen) < self.share
        some, never = some.expand_as(x), self.found(x)
        if x.ndim == 2:
            ahead = 1 + int(torch.randint(max(1, len(x) - 1), (), generator=gen, device=x.device))
            x_in = torch.where(some, x.roll(ahead, 0), x)
        else:
            good = by_neighbours(x, never)
            around = windows(torch.where(never, torch.full_like(x, torch.nan), good), some)
            drawn = torch.where(around.isnan(), -torch.ones_like(around), uniform(around, gen))
            picked = around.gather(1, drawn.argmax(1, keepdim=True))[:, 0]
            x_in = good.clone()
            x_in[some] = torch.where(picked.isnan(), good[some], picked)
        return x_in, torch.where(some & ~never, x, torch.full_like(x, torch.nan))

    def found(self, x: Tensor) -> Tensor:
        """Which entries of rows are impulses."""
        return impulses(x, self.impulses)


def impulses(x: Tensor, values: tuple[float, ...]) -> Tensor:
    """Which entries of pictures (n, channels, height, width) or signals (n, channels, time) have one of these
    values, and differ from the median of those around them that have none.  A flat region of such a value,
    as paper that is white throughout, is none.

    >>> impulses(torch.tensor([[[0.4, 0.4, 1.0, 0.5, 0.5, 1.0, 1.0, 1.0, 1.0, 1.0]]]), (1.0,)).nonzero()[:, 2].tolist()
    [2]
    """
    found = torch.zeros_like(x, dtype=torch.bool)
    if not values or x.ndim < 3 or not x.numel():
        return found
    span = max(values) - min(values) or float(x.max() - x.min())
    pool = torch.nn.functional.avg_pool1d if x.ndim == 3 else torch.nn.functional.avg_pool2d
    candidates, flat = found.clone(), found.clone()
    for value in values:
        here = (x - value).abs() <= SAME * span
        alike = pool(here.to(x.dtype), 2 * REACH + 1, 1, REACH, count_include_pad=False)
        candidates |= here
        flat |= here & (alike > ALIKE)
    looked = candidates & ~flat
    around = windows(torch.where(candidates, torch.full_like(x, torch.nan), x), looked)
    # Where there are none but candidates around, they have to do.
    middle = torch.where((~around.isnan()).any(1), around.nanmedian(1)[0], windows(x, looked).nanmedian(1)[0])
    found[looked] = (x[looked] - middle).abs() > APART * span
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

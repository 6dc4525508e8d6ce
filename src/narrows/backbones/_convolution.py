"""Strided convolutions of small maps, in training: as products of matrices, rows innermost.

A filter that walks in steps over maps meets, at each of its taps, every other pixel.  With the rows
of the batch innermost in memory, the pixels of a tap are long runs of numbers: they are copied below
each other, and what is left is one product of matrices (im2col, Chellapilla et al. 2006); the way
back adds up runs.  As long as the copies fit in the processor's cache this is up to twice as fast
as the library's kernels, above all for transposed convolutions; beyond that it is slower.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd import Function
from torch.nn.functional import conv2d, conv_transpose2d

# Numbers that a layer may copy; from more than about this many on the library's kernels are faster (measured).
MOST_COPIES = 2_000_000


@dataclass(frozen=True)
class Grid:
    """How the taps of a ``kernel`` × ``kernel`` filter on each pixel of a ``small`` map meet those of
    a ``large`` one of so many ``channels``; both (height, width)."""

    channels: int
    large: tuple[int, int]
    small: tuple[int, int]
    kernel: int
    stride: int
    padding: int

    def taps(self, axis: int) -> Iterator[tuple[int, slice, slice]]:
        """Each tap along the axis, the small pixels at which it is inside the large map, and what it meets."""
        for tap in range(self.kernel):
            offset = tap - self.padding
            first = max(0, -(offset // self.stride))
            last = min(self.small[axis] - 1, (self.large[axis] - 1 - offset) // self.stride)
            last = max(last, first - 1)  # a tap may meet nothing
            begin, end = self.stride * first + offset, self.stride * last + offset
            yield tap, slice(first, last + 1), slice(begin, max(begin, end + 1), self.stride)

    def copies(self, rows: int) -> int:
        """Numbers that :func:`_gather` copies."""
        return rows * self.channels * self.kernel**2 * self.small[0] * self.small[1]

    @property
    def spare(self) -> tuple[int, int]:
        """Pixels of the large map behind the last that a transposed convolution reaches by itself."""
        reach = [self.stride * (n - 1) + self.kernel - 2 * self.padding for n in self.small]
        return self.large[0] - reach[0], self.large[1] - reach[1]


class Strided(nn.Conv2d):
    """A convolution that halves ``size``, (height, width), rounding up."""

    def __init__(self, c_in: int, c_out: int, kernel: int, size: tuple[int, int]):
        super().__init__(c_in, c_out, kernel, stride=2, padding=kernel // 2)
        self.grid = Grid(c_in, size, half(size), kernel, 2, kernel // 2)

    def forward(self, x: Tensor) -> Tensor:
        if quick(self, x):
            return _Strided.apply(x, self.weight, self.bias, self.grid)[0]
        return super().forward(x)


class Transposed(nn.ConvTranspose2d):
    """A transposed convolution back to exactly ``size``, (height, width), from half of it."""

    def __init__(self, c_in: int, c_out: int, kernel: int, size: tuple[int, int]):
        grid = Grid(c_out, size, half(size), kernel, 2, kernel // 2)
        super().__init__(c_in, c_out, kernel, stride=2, padding=kernel // 2, output_padding=grid.spare)
        self.grid = grid

    def forward(self, h: Tensor) -> Tensor:
        if quick(self, h):
            return _Transposed.apply(h, self.weight, self.bias, self.grid)
        return super().forward(h)


def quick(layer: nn.Module, x: Tensor) -> bool:
    """Whether the layer leaves the library's kernels for x: in training, on the processor, on small maps."""
    grid = getattr(layer, "grid", None)
    small = grid is not None and grid.copies(len(x)) <= MOST_COPIES
    return small and x.device.type == "cpu" and torch.is_grad_enabled()


def half(size: tuple[int, int]) -> tuple[int, int]:
    """Of (height, width), rounded up."""
    return (size[0] + 1) // 2, (size[1] + 1) // 2


def rows_inside(h: Tensor) -> Tensor:
    """h, (rows, c, height, width), with rows innermost in memory."""
    return _inner(h).permute(3, 0, 1, 2)


class RowsInside(Function):
    """h as it is, if rows are innermost; the gradient gets the same layout, which passes over both want."""

    generate_vmap_rule = True

    @staticmethod
    def forward(h: Tensor) -> Tensor:
        return h.view_as(h)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple, output: Tensor) -> None:
        pass

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        return rows_inside(grad)


class _Strided(Function):
    """The convolution and, for its backward, the copies."""

    @staticmethod
    def forward(x: Tensor, w: Tensor, b: Tensor, grid: Grid) -> tuple[Tensor, Tensor]:
        cols = _gather(_inner(x), grid, ones=True)
        y = torch.cat([w.flatten(1), b[:, None]], 1) @ cols
        return y.view(-1, *grid.small, x.shape[0]).permute(3, 0, 1, 2), cols

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple, output: tuple) -> None:
        x, w, _, ctx.grid = inputs
        ctx.save_for_backward(x, w, output[1])
        ctx.mark_non_differentiable(output[1])

    @staticmethod
    def backward(ctx: Any, grad: Tensor, _: Tensor) -> tuple[Tensor | None, ...]:
        x, w, cols = ctx.saved_tensors
        if torch.is_grad_enabled():  # somebody will differentiate this again
            return *_plain_backward(ctx, grad, x, w), None
        g = _inner(grad).flatten(1)
        both = g @ cols.t()  # of the weights, and of the bias in the last column
        back = None
        if ctx.needs_input_grad[0]:
            back = _scatter(w.flatten(1).t() @ g, ctx.grid).permute(3, 0, 1, 2)
        return back, both[:, :-1].view_as(w), both[:, -1], None

    @staticmethod
    def vmap(info: Any, in_dims: tuple, x: Tensor, w: Tensor, b: Tensor, grid: Grid) -> tuple[tuple, tuple]:
        plain = partial(conv2d, stride=grid.stride, padding=grid.padding)
        y = torch.vmap(plain, in_dims[:3])(x, w, b)
        return (y, y.new_empty(0)), (0, None)


class _Transposed(Function):
    """The transposed convolution."""

    @staticmethod
    def forward(h: Tensor, w: Tensor, b: Tensor, grid: Grid) -> Tensor:
        large = _scatter(w.flatten(1).t() @ _inner(h).flatten(1), grid)
        return large.add_(b[:, None, None, None]).permute(3, 0, 1, 2)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple, output: Tensor) -> None:
        h, w, _, ctx.grid = inputs
        ctx.save_for_backward(h, w)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        h, w = ctx.saved_tensors
        if torch.is_grad_enabled():
            return *_plain_backward(ctx, grad, h, w, ctx.grid.spare), None
        g, small = _inner(grad), _inner(h)
        cols = _gather(g, ctx.grid)
        back = (w.flatten(1) @ cols).view_as(small).permute(3, 0, 1, 2)
        return back, (small.flatten(1) @ cols.t()).view_as(w), g.sum((1, 2, 3)), None

    @staticmethod
    def vmap(info: Any, in_dims: tuple, h: Tensor, w: Tensor, b: Tensor, grid: Grid) -> tuple[Tensor, int]:
        plain = partial(conv_transpose2d, stride=grid.stride, padding=grid.padding, output_padding=grid.spare)
        return torch.vmap(plain, in_dims[:3])(h, w, b), 0


def _plain_backward(
    ctx: Any, grad: Tensor, x: Tensor, w: Tensor, spare: tuple[int, int] | None = None
) -> tuple[Tensor | None, ...]:
    """The library's formula, which can be differentiated again."""
    stride, padding = [ctx.grid.stride] * 2, [ctx.grid.padding] * 2
    mask = list(ctx.needs_input_grad[:3])
    up = spare is not None
    return torch.ops.aten.convolution_backward(
        grad, x, w, [grad.shape[1]], stride, padding, [1, 1], up, list(spare or (0, 0)), 1, mask
    )


def _inner(x: Tensor) -> Tensor:
    """(rows, c, height, width) → (c, height, width, rows), contiguous."""
    return x.permute(1, 2, 3, 0).contiguous()


def _gather(large: Tensor, grid: Grid, ones: bool = False) -> Tensor:
    """What each tap of each channel meets, (c·kernel², pixels of the small map · rows), 0 outside; with
    a last row of ``ones`` for a bias."""
    c, k, rows = large.shape[0], grid.kernel, large.shape[-1]
    every = large.new_empty(c * k * k + ones, grid.small[0] * grid.small[1] * rows)
    every[c * k * k :].fill_(1)
    cols = every[: c * k * k].view(c, k, k, *grid.small, rows)
    for a, i, p in grid.taps(0):
        for b, j, q in grid.taps(1):
            tap = cols[:, a, b]
            tap[:, i, j].copy_(large[:, p, q])
            for outside in (tap[:, : i.start], tap[:, i.stop :], tap[:, i, : j.start], tap[:, i, j.stop :]):
                if outside.numel():
                    outside.zero_()
    return every


def _scatter(cols: Tensor, grid: Grid) -> Tensor:
    """The transpose of :func:`_gather`: each large pixel, (c, height, width, rows), the sum of what met it."""
    k, s = grid.kernel, grid.stride
    cols = cols.view(-1, k, k, *grid.small, cols.shape[1] // (grid.small[0] * grid.small[1]))
    large = cols.new_empty(cols.shape[0], *grid.large, cols.shape[-1])
    begun = set()
    for a, i, p in reversed(list(grid.taps(0))):
        for b, j, q in reversed(list(grid.taps(1))):
            place, tap, phase = large[:, p, q], cols[:, a, b, i, j], (p.start % s, q.start % s)
            # The pixels of one phase are met by the same taps only: the first that meets all of them
            # writes, so that nothing has to be cleared.
            if not place.numel():
                continue
            if phase not in begun:
                begun.add(phase)
                of_phase = large[:, phase[0] :: s, phase[1] :: s]
                if of_phase.shape == place.shape:
                    place.copy_(tap)
                    continue
                of_phase.zero_()
            place.add_(tap)
    return large

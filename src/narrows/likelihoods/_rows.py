"""Errors summed over a row, with gradients by hand: half the passes over memory that autograd makes.

Each gives what its likelihood's unsummed ``nll`` adds up to.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import hardshrink, softplus

DUST = 1e-30  # a gradient below it moves nothing
BLOCK = 2**19  # numbers that a processor keeps at hand


class SquaredError(torch.autograd.Function):
    """½ Σ (m − x)² + ``offset`` per row, (batch,), with m = sigmoid(out) or out; gradient (m − x)m′."""

    generate_vmap_rule = True

    @staticmethod
    def forward(out: Tensor, x: Tensor, unit: bool, offset: float) -> tuple[Tensor, Tensor, Tensor]:
        m = out.sigmoid() if unit else None
        error = (out if m is None else m) - x
        norm = torch.linalg.vector_norm(error.flatten(1), dim=1)
        rows = torch.addcmul(norm.new_full((), offset), norm, norm, value=0.5)
        return rows, error, out.new_empty(0) if m is None else m

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple, output: tuple) -> None:
        out, x, ctx.unit, _ = inputs
        ctx.mark_non_differentiable(output[1], output[2])
        ctx.save_for_backward(out, x, output[1], output[2])
        ctx.set_materialize_grads(False)

    @staticmethod
    def backward(ctx: Any, grad: Tensor | None, *_: None) -> tuple[Tensor | None, Tensor | None, None, None]:
        if grad is None:
            return None, None, None, None
        out, x, error, m = ctx.saved_tensors
        if torch.is_grad_enabled():  # somebody means to differentiate the gradient: not by way of constants
            m = out.sigmoid()
            error = (m if ctx.unit else out) - x
        slope = error * grad.view(-1, *(1,) * (error.ndim - 1))
        to_x = -slope if ctx.needs_input_grad[1] else None
        if ctx.unit:
            # Where a sigmoid is all but 0 or 1 its slope fades into denormal numbers, which would make
            # the products that follow ten times slower.
            slope = hardshrink(torch.ops.aten.sigmoid_backward(slope, m), DUST)
        return slope, to_x, None, None


class CrossEntropy(torch.autograd.Function):
    """Σ ln(1 + eˡ) − x·l per row of logits l, (batch,); gradient sigmoid(l) − x."""

    generate_vmap_rule = True

    @staticmethod
    def forward(out: Tensor, x: Tensor) -> Tensor:
        return (softplus(out) - x * out).flatten(1).sum(1)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple, output: Tensor) -> None:
        ctx.save_for_backward(*inputs)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        out, x = ctx.saved_tensors
        grad = grad.view(-1, *(1,) * (out.ndim - 1))
        return (out.sigmoid() - x) * grad, -out * grad if ctx.needs_input_grad[1] else None


class Choice(torch.autograd.Function):
    """−Σ xⱼ ln softmaxⱼ(out) per row, (batch,), and, if ``keep``, its slopes Σx·softmax(out) − x.

    Both a few rows at a time, so that no other array of the size of ``out`` is ever read or written.
    """

    @staticmethod
    def forward(out: Tensor, x: Tensor, keep: bool) -> tuple[Tensor, Tensor]:
        flat, counts = out.flatten(1), x.flatten(1)
        rows, slopes = flat.new_empty(len(flat)), torch.empty_like(flat) if keep else flat.new_empty(0)
        step = max(1, BLOCK // max(1, flat.shape[1]))
        for start in range(0, len(flat), step):
            part = slice(start, start + step)
            mine, total = counts[part], counts[part].sum(1)
            place = slopes[part] if keep else torch.empty_like(flat[part])
            e = torch.sub(flat[part], flat[part].amax(1, keepdim=True), out=place)
            inner = torch.linalg.vecdot(mine, e)
            norm = e.exp_().sum(1)
            rows[part] = total * norm.log() - inner
            if keep:
                e.mul_((total / norm)[:, None]).sub_(mine)
        return rows, slopes

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple, output: tuple) -> None:
        out, x, _ = inputs
        ctx.mark_non_differentiable(output[1])
        ctx.save_for_backward(out, x, output[1])
        ctx.set_materialize_grads(False)

    @staticmethod
    def backward(ctx: Any, grad: Tensor | None, _: Any = None) -> tuple[Tensor | None, Tensor | None, None]:
        if grad is None:
            return None, None, None
        out, x, slopes = ctx.saved_tensors
        if torch.is_grad_enabled():  # somebody means to differentiate the gradient: not by way of constants
            slopes = x.flatten(1).sum(1, keepdim=True) * out.flatten(1).softmax(1) - x.flatten(1)
        to_out = slopes * grad[:, None]
        to_x = -out.flatten(1).log_softmax(1) * grad[:, None] if ctx.needs_input_grad[1] else None
        return to_out.view_as(out), None if to_x is None else to_x.view_as(x), None

    @staticmethod
    def vmap(info: Any, in_dims: tuple, out: Tensor, x: Tensor, keep: bool) -> tuple[tuple, tuple]:
        """Of several networks: their rows one below another."""
        each = [
            t.expand(info.batch_size, *t.shape) if d is None else t.movedim(d, 0)
            for t, d in zip((out, x), in_dims[:2], strict=True)
        ]
        rows, slopes = Choice.apply(*(t.flatten(0, 1) for t in each), keep)
        rows = rows.view(info.batch_size, -1)
        return (rows, slopes.view(*rows.shape, -1) if keep else slopes), (0, 0 if keep else None)

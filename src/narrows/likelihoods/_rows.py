"""Errors summed over a row, with gradients by hand: half the passes over memory that autograd makes.

Each gives what its likelihood's unsummed ``nll`` adds up to.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import hardshrink, softplus

DUST = 1e-30  # a gradient below it moves nothing


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

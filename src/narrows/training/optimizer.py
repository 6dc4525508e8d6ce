"""Fused Adam behind a guard: spikes are clipped and non-finite steps skipped, on the device."""

from __future__ import annotations

import torch
from torch import Tensor, nn

SPIKE = 5.0  # a gradient may be this many times longer than its running mean before it is clipped
MEMORY = 0.98  # of that running mean
BETAS = (
    0.9,
    0.99,
)  # a shorter memory of squared gradients than Adam's own 0.999 learns faster over few steps


def make_adam(net: nn.Module, weight_decay: float) -> torch.optim.Optimizer:
    """Adam, or AdamW (Loshchilov & Hutter 2019) on the weight matrices when there is weight decay."""
    matrices, rest = [], []
    for name, p in net.named_parameters():
        if p.requires_grad:
            # A learned spread of images has the shape of a matrix, too, but is none.
            (matrices if p.ndim >= 2 and not name.startswith("likelihood.") else rest).append(p)
    decayed = [{"params": matrices, "weight_decay": weight_decay}, {"params": rest, "weight_decay": 0.0}]
    # Without decay one group, hence one kernel call a step.
    groups = [g for g in decayed if g["params"]] if weight_decay else [{"params": matrices + rest}]
    kind = torch.optim.AdamW if weight_decay else torch.optim.Adam
    fused = (matrices + rest)[0].device.type in ("cpu", "cuda")
    return kind(groups, lr=0.0, betas=BETAS, fused=fused or None)


class Guard:
    """One optimiser step that asks the host nothing.

    The fused kernels take two tensors, made for mixed precision and put to wider use here:
    ``grad_scale``, by which gradients are divided (clipping), and ``found_inf``, which turns the
    whole step into nothing.  The clipping threshold follows the gradients' own length, because a
    loss summed over features has no absolute scale.
    """

    def __init__(self, optimizer: torch.optim.Optimizer):
        self.optimizer = optimizer
        self.params = [p for g in optimizer.param_groups for p in g["params"]]
        like = self.params[0]
        self.norm = torch.zeros((), device=like.device, dtype=torch.float32)
        self.fused = bool(optimizer.param_groups[0]["fused"])

    def step(self, loss: Tensor, rate: float) -> Tensor:
        """Step with gradients in place; returns 1.0 (0-d) where it was skipped, else 0.0."""
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        grads = [p.grad for p in self.params if p.grad is not None]
        norm = torch.linalg.vector_norm(torch.stack(torch._foreach_norm(grads))).float()
        bad = ~torch.isfinite(norm + loss.detach())
        limit = torch.where(self.norm > 0, SPIKE * self.norm, norm)
        excess = torch.where(bad, 1.0, (norm / limit.clamp(min=1e-30)).clamp(min=1.0))
        seen = torch.where(bad, self.norm, norm / excess)
        self.norm = torch.where(self.norm > 0, MEMORY * self.norm + (1 - MEMORY) * seen, seen)
        skipped = bad.float()
        if self.fused:
            self.optimizer.grad_scale, self.optimizer.found_inf = excess, skipped
            self.optimizer.step()
        elif not bool(bad):
            torch._foreach_div_(grads, excess)
            self.optimizer.step()
        for p in self.params:
            p.grad = None
        return skipped

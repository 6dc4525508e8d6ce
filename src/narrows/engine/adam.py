"""Fused Adam behind a guard: spikes are clipped and non-finite steps skipped.

The kernel is called directly: ``torch.optim`` would import the compiler with its first optimiser
(two seconds, once per process) and spends more time per step on bookkeeping than small networks on
arithmetic.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import torch
from torch import Tensor

SPIKE = 5.0  # a gradient may be this many times longer than its running mean before it is clipped
MEMORY = 0.98  # of that running mean
# A shorter memory of squared gradients than Adam's own 0.999 learns faster over few steps.
BETAS = (0.9, 0.99)
EPS = 1e-8
SWEEP = 100  # steps between sweeps
DUST = 1e-30  # a moment below it moves nothing, for EPS is so much larger


class Adam:
    """Adam (Kingma & Ba 2015); AdamW (Loshchilov & Hutter 2019) on parameters that ``decays`` names.

    >>> w = torch.zeros(2)
    >>> Adam([w]).step([torch.tensor([3.0, -3.0])], rate=0.1)
    >>> w
    tensor([-0.1000,  0.1000])
    """

    def __init__(
        self, params: Sequence[Tensor], weight_decay: float = 0.0, decays: Iterable[bool] | None = None
    ):
        self.params = [p.detach() for p in params]
        self.first = [torch.zeros_like(p) for p in self.params]
        self.second = [torch.zeros_like(p) for p in self.params]
        self.count = torch.zeros((), device=self.params[0].device, dtype=torch.float32)  # as the kernel asks
        self.calls = 0
        flags = [True] * len(self.params) if decays is None else list(decays)
        rates = [weight_decay if flag else 0.0 for flag in flags]
        # One kernel call for all that decay alike.
        self.groups = [(r, [i for i, other in enumerate(rates) if other == r]) for r in sorted(set(rates))]

    @torch.no_grad()
    def step(
        self,
        grads: Sequence[Tensor],
        rate: float,
        *,
        divide: Tensor | None = None,
        skip: Tensor | None = None,
    ) -> None:
        """One update.  Gradients are divided by ``divide``; where ``skip`` is 1, nothing happens."""
        self.count += 1.0 if skip is None else 1.0 - skip
        self.calls += 1
        if self.calls % SWEEP == 0:
            # Moments of units that get no gradient fade into denormal numbers, and processors take
            # tens of times longer over those.
            for t in (*self.first, *self.second):
                torch.hardshrink(t, DUST, out=t)
        for decay, mine in self.groups:
            kernel = torch._fused_adamw_ if decay else torch._fused_adam_
            kernel(
                [self.params[i] for i in mine],
                [grads[i] for i in mine],
                [self.first[i] for i in mine],
                [self.second[i] for i in mine],
                [],
                [self.count] * len(mine),
                lr=rate,
                beta1=BETAS[0],
                beta2=BETAS[1],
                weight_decay=decay,
                eps=EPS,
                amsgrad=False,
                maximize=False,
                grad_scale=divide,
                found_inf=skip,
            )


class Guard:
    """What is to be done with a step: nothing at all where its loss or gradient is not finite, and
    less where the gradient is suddenly much longer than those before.

    The threshold follows the gradients' own length, because a loss summed over features has no
    absolute scale.
    """

    def __init__(self) -> None:
        self.norm = 0.0

    def judge(self, loss: float, norm: float) -> float:
        """By what to divide the gradient; 0 if the step is to be skipped."""
        if not math.isfinite(loss + norm):
            return 0.0
        excess = 1.0
        if self.norm > 0 and norm > SPIKE * self.norm:
            # Rounded, so that the last bit of a sum does not decide about those of the weights.
            excess = float(f"{norm / (SPIKE * self.norm):.3g}")
        seen = norm / excess
        self.norm = MEMORY * self.norm + (1 - MEMORY) * seen if self.norm > 0 else seen
        return excess


def divisor(divide: float, like: Tensor) -> Tensor | None:
    """What the kernel takes as ``divide``; None where there is nothing to divide by."""
    return None if divide == 1.0 else torch.tensor(divide, dtype=torch.float32, device=like.device)


class DeviceGuard:
    """The same where asking for a value would stall the device: everything stays there."""

    def __init__(self, device: torch.device):
        self.norm = torch.zeros((), device=device, dtype=torch.float32)

    def judge(self, loss: Tensor, norm: Tensor) -> tuple[Tensor, Tensor]:
        """By what to divide the gradient, and 1.0 if the step is to be skipped, else 0.0."""
        bad = ~torch.isfinite(norm + loss)
        limit = torch.where(self.norm > 0, SPIKE * self.norm, norm)
        excess = torch.where(bad, 1.0, (norm / limit.clamp(min=1e-30)).clamp(min=1.0))
        seen = torch.where(bad, self.norm, norm / excess)
        self.norm = torch.where(self.norm > 0, MEMORY * self.norm + (1 - MEMORY) * seen, seen)
        return excess, bad.float()

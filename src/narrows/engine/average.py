"""The mean of recent weights: a model worth having at the end of every epoch.

At a high rate weights wander about the place that they would settle in when the rate falls; the mean
over the last steps is there already (Polyak & Juditsky 1992; Izmailov et al. 2018, "Averaging
weights leads to wider optima and better generalization").  While training goes on, the wandering
weights are what is trained; between epochs the network holds their mean, for the monitor, for
callbacks and to be kept as the best so far.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

SHARE = 0.1  # of the steps done so far: over about so many the mean reaches back,
MOST = 100  # and over at most so many, so that it keeps up while the rate falls
EVERY = 8  # steps between updates: more would not show, but would cost


class Average:
    """Of ``params``, blocks (nets, numbers), over recent steps.

    >>> w = torch.zeros(1, 1)
    >>> average = Average([w])
    >>> for _ in range(100):
    ...     _ = w.add_(1.0)
    ...     average.update()
    >>> average.show(); bool(w < 100)
    True
    >>> average.resume(); w
    tensor([[100.]])
    """

    def __init__(self, params: Sequence[Tensor]):
        self.params = [p.detach() for p in params]
        self.steps = [0] * len(self.params[0])  # of each net
        self.mean = [p.clone() for p in self.params]
        self.own: list[Tensor] | None = None  # the weights in training, while the mean is shown

    def update(self) -> None:
        """A step is done."""
        self.steps = [n + 1 for n in self.steps]
        due = [n % EVERY == 0 for n in self.steps]
        if True in due:
            self._mix(due, EVERY)

    def _mix(self, which: list[bool], new: int | list[int]) -> None:
        """Mix in what the ``new`` last steps have led to."""
        news = [new] * len(which) if isinstance(new, int) else new
        shares = [
            min(1.0, k / min(MOST, max(1.0, SHARE * n))) if now else 0.0
            for now, k, n in zip(which, news, self.steps, strict=True)
        ]
        if len(set(shares)) == 1:
            torch._foreach_lerp_(self.mean, self.params, shares[0])
            return
        for mean, p in zip(self.mean, self.params, strict=True):
            mean.lerp_(p, torch.tensor(shares, dtype=p.dtype, device=p.device)[:, None])

    def show(self) -> None:
        """Let the network hold the mean."""
        left = [n % EVERY for n in self.steps]
        if any(left):
            self._mix([k > 0 for k in left], left)
        self.own = [p.clone() for p in self.params]
        torch._foreach_copy_(self.params, self.mean)

    def resume(self) -> None:
        """Let it hold the weights in training again; unless somebody has changed it meanwhile, which
        then is where training goes on from."""
        if self.own is None:
            return
        for at in range(len(self.params[0])):
            if not all(torch.equal(p[at], m[at]) for p, m in zip(self.params, self.mean, strict=True)):
                self.adopt(at)
        torch._foreach_copy_(self.params, self.own)
        self.own = None

    def adopt(self, at: int) -> None:
        """Begin anew with what net ``at`` holds now."""
        self.steps[at] = 0
        for p, mean, own in zip(self.params, self.mean, self.own or self.mean, strict=True):
            mean[at] = own[at] = p[at]

    def chosen(self, members: list[int], params: Sequence[Tensor]) -> Average:
        """The same for some of the nets, whose weights are in ``params`` now."""
        other = Average(params)
        other.steps, other.mean = [self.steps[i] for i in members], [t[members] for t in self.mean]
        other.own = None if self.own is None else [t[members] for t in self.own]
        return other

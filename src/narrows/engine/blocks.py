"""Weights of one or of several networks in few blocks of memory.

One block holds those that decay, another the rest, so that a norm or an update takes one call however
many layers there are.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

import torch
from torch import Tensor, nn

ALIGNED = 16  # numbers: weights begin where products like them to


class Blocks:
    """The trainable parameters of ``nets``, which become views of ``weights``: blocks (nets, numbers).

    With ``split`` those that decay have a block of their own.  ``names`` are the parameters' in the
    order of the blocks, of those in ``only`` where that is given; :func:`release` ends it for a net.
    """

    def __init__(self, nets: Sequence[nn.Module], split: bool, only: Collection[str] | None = None):
        self._only = only
        named = [self._trained(net) for net in nets]
        self.names: list[str] = []
        self.decays: list[bool] = []
        self.weights: list[Tensor] = []
        self._spans: list[tuple[int, slice, torch.Size]] = []
        for decays in (True, False):
            mine = [n for n, p in named[0].items() if (split and decaying(n, p)) is decays]
            if not mine:
                continue
            start = 0
            for n in mine:
                shape = named[0][n].shape
                self._spans.append((len(self.weights), slice(start, start + shape.numel()), shape))
                start += -(-shape.numel() // ALIGNED) * ALIGNED
            like = named[0][mine[0]]
            self.names += mine
            self.decays.append(decays)
            self.weights.append(torch.zeros(len(nets), start, dtype=like.dtype, device=like.device))
        self._nets, self.grads = list(nets), [torch.zeros_like(block) for block in self.weights]
        for n, stacked in zip(self.names, self.views(self.weights), strict=True):
            for own, view in zip(named, stacked, strict=True):
                view.copy_(own[n].detach())
                own[n].data = view

    def _trained(self, net: nn.Module) -> dict[str, nn.Parameter]:
        named = net.named_parameters()
        return {n: p for n, p in named if p.requires_grad and (self._only is None or n in self._only)}

    def views(self, blocks: Sequence[Tensor]) -> list[Tensor]:
        """Every parameter's part of such blocks, (nets, \\*shape), in the order of ``names``."""
        return [
            blocks[i][:, where].unflatten(1, shape) if shape else blocks[i][:, where.start]
            for i, where, shape in self._spans
        ]

    def intact(self) -> bool:
        """Whether the nets train what they trained; parameters that were given other memory are taken
        back into the blocks, with what they hold."""
        stacked = dict(zip(self.names, self.views(self.weights), strict=True))
        for i, net in enumerate(self._nets):
            named = self._trained(net)
            if named.keys() != stacked.keys() or any(
                p.shape != stacked[n][i].shape for n, p in named.items()
            ):
                return False
            for n, p in named.items():
                if p.data_ptr() != stacked[n][i].data_ptr():
                    stacked[n][i].copy_(p.detach())
                    p.data = stacked[n][i]
        return True

    def gather(self, found: Iterable[Tensor | None]) -> list[Tensor]:
        """Gradients by parameter, in the order of ``names``, put into ``grads``."""
        for place, g in zip(self.views(self.grads), found, strict=True):
            if g is None:
                place.zero_()
            else:
                place.copy_(g)
        return self.grads


def decaying(name: str, p: Tensor) -> bool:
    """Whether weight decay is meant for a parameter: for the weight matrices."""
    # A learned spread of images has the shape of a matrix, too, but is none.
    return p.ndim >= 2 and not name.startswith("likelihood.")


def release(net: nn.Module) -> None:
    """Give a net tensors of its own again."""
    for t in (*net.parameters(), *net.buffers()):
        t.data = t.data.clone()

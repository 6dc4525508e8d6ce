"""Codes from a learned list: van den Oord, Vinyals & Kavukcuoglu 2017, "Neural discrete representation
learning"."""

from __future__ import annotations

import math
from dataclasses import dataclass
from numbers import Integral

import torch
from torch import Tensor, nn

from narrows.bottlenecks._frequencies import Frequencies
from narrows.bottlenecks._projection import Projection
from narrows.contracts import Code, Shapes, Source

START_ROWS = 8192  # that the first codes are clustered from
ROUNDS = 10  # of k-means
RECENT = 256  # rows of the last batch that unused codes may move to
RARE = 0.05  # of a code's fair share: below it, it counts as unused
EVERY = 50  # steps between looks at which codes are unused
UNTIL = 0.5  # of the steps: codes stay where they are after that


@dataclass(frozen=True)
class VQ:
    """y = W h + b in ``groups`` pieces, each replaced by the nearest of ``codes`` learned vectors of its own.

    z = e_k, k = argmin_j ‖y − e_j‖ (equations 1 and 2); gradients pass to y as if z were y, and the loss is
    ‖sg[y] − e_k‖² + commitment·‖y − sg[e_k]‖² (equation 3).

    ``groups``  at most; the largest number up to it that divides the code: a row is one of codes^groups.

    Codes start as the k-means centres of the first weights' y; in the first half of training those that are
    hardly ever nearest move to rows of the last batch, else most of a long list is never used.

    ``Code.indices`` are the numbers k, (batch, groups); ``Code.rate`` is −ln of how often they were used
    lately in training: what a coder with these frequencies pays.  It has no gradient.

    >>> VQ(codes=256, groups=4)
    VQ(codes=256, groups=4, commitment=0.25)
    """

    codes: int = 512
    groups: int = 1
    commitment: float = 0.25

    def __post_init__(self) -> None:
        for name, least in (("codes", 2), ("groups", 1)):
            value = getattr(self, name)
            if not (isinstance(value, Integral) and value >= least):
                raise ValueError(f"VQ got {name}={value!r}, but needs a whole number: pass {name} ≥ {least}.")
        if not 0 <= self.commitment < math.inf:
            raise ValueError(f"VQ got commitment={self.commitment!r}, but needs a weight: pass a number ≥ 0.")

    def build(self, shapes: Shapes) -> nn.Module:
        groups = max(
            g for g in range(1, min(self.groups, shapes.latent_dim) + 1) if shapes.latent_dim % g == 0
        )
        return _VQ(self, shapes, groups)


class _VQ(nn.Module):
    settled = True  # what its hook changes are tensors

    def __init__(self, part: VQ, shapes: Shapes, groups: int):
        super().__init__()
        self.codes, self.groups, self.commitment = int(part.codes), groups, part.commitment
        width = shapes.latent_dim // groups
        self.project = Projection(shapes)
        self.book = nn.Parameter(torch.randn(groups, self.codes, width))
        self.frequencies = Frequencies((self.codes,) * groups)
        self.register_buffer("recent", torch.zeros(RECENT, groups, width))

    @torch.no_grad()
    def prepare(self, net: nn.Module, source: Source, gen: torch.Generator) -> None:
        """Lloyd's k-means of what the first weights make of some rows."""
        y = self._pieces(net.encoder(net.embed(source.head(START_ROWS))))
        self.recent.copy_(y[torch.arange(RECENT, device=y.device) % len(y)])
        for book, points in zip(self.book, y.unbind(1), strict=True):
            order = torch.randperm(len(points), generator=gen, device=points.device)
            book.copy_(points[order[torch.arange(self.codes, device=points.device) % len(points)]])
            for _ in range(ROUNDS):
                nearest = _nearest(points[:, None], book[None])[:, 0]
                sums = torch.zeros_like(book).index_add_(0, nearest, points)
                counts = torch.zeros_like(book[:, 0]).index_add_(0, nearest, torch.ones_like(points[:, 0]))
                book.copy_(torch.where(counts[:, None] > 0, sums / counts[:, None].clamp(min=1), book))

    def _pieces(self, h: Tensor) -> Tensor:
        """y, (batch, groups, width)."""
        return self.project(h).unflatten(1, (self.groups, -1))

    def forward(self, h: Tensor, gen: torch.Generator | None = None) -> Code:
        y = self._pieces(h)
        indices = _nearest(y.detach(), self.book.detach())
        chosen = self._chosen(indices)
        if self.training:
            self.frequencies.update(indices)
            with torch.no_grad():
                n = min(RECENT, len(y))
                self.recent[:n].copy_(y[:n])
        # y − y is exactly 0: z is the code to the last bit, and has y's gradient.
        z = (chosen.detach() + (y - y.detach())).flatten(1)
        loss = {
            "codebook": (y.detach() - chosen).square().flatten(1).sum(1),
            "commitment": self.commitment * (y - chosen.detach()).square().flatten(1).sum(1),
        }
        return Code(z=z, mean=z, rate=self.frequencies.nats(indices), loss=loss, indices=indices)

    def _chosen(self, indices: Tensor) -> Tensor:
        """The codes of numbers (batch, groups): (batch, groups, width).  Those not named get no gradient."""
        where = indices.T[:, :, None].expand(-1, -1, self.book.shape[2])
        return self.book.gather(1, where).transpose(0, 1)

    def from_indices(self, indices: Tensor) -> Tensor:
        """Codes (n, latent_dim) of their numbers (n, groups)."""
        return self._chosen(indices).flatten(1)

    def restrict(self, z: Tensor) -> Tensor:
        """The nearest codes in the list."""
        return self.from_indices(_nearest(z.unflatten(1, (self.groups, -1)), self.book))

    @torch.no_grad()
    def on_step(self, net: nn.Module, step: int, total: int) -> None:
        """Move unused codes to where rows are."""
        if step % EVERY or step > UNTIL * total:
            return
        share = self.frequencies.share.view(self.groups, self.codes)
        unused = share < RARE / self.codes
        # The k-th unused code takes the k-th row, which is one at random: batches are shuffled.
        row = (unused.cumsum(1) - 1).clamp(min=0) % RECENT
        taken = self.recent.transpose(0, 1).gather(1, row[:, :, None].expand_as(self.book))
        self.book.copy_(torch.where(unused[:, :, None], taken, self.book))
        share.copy_(torch.where(unused, 1.0 / self.codes, share))  # time to be used


def _nearest(y: Tensor, book: Tensor) -> Tensor:
    """The number of the code nearest to each piece, (batch, groups): y (batch, groups, width), book (groups,
    codes, width).  ‖y − e‖² less ‖y‖², which all have in common."""
    cross = y.transpose(0, 1) @ book.transpose(1, 2)
    return (book.square().sum(2)[:, None] - 2 * cross).argmin(2).T

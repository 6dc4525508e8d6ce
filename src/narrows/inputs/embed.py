"""What a table's network sees: numbers with a flag where they are missing, categories written out."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn

ONE_HOT = 32  # categories that are written out as so many numbers; more are embedded


class Embed(nn.Module):
    """(batch, columns) → (batch, inputs): numbers, 0 where missing; a flag each; categories one-hot
    or embedded, all zeros where missing."""

    def __init__(self, levels: Iterable[int]):
        super().__init__()
        levels = list(levels)
        self.hot = [(i, k) for i, k in enumerate(levels) if 0 < k <= ONE_HOT]
        wide = [(i, k) for i, k in enumerate(levels) if k > ONE_HOT]
        self.register_buffer("numbers", _index(i for i, k in enumerate(levels) if not k))
        # All one-hot categories at once: of each place its column and its code.
        self.register_buffer("column", _index(i for i, k in self.hot for _ in range(k)))
        codes = torch.tensor([c for _, k in self.hot for c in range(k)], dtype=torch.float32)
        self.register_buffer("code", codes)
        self.wide = [i for i, _ in wide]
        # The rule of thumb for the width is fast.ai's: 1.6 times the number of categories to the power 0.56.
        self.embeddings = nn.ModuleList(nn.Embedding(k, min(64, round(1.6 * k**0.56))) for _, k in wide)
        width = 2 * len(self.numbers) + len(codes) + sum(e.embedding_dim for e in self.embeddings)
        self.shape = (width,)

    def forward(self, x: Tensor) -> Tensor:
        numbers = x.index_select(1, self.numbers)
        gaps = numbers.isnan()
        parts = [
            torch.where(gaps, 0.0, numbers),
            gaps.to(x),
            (x.index_select(1, self.column) == self.code).to(x),
        ]
        for i, embedding in zip(self.wide, self.embeddings, strict=True):
            missing = x[:, i].isnan()
            vectors = embedding(torch.where(missing, 0.0, x[:, i]).long())
            parts.append(torch.where(missing[:, None], 0.0, vectors))
        return torch.cat(parts, 1)


def _index(numbers: Iterable[int]) -> Tensor:
    return torch.tensor(list(numbers), dtype=torch.long)

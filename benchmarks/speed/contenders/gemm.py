"""The floor under a training step of 784-64-784: its five matrix products and nothing else.

Products are those of one step: two forward, three backward (the input needs no gradient).  Operands
lie in memory as each kernel likes them best, and answers are written into place where it allows that.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from benchmarks.speed import arrays
from benchmarks.speed.contract import Case, Figures
from benchmarks.speed.quality import allowed

SECONDS = 0.5  # of repetition per run
Product = Callable[[], Tensor]


def operands(rows: int, features: int, code: int) -> list[tuple[Tensor, Tensor]]:
    """(left, right) of each product, as a step has them: some are transposed views."""
    gen = torch.Generator().manual_seed(0)
    x, out = (torch.rand(rows, features, generator=gen) for _ in range(2))
    h, dh = (torch.rand(rows, code, generator=gen) for _ in range(2))
    w1, w2 = torch.rand(code, features, generator=gen), torch.rand(features, code, generator=gen)
    return [(x, w1.T), (h, w2.T), (out.T, h), (out, w2), (dh.T, x)]


def mkl(a: Tensor, b: Tensor) -> Product:
    answer = torch.empty(a.shape[0], b.shape[1])
    return lambda: torch.mm(a, b, out=answer)


def onednn(a: Tensor, b: Tensor) -> Product:
    a, w = a.contiguous(), b.T.contiguous()
    return lambda: torch.ops.mkldnn._linear_pointwise(a, w, None, "none", [], "")


def onednn_bf16(a: Tensor, b: Tensor) -> Product:
    return onednn(a.bfloat16(), b.bfloat16())


KERNELS: dict[str, Callable[[Tensor, Tensor], Product]] = {
    "mkl": mkl,
    "onednn": onednn,
    "onednn_bf16": onednn_bf16,
}


class Floor:
    """Milliseconds of the five products, back to back, by one kernel library."""

    def __init__(self, folder: Path, kernel: str) -> None:
        self.kernel = KERNELS[kernel]
        (train,) = arrays.read(folder, "train")
        self.features = train.shape[1]

    def run(self, case: Case) -> Figures:
        p = case.params
        pairs = operands(p["batch"], self.features, p["code"])
        products = [self.kernel(a, b) for a, b in pairs]
        off = max(
            float((f() - a @ b).abs().max() / (a @ b).abs().max())
            for f, (a, b) in zip(products, pairs, strict=True)
        )
        lengths = range(1, allowed(p["threads"]) + 1)
        # On busy cores two threads may be far slower than one, and a floor is the best there is.
        return {
            "value": min(self.time(products, n, p.get("seconds", SECONDS)) for n in lengths),
            "quality": off,
        }

    def time(self, products: list[Product], threads: int, length: float) -> float:
        """Milliseconds of all products on that many threads, repeated for ``length`` seconds: a low
        quantile and no median, because a floor is what the machine can do when nobody disturbs it."""
        torch.set_num_threads(threads)
        seconds: list[float] = []
        until = time.perf_counter() + length
        while len(seconds) < 20 or time.perf_counter() < until:
            began = time.perf_counter()
            for product in products:
                product()
            seconds.append(time.perf_counter() - began)
        return 1e3 * float(np.quantile(seconds, 0.1))

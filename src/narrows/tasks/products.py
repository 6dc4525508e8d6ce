"""Linear layers by oneDNN's matrix products, where those are the faster ones.

PyTorch multiplies float32 matrices on the processor by MKL.  oneDNN, which PyTorch has too and keeps
for compiled code, is a fifth to a third faster for long and narrow layers, and on AMD's processors,
whose widest instructions MKL leaves alone, for all but small ones.  Its products read the layer's own
weights: nothing has to be kept, let alone kept up to date.
"""

from __future__ import annotations

import platform
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

# Numbers in a weight matrix, below which a call into oneDNN costs more than it saves.
WORTHWHILE = 2**14
LONG, NARROW = 512, 128


class Products(TorchFunctionMode):
    """Within the block and on this thread, float32 linear layers are computed by oneDNN where that is
    faster."""

    def __init__(self) -> None:
        super().__init__()
        self._rows: Tensor | None = None
        self._product: Tensor | None = None

    def watch(self, rows: Tensor) -> None:
        """Keep what the first layer makes of these rows."""
        self._rows, self._product = rows, None

    def watched(self, rows: Tensor) -> Tensor:
        """What holds NaN or infinity if the watched rows do, and is the smallest to look through: the
        first layer's output, if that layer saw them as they are, for its units sum up whole rows."""
        product, self._rows, self._product = self._product, None, None
        return rows if product is None or product.numel() > rows.numel() else product

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if func is not torch.nn.functional.linear:
            return func(*args, **kwargs)
        out = _linear(*args, **kwargs)
        if self._rows is not None and args and _same_memory(args[0], self._rows):
            self._product = out
        return out


def _same_memory(a: Tensor, b: Tensor) -> bool:
    return a.data_ptr() == b.data_ptr() and a.numel() == b.numel() and a.is_contiguous()


def _linear(input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    plain = input.dtype == torch.float32 and input.dim() == 2 and weight.is_contiguous()
    if not (plain and faster(weight)):
        return torch.nn.functional.linear(input, weight, bias)
    return _onednn(input, weight, bias)


def _onednn(input: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    return torch.ops.mkldnn._linear_pointwise.default(input, weight, bias, "none", [], "")


def faster(weight: Tensor) -> bool:
    """Whether oneDNN is worth its calls for a layer of that weight: a matter of its shape alone, for
    few rows and for many must be multiplied alike."""
    if weight.dtype != torch.float32 or weight.device.type != "cpu" or weight.numel() < WORTHWHILE:
        return False
    return (max(weight.shape) >= LONG and min(weight.shape) <= NARROW) or _mkl_holds_back()


@cache
def _available() -> bool:
    """Whether this build of PyTorch has the product on this processor: it is not part of its public face."""
    if not torch.backends.mkldnn.is_available():
        return False
    x, weight = torch.ones(2, 3), torch.arange(12.0).view(4, 3)
    try:
        return torch.equal(_onednn(x, weight, torch.ones(4)), x @ weight.T + 1)
    except (RuntimeError, AttributeError, TypeError, NotImplementedError):
        return False


@cache
def _mkl_holds_back() -> bool:
    """Whether this is a processor of AMD's with instructions that MKL does not use there."""
    try:
        vendor = Path("/proc/cpuinfo").read_text() if platform.system() == "Linux" else platform.processor()
    except OSError:
        return False
    return "AuthenticAMD" in vendor and "AVX512" in torch.backends.cpu.get_cpu_capability()


def onednn(weights: Iterable[Tensor]) -> bool:
    """Whether a network with these weights has a layer for which it is worth while, and may use it."""
    return torch.backends.mkldnn.enabled and any(map(faster, weights)) and _available()

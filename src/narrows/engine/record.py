"""Writing down what a training step does: its tensor operations, forward and backward, in order.

PyTorch offers every operation to a dispatch mode just before it reaches its kernel, below
autograd, modules and ``torch.func`` transforms.  A step that was written down can therefore be run
again without any of them (:mod:`narrows.engine.plan`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

Operation = Callable[..., Any]


class UnrepeatableError(Exception):
    """The step asked for a tensor's value or for a shape that depends on one: it cannot be replayed."""


@dataclass(frozen=True, eq=False)
class Call:
    """One operation with what it was given and what it returned."""

    op: Operation
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    out: Any


class Recorder(TorchDispatchMode):
    """Within the block, every tensor operation is run and written down in ``calls``.

    >>> with Recorder() as tape:
    ...     y = torch.ones(3) * 2
    >>> str(tape.calls[-1].op)
    'aten.mul.Tensor'
    """

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        # Torch would wrap the method below for its compiler, and load that, for most of a second, to do so.
        return False

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[Call] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if {torch.Tag.data_dependent_output, torch.Tag.dynamic_output_shape} & set(func.tags):
            raise UnrepeatableError(str(func))
        out = func(*args, **kwargs)
        self.calls.append(Call(func, args, kwargs, out))
        return out


def tensors(value: Any) -> list[Tensor]:
    """The tensors in an argument or result: one, a list of them, or none."""
    if isinstance(value, Tensor):
        return [value]
    if isinstance(value, (list, tuple)):
        return [t for v in value for t in tensors(v)]
    return []

"""How a fitted network is run: in which chunk sizes, by whose products, on how many threads.

Matrix products round differently for different batch sizes, in ways that depend on library and
processor.  So one large chunk size is the measure, and a smaller one is used, for few rows, only
after it has been seen to give this network's answers to the last bit.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn

from narrows.engine.machine import SMALL, products_of
from narrows.fitted import Fitted
from narrows.numerics import generator
from narrows.tasks.products import onednn

CHUNK = 256  # rows, where nothing can be tried out
# Chunks for few rows.  Below 16 most products take other paths, and activations, which are computed
# 32 numbers at a time, finish the rest by another formula.
SMALLER = (16, 64, 256)
LEAST, LARGEST = 32, 2048
BUSY = 1e9  # multiply-adds of one chunk after which a larger one gains nothing
ENTRIES = 2**21  # numbers in the rows of one chunk, at most
ALONE = 64  # rows, where every chunk size has bits of its own

Step = Callable[[Tensor], Tensor]
Parts = Callable[[Tensor], tuple[Tensor, ...]]
State = tuple[object, ...]


class Runner:
    """What does not change between calls while the network keeps its shape."""

    def __init__(self, fitted: Fitted, state: State):
        net = fitted.net
        self.state = state
        self.dtype, self.device = fitted.dtype, fitted.device
        self.onednn_allowed = torch.backends.mkldnn.enabled
        weights = [m.weight for m in net.modules() if isinstance(m, nn.Linear)]
        on_processor = self.device.type == "cpu"
        # Networks of other people's making may keep something between encoder and decoder: no two of
        # their chunks run at once.
        self.ours = on_processor and all(map(_stateless, net.modules()))
        self.overwrites = not self.ours or any(getattr(m, "inplace", False) for m in net.modules())
        self.onednn = self.ours and onednn(weights)
        self.work = sum(products_of(net))
        self.largest = CHUNK
        # Noise is no row of a table with categories, and a GPU's memory and libraries are another matter.
        self.tried = on_processor and not fitted.schema.levels
        if self.tried:
            most = min(LARGEST, BUSY / max(self.work, 1), ENTRIES / net.shapes.features)
            self.largest = max(LEAST, 2 ** int(most).bit_length() // 2)
        self._sizes: dict[str, tuple[int, ...]] = {}

    def threads(self, rows: int) -> tuple[int, int]:
        """How many chunks of so many rows run at once, and each on how many threads."""
        available = min(torch.get_num_threads(), os.cpu_count() or 1)
        if self.ours:
            return (available if self.work * rows >= 2 * SMALL else 1), 1
        return 1, (available if self.work * CHUNK >= SMALL else 1)

    def sizes_for(self, verb: str, parts: Parts, shape: tuple[int, ...]) -> tuple[int, ...]:
        """The chunk sizes that the verb may mix, rising; found by trying them on noise, once.

        ``parts`` answers with all that the verb computes on its way: a difference that a sum over
        a row of noise swallows may show on a row of data.
        """
        if verb not in self._sizes:
            self._sizes[verb] = self._try(parts, shape)
        return self._sizes[verb]

    def _try(self, parts: Parts, shape: tuple[int, ...]) -> tuple[int, ...]:
        if not self.tried:
            return (CHUNK,)
        noise = torch.randn(CHUNK, *shape, generator=generator(0), dtype=self.dtype, device="cpu")
        x = torch.cat([noise] * -(-self.largest // CHUNK))[: self.largest]
        whole = parts(x)
        smaller = [size for size in SMALLER if 2 * size <= self.largest and _same(parts, x, whole, size)]
        sizes = (*smaller, self.largest)
        return sizes if sizes[0] <= ALONE else (ALONE,)


def _same(parts: Parts, x: Tensor, whole: tuple[Tensor, ...], size: int) -> bool:
    """Whether chunks of that size, here and there in x, have the bits that they have in the whole."""
    count = max(2, min(CHUNK, len(x)) // size)  # many: one number in twenty may differ, in the last bit
    starts = [round(i * (len(x) - size) / (count - 1)) for i in range(count)]
    return all(
        torch.equal(part, all_of_it[s : s + size])
        for s in starts
        # A copy: a slice may lie in memory as no chunk ever does.
        for part, all_of_it in zip(parts(x[s : s + size].clone()), whole, strict=True)
    )


def _stateless(module: nn.Module) -> bool:
    hooked = module._forward_hooks or module._forward_pre_hooks
    return not hooked and type(module).__module__.startswith(("torch.nn.modules.", "narrows."))


_runners: WeakKeyDictionary[Fitted, Runner] = WeakKeyDictionary()


def runner(fitted: Fitted) -> Runner:
    """The model's runner, made when it is first asked for and after the network has changed its shape.

    Kept beside the model and not in it: copies and pickles find out for themselves.
    """
    state, training = _survey(fitted.net)
    if training:
        fitted.net.eval()
    found = _runners.get(fitted)
    if found is None or found.state != state or found.onednn_allowed != torch.backends.mkldnn.enabled:
        found = _runners[fitted] = Runner(fitted, state)
    return found


def _survey(net: nn.Module) -> tuple[State, bool]:
    """What the runner depends on, and whether any module is in training mode.

    By hand, because ``net.eval()`` and ``net.parameters()`` take longer than a small network's answer.
    """
    state: list[object] = []
    training, modules = False, [net]
    for module in modules:
        training = training or module.training
        state.append((type(module), not module._forward_hooks))
        modules += [child for child in module._modules.values() if child is not None]
        state += [(p.shape, p.dtype, p.device) for p in module._parameters.values() if p is not None]
    return tuple(state), training

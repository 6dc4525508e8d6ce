"""What the machine is asked for: numbers of threads, and the precision of products."""

from __future__ import annotations

import contextlib
import statistics
import threading
import time
from collections.abc import Iterator

import torch
from torch import nn

# Multiply-adds of one forward pass below which a second thread costs more than it brings, as far as
# can be told without trying (about a millisecond), and below which it is not even tried.
SMALL = 5e7
TINY = 5e6
# Multiply-adds of a product from which rounding its operands to bfloat16 pays (measured: docs/performance.md).
LARGE_PRODUCT = 4e6


def products_of(net: nn.Module) -> list[float]:
    """Multiply-adds per row of each layer's product, estimated from its weights; a convolution's
    count once per output pixel, taken as a quarter of the input's."""
    pixels = 1
    for n in net.shapes.input[1:]:
        pixels *= n
    found = []
    for m in net.modules():
        weight = getattr(m, "weight", None)
        if isinstance(m, nn.RNNBase):  # once per sample
            found.append(float(pixels * sum(w.numel() for w in m.parameters())))
        elif isinstance(m, nn.modules.conv._ConvNd):
            found.append(float(weight.numel() * max(1, pixels // 4)))
        elif isinstance(weight, torch.Tensor):
            found.append(float(weight.numel()))
    return found


def rounds_products(net: nn.Module, rows: int, precision: str) -> bool:
    """Whether training steps of ``rows`` rows should multiply in bfloat16: weights, sums and
    everything else stay float32.

    So under "auto" where the processor has instructions for it and products are large; the choice
    depends on nothing that changes from run to run.
    """
    if precision != "auto" or next(net.parameters()).device.type != "cpu" or not _has_bfloat16():
        return False
    sizes = [m.weight.numel() for m in net.modules() if _is_layer(m)]
    # Convolutions lose by it, and there is one switch for all.
    if any(isinstance(m, nn.modules.conv._ConvNd) for m in net.modules()):
        return False
    return bool(sizes) and rows * sum(sizes) / len(sizes) >= LARGE_PRODUCT


def _is_layer(m: nn.Module) -> bool:
    return isinstance(m, nn.Linear) or getattr(m, "weight_layer", False)


def _has_bfloat16() -> bool:
    asked = getattr(torch.cpu, "_is_avx512_bf16_supported", None)
    return hasattr(torch.backends.mkldnn, "matmul") and asked is not None and bool(asked())


_lock = threading.Lock()
_inside: list[str] = []  # what the switch was, once for everybody who is inside


FINE = 0.2  # of its peak: below such a rate steps are small, and products are not rounded


class Rounding:
    """Whether an epoch's products are rounded: while the rate is high, if they are at all."""

    def __init__(self, wanted: bool):
        self.wanted, self.peak = wanted, 0.0

    def at(self, rate: float) -> bool:
        """For an epoch whose highest rate this is."""
        self.peak = max(self.peak, rate)
        return self.wanted and rate > FINE * self.peak


@contextlib.contextmanager
def rounded_products(wanted: bool) -> Iterator[None]:
    """In the block float32 products of matrices round their operands to bfloat16; then as before."""
    if not wanted:
        yield
        return
    # One switch for the whole process: the first in turns it, the last out turns it back.
    switch = torch.backends.mkldnn.matmul
    with _lock:
        if not _inside:
            _inside.append(switch.fp32_precision)
            switch.fp32_precision = "bf16"
        else:
            _inside.append(_inside[0])
    try:
        yield
    finally:
        with _lock:
            before = _inside.pop()
            if not _inside:
                switch.fp32_precision = before


@contextlib.contextmanager
def threads(wanted: int | None = None) -> Iterator[None]:
    """Run the block on that many threads, or on as many as it chooses; then restore."""
    before = torch.get_num_threads()
    if wanted is not None and wanted != before:
        torch.set_num_threads(wanted)
    try:
        yield
    finally:
        if torch.get_num_threads() != before:
            torch.set_num_threads(before)


def pace_for(net: nn.Module, rows: int) -> Pace:
    """The pace of steps of ``rows`` rows on the caller's number of threads."""
    work, most = rows * sum(products_of(net)), torch.get_num_threads()
    return Pace(1 if work < TINY else most, fixed=1 if work < SMALL else most)


class Pace:
    """How many threads a step gets: one, or all the caller allows, whichever was faster lately.

    Two threads gain up to 1.6 times on quiet cores and lose tenfold on busy ones, and cores do not
    stay quiet.  So the other number is tried for a few steps now and then; but only for steps whose
    bits do not depend on it.  Others get the number that is ``fixed`` by their size.

    >>> pace = Pace(most=2)
    >>> for seconds in (0.9, 0.9, 0.9, 0.9, 0.9, 0.9):  # a slow trial on two threads
    ...     pace.lap(seconds)
    >>> pace.threads
    1
    """

    TRIAL = 5  # steps; the first of them warms up and does not count
    AGAIN = 2.0  # seconds between trials
    HOPELESS = 3.0  # times slower than before: the trial ends at once

    def __init__(self, most: int, fixed: int | None = None):
        self.most, self.threads, self.fixed = most, most, most if fixed is None else fixed
        self.began: float | None = None
        self.laps: list[float] = []
        self.other: float | None = None  # the median lap of the number that is not in use
        self.since = time.perf_counter()

    def start(self, free: bool) -> None:
        """Set the threads of a step that begins now."""
        wanted = self.threads if free else self.fixed
        if torch.get_num_threads() != wanted:
            torch.set_num_threads(wanted)
        self.began = time.perf_counter() if free and self.most > 1 else None

    def stop(self) -> None:
        """The step is done."""
        if self.began is not None:
            self.lap(time.perf_counter() - self.began)

    def lap(self, seconds: float) -> None:
        """Take note of a step; may change ``threads`` for the next one."""
        if self.most == 1:
            return
        self.laps.append(seconds)
        trial = len(self.laps) <= self.TRIAL
        if trial and self.other is not None and len(self.laps) > 1 and seconds > self.HOPELESS * self.other:
            self._switch(seconds)
        elif len(self.laps) == self.TRIAL + 1:
            now = statistics.median(self.laps[1:])
            if self.other is None or now > self.other:
                self._switch(now)
            self.since = time.perf_counter()
        elif not trial and time.perf_counter() - self.since > self.AGAIN:
            self._switch(statistics.median(self.laps[-self.TRIAL :]))
        elif len(self.laps) > 4 * self.TRIAL:
            del self.laps[self.TRIAL + 1 : -self.TRIAL]

    def _switch(self, median: float) -> None:
        self.other, self.laps = median, []
        self.threads = 1 if self.threads == self.most else self.most
        self.since = time.perf_counter()

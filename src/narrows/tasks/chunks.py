"""Rows through the network in chunks of few sizes.

Matrix products round differently for different batch sizes.  Padding every chunk to one of a few
sizes that are known to agree (:mod:`narrows.tasks.runner`) makes a row's answer independent of how
many others came with it, and bounds memory.  Large inputs go through several chunks at once, each
on one thread: threads that share a product wait for each other, these do not.
"""

from __future__ import annotations

import contextlib
import math
import threading
from collections.abc import Callable, Iterator

import numpy as np
import torch
from torch import Tensor

from narrows.contracts import Rows
from narrows.fitted import Fitted
from narrows.inputs import _checks
from narrows.tasks.products import Products
from narrows.tasks.runner import CHUNK, Parts, Runner, Step, runner

Job = Callable[[int, Products | None], None]


def padded(x: Tensor, size: int = CHUNK) -> Tensor:
    """x with rows of zeros up to ``size``."""
    missing = size - len(x)
    return x if not missing else torch.cat([x, x.new_zeros(missing, *x.shape[1:])])


def through(
    fitted: Fitted,
    rows: np.ndarray | Rows,
    step: Step,
    scaled: bool = True,
    verb: str | None = None,
    parts: Parts | None = None,
) -> np.ndarray:
    """``step`` on chunks of ``rows`` (n, …), its answers (n, …) joined.

    ``scaled`` rows are in the user's units, are looked through for NaN and infinity, and are scaled
    on the way in; codes are not.  ``verb`` names the step: the chunk sizes found for it serve the
    next call; without a name there is one size.  ``parts``: what the step computes on its way to a
    sum over a row's entries, where it does.
    """
    run = runner(fitted)
    together, each = run.threads(len(rows))

    def answer(start: int, size: int, products: Products | None) -> np.ndarray:
        part = rows[start : start + size]
        x = padded(_tensor(fitted, part, run.dtype, scaled), next(s for s in sizes if s >= len(part)))
        watching = products is not None and not run.overwrites
        if watching:
            products.watch(x)
        # x may be the user's own memory.
        got = step((x.clone() if run.overwrites else x).to(run.device))[: len(part)].cpu().numpy()
        if scaled and not fitted.schema.missing:
            seen = products.watched(x) if watching else x
            # The cheapest look, while they are in the cache; sums may also overflow, so it only suspects.
            if not math.isfinite(seen.sum()):
                _checks.finite(part, first=start)
                _checks.fits(part, x[: len(part)].numpy(), first=start)
        return got

    with _modes(run, each) as products:
        sizes: tuple[int, ...] = (CHUNK,)
        if verb is not None:
            shape = fitted.net.shapes.row if scaled else rows.shape[1:]
            sizes = run.sizes_for(verb, parts or (lambda x: (step(x),)), shape)
        largest = sizes[-1]
        first = answer(0, largest, products)
        if len(rows) <= largest:
            return first.copy()  # not the network's memory, nor the user's where it hands rows through
        answers = np.empty((len(rows), *first.shape[1:]), first.dtype)
        answers[:largest] = first

        def job(start: int, products: Products | None) -> None:
            answers[start : start + largest] = answer(start, largest, products)

        starts = range(largest, len(rows), largest)
        _spread(job, iter(starts), min(together, len(starts)), run, products)
    return answers


def _tensor(fitted: Fitted, part: np.ndarray, dtype: torch.dtype, scaled: bool) -> Tensor:
    if scaled:
        return fitted.affine.forward(part, dtype)
    # A frame's array is read-only and a view may run backwards: torch takes neither.
    return torch.from_numpy(np.require(part, requirements="CW")).to(dtype)


def _spread(job: Job, starts: Iterator[int], workers: int, run: Runner, products: Products | None) -> None:
    """Do the job for every start, on so many threads: this one and helpers."""
    lock = threading.Lock()
    errors: list[BaseException] = []

    def work(products: Products | None) -> None:
        # Whoever is free takes the next chunk: cores are not equally fast when others use them too.
        while not errors:
            with lock:
                start = next(starts, None)
            if start is None:
                return
            job(start, products)

    def helper() -> None:
        try:
            with _modes(run, 1) as own:
                work(own)
        except BaseException as error:  # noqa: BLE001 - raised again below
            errors.append(error)

    helpers = [threading.Thread(target=helper, daemon=True) for _ in range(workers - 1)]
    for thread in helpers:
        thread.start()
    try:
        work(products)
    except BaseException as error:
        errors.append(error)
        raise
    finally:
        for thread in helpers:
            thread.join()
    if errors:
        raise errors[0]


@contextlib.contextmanager
def _modes(run: Runner, threads: int) -> Iterator[Products | None]:
    """Inference on so many threads per operation, by the runner's products.  All of that belongs to
    the calling thread, and is given back."""
    before = torch.get_num_threads()
    if before != threads:
        torch.set_num_threads(threads)
    try:
        with torch.inference_mode(), Products() if run.onednn else contextlib.nullcontext() as products:
            yield products
    finally:
        if before != threads:
            torch.set_num_threads(before)

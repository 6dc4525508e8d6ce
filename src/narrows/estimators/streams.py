"""Verbs on rows that are read on demand: piece by piece, in bounded memory."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.progress import track

from narrows.sources.writing import writing

ENTRIES = 1 << 23  # numbers in the rows of one piece
LEAST = 64  # rows of one piece, though


def answers(verb: Callable[[Any], Any], X: Any, verbose: int = 0) -> Iterator[Any]:
    """What ``verb`` says to one piece of X after the other; with a bar if ``verbose``."""
    step = max(LEAST, ENTRIES // max(1, int(np.prod(X.shape[1:], dtype=np.int64))))
    starts = range(0, len(X), step)
    console = Console(stderr=True)
    with ThreadPoolExecutor(1) as reader:  # one piece is read while another is worked on
        ahead = reader.submit(X.__getitem__, slice(0, step))
        for start in track(starts, "rows", console=console, transient=True, disable=not verbose):
            stop, piece = min(start + step, len(X)), ahead.result()
            if stop < len(X):
                ahead = reader.submit(X.__getitem__, slice(stop, stop + step))
            try:
                yield verb(piece)
            except ValueError as error:
                raise ValueError(f"Among rows {start} to {stop - 1}: {error}") from None


def gathered(verb: Callable[[Any], Any], X: Any, verbose: int = 0) -> Any:
    """The answers to all of X, joined in memory."""
    parts = list(answers(verb, X, verbose))
    if isinstance(parts[0], np.ndarray):
        return np.concatenate(parts)
    import narwhals

    return narwhals.concat([narwhals.from_native(part) for part in parts]).to_native()


def written(
    verb: Callable[[Any], Any],
    X: Any,
    out: str | os.PathLike[str],
    names: Sequence[str] | None = None,
    verbose: int = 0,
) -> Path:
    """The answers to all of X, written to ``out`` as they come."""
    with writing(out, len(X), names) as append:
        for answer in answers(verb, X, verbose):
            append(answer)
    return Path(out)

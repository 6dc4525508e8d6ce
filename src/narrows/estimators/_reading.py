"""How a Denoiser reads data: those that it is fitted on, and those of other sizes that come later."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from narrows import tasks
from narrows.fitted import Fitted
from narrows.inputs import Counts, Images, Patches, Signals, Text
from narrows.inputs.images import ImagesSchema
from narrows.inputs.images import several as several_pictures
from narrows.inputs.lazy import is_lazy
from narrows.inputs.patches import PatchesSchema
from narrows.inputs.schemas import infer
from narrows.inputs.series import label
from narrows.inputs.series import several as several_series
from narrows.inputs.signals import SignalsSchema
from narrows.sources.frames import as_frame

LARGE = 64  # pixels of a picture's shorter side from which patches are cut of it
PATCH = 48  # pixels along their sides
WINDOW = 1024  # samples
NARROWEST, FEWEST = 16, 64  # pixels and samples of what is learned from beside larger things


def input_for(X: Any) -> Any:
    """How a Denoiser reads X unless it is told: large pictures as patches, sounds and lists of series as
    windows, all else as an Autoencoder does."""
    if getattr(X, "uncut", False) or _list_of(X, 1):
        return Signals(
            window=_least(X, [len(x) for x in X], FEWEST, WINDOW, "samples long", "Signals(window")
        )
    if several_pictures(X):
        sides = [min(sorted(np.shape(x))[-2:]) for x in X]
        return Patches(_least(X, sides, NARROWEST, PATCH, "pixels on its shorter side", "Patches(size"))
    found = infer(X)
    if isinstance(found, (Counts, Text)):
        what, instead = (
            ("a sparse matrix", "X.toarray()") if isinstance(found, Counts) else ("text", "numbers")
        )
        raise TypeError(
            f"X is {what}, but rows of numbers, pictures or signals were expected: pass {instead}."
        )
    if isinstance(found, Images):
        sides = sorted(X.sizes().min(0) if hasattr(X, "sizes") else np.shape(X)[1:])[-2:]
        if min(sides) >= LARGE:
            return Patches(PATCH)
    return found


def _least(X: Any, sizes: list[int], floor: int, most: int, what: str, part: str) -> int:
    """The size of the smallest thing, ``most`` at most; things below the ``floor`` are refused beside larger
    ones, for all of them would be cut that small."""
    least = min(sizes)
    if least < floor <= max(sizes):
        i = sizes.index(least)
        raise ValueError(
            f"{label(X[i], f'X[{i}]')} is {least} {what}, beside others of up to {max(sizes)}, all of which would be"
            f" cut as small: leave it out (a fitted model takes it), or pass input={part}={max(1, least)})."
        )
    return max(1, min(most, least))


def _list_of(X: Any, axes: int) -> bool:
    return (
        isinstance(X, (list, tuple))
        and bool(X)
        and all(isinstance(x, np.ndarray) and x.ndim == axes for x in X)
    )


def reading(fitted: Fitted, X: Any) -> Any:
    """The schema to read X with: the model's own where it takes X, else one whose rows are as small as the
    smallest of X; the answers are cut from whole pictures and series, so the size of rows changes nothing."""
    schema = fitted.schema
    if not tasks.boundless(fitted):
        return schema
    if isinstance(schema, SignalsSchema) and schema.windowed:
        least = _shortest(X, schema)
        return replace(schema, window=least, step=least) if 0 < least < schema.window else schema
    if isinstance(schema, PatchesSchema):
        sides = _sides(X, schema)
        least = min(map(min, sides), default=0)
        return replace(schema, size=least, step=least) if 0 < least < schema.size else schema
    if isinstance(schema, ImagesSchema) and schema.resized is None:
        sides = _sides(X, schema)
        least = min(map(min, sides), default=0)
        if least > 0 and sides != {schema.row[1:]}:
            return PatchesSchema(least, least, schema.row[0], schema.layout, schema.whole)
    return schema


def _shortest(X: Any, schema: SignalsSchema) -> int:
    """Samples of the shortest series; 0 where that cannot be said, or rows are windows."""
    if several_series(X):
        return min(map(len, X))
    if as_frame(X) is not None or (is_lazy(X) and hasattr(X, "schema")):
        return len(X)
    shape = tuple(X.shape) if hasattr(X, "shape") else np.asarray(X).shape
    if len(shape) == 2 and shape[1] != schema.channels:
        return 0
    return shape[1] if len(shape) == 3 else shape[0] if shape else 0


def _sides(X: Any, schema: ImagesSchema | PatchesSchema) -> set[tuple[int, int]]:
    """Heights and widths of pictures; none where X is no pictures of the fitted axes."""
    axes = 2 if schema.layout == "none" else 3
    if is_lazy(X) and hasattr(X, "sizes"):
        return {(int(height), int(width)) for height, width in X.sizes()}
    found = [np.shape(x) for x in X] if several_pictures(X) else []
    if not found:
        shape = tuple(X.shape) if hasattr(X, "shape") else np.asarray(X).shape
        found = [shape[1:]] if len(shape) > 2 and shape[0] else []
    if any(len(shape) != axes for shape in found):
        return set()
    return {shape[-2:] if schema.layout == "first" else shape[:2] for shape in found}


__all__ = ["input_for", "reading"]

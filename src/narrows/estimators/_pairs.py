"""What a Denoiser's ``y`` is: the same rows clean, or labels."""

from __future__ import annotations

import os
from typing import Any

import narwhals as nw
import numpy as np

from narrows.estimators._fitting import loaded
from narrows.inputs.lazy import is_lazy
from narrows.sources.frames import as_frame


def clean_of(X: Any, y: Any) -> Any:
    """y where it is clean targets for X, its columns in X's order; None where it is labels: 1-D, one column
    beside several, whole numbers or text of another shape than X.  Refused where it can be neither."""
    if y is None:
        return None
    path = isinstance(y, (str, os.PathLike))
    y = loaded(y)
    mine, theirs = shapes(X), shapes(y)
    if mine == theirs:
        labels = not path and mine[:1] == [(1,)] and not _is_list(y) and _whole(y) and not _whole(X)
        return None if labels else _ordered(X, y)
    if _labels(y, mine, theirs, path):
        return None
    if len(mine) != len(theirs):
        told, wanted = f"{len(theirs)} of shape {_short(theirs)}", f"{len(mine)} of shape {_short(mine)}"
    else:
        odd = next(i for i, (a, b) in enumerate(zip(mine, theirs, strict=True)) if a != b)
        told, wanted = f"shape {theirs[odd]} at {odd}", f"{mine[odd]}"
    raise ValueError(
        f"y has {told}, but clean targets have X's shape, {wanted}: pass X without its noise as y, or labels in one"
        " dimension, which are ignored."
    )


def shapes(X: Any) -> list[tuple[int, ...]]:
    """That of each thing in X, its rows, pictures or series."""
    if _is_list(X):
        return [_shape(x) for x in X]
    if is_lazy(X) and hasattr(X, "sizes"):
        return [(*map(int, size), *X.shape[3:]) for size in X.sizes()]
    first, *row = _shape(X) or (1,)
    return [tuple(row)] * first


def _is_list(X: Any) -> bool:
    return isinstance(X, (list, tuple)) and any(len(_shape(x)) > 0 for x in X) and not _numbers(X)


def _numbers(X: Any) -> bool:
    """Whether X is rows of numbers in lists."""
    return all(isinstance(x, (list, tuple)) for x in X)


def _shape(x: Any) -> tuple[int, ...]:
    if isinstance(x, (str, bytes, int, float)):
        return ()
    if isinstance(getattr(x, "shape", None), tuple):
        return tuple(x.shape)
    return np.asarray(x, dtype=object if isinstance(x, (list, tuple)) else None).shape


def _short(found: list[tuple[int, ...]]) -> str:
    return " and others ".join(map(str, list(dict.fromkeys(found))[:2])) if found else "()"


def _labels(y: Any, mine: list[tuple[int, ...]], theirs: list[tuple[int, ...]], path: bool) -> bool:
    """Whether y, which has not X's shape, is labels; what a path holds of columns is not."""
    if _is_list(y) or not theirs:
        return False
    row, other = theirs[0], mine[0] if mine else ()
    if path or len(row) != 1:
        return row == ()
    return row != other and (row == (1,) or _whole(y))


def _whole(y: Any) -> bool:
    """Whether y holds no fractions: whole numbers, text, categories."""
    if (frame := as_frame(y)) is not None:
        return not any(dtype.is_float() or dtype.is_decimal() for dtype in frame.schema.values())
    if is_lazy(y) and hasattr(y, "schema"):
        return _whole(y.schema.empty_table())
    dtype = getattr(y, "dtype", None)
    return (dtype if isinstance(dtype, np.dtype) else np.asarray(y).dtype).kind != "f"


def _names(X: Any) -> list[Any] | None:
    if (frame := as_frame(X)) is not None:
        return frame.columns
    return list(X.schema.names) if is_lazy(X) and hasattr(X, "schema") else None


def _ordered(X: Any, y: Any) -> Any:
    """y with its columns in the order of X's."""
    if _is_list(X) and _is_list(y):
        return [_ordered(a, b) for a, b in zip(X, y, strict=True)] if _names(y[0]) else y
    mine, theirs = _names(X), _names(y)
    if mine is None or theirs is None or mine == theirs:
        return y
    if set(mine) != set(theirs):
        odd = next(name for name in theirs if name not in mine)
        raise ValueError(
            f"y has a column {odd!r}, but clean targets have X's columns: pass those of X, by the same names."
        )
    frame = as_frame(y)
    if frame is None:
        raise ValueError(
            f"y has its columns in another order than X, {theirs[0]!r} before {theirs[1]!r}: pass them in X's order."
        )
    return frame.select(nw.col(*mine)).to_native()


__all__ = ["clean_of"]

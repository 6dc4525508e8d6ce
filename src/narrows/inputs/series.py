"""Long series as users have them: arrays, frames, and sounds and arrays that stay in their files."""

from __future__ import annotations

import os
from typing import Any

import narwhals as nw
import numpy as np

from narrows.inputs import _checks
from narrows.inputs.lazy import Converted, is_lazy
from narrows.sources.frames import as_frame
from narrows.sources.wav import Sound


def several(X: Any) -> bool:
    """Whether X is a list of series, and not numbers in a list."""
    return isinstance(X, (list, tuple)) and any(
        (isinstance(x, np.ndarray) and x.ndim) or in_file(x) or as_frame(x) is not None for x in X
    )


def in_file(x: Any) -> bool:
    """Whether a series is read when its samples are needed."""
    return isinstance(x, Sound) or (is_lazy(x) and not hasattr(x, "schema"))


def opened(X: Any) -> Any:
    """X; a table that is read on demand as one in memory, for a series is all of its rows."""
    if isinstance(X, (list, tuple)) and any(isinstance(x, (str, os.PathLike)) for x in X):
        raise ValueError(
            f"X is a list of {len(X)} names or texts such as {str(X[0])!r}, but series of numbers were expected: pass"
            " a folder or a pattern such as 'sounds/*.wav' if those are files."
        )
    return X[:] if is_lazy(X) and hasattr(X, "schema") else X


def numbers(x: Any, name: str) -> Any:
    """A series as an array (time, channels), or as what is read like one, its values unseen."""
    if not in_file(x):
        array = _checks.numeric(x, name)
        return array[:, None] if array.ndim == 1 else array
    dtype = _checks.numeric(np.zeros(1, x.dtype)).dtype
    if len(x.shape) == 1:
        return Converted(x, (1,), dtype, lambda part: part[:, None].astype(dtype, copy=False))
    return x if x.dtype == dtype else Converted(x, x.shape[1:], dtype, lambda part: part.astype(dtype))


def shape_of(x: Any) -> tuple[int, ...]:
    """That of an array or of a series in a file."""
    return x.shape if in_file(x) else _checks.numeric(x).shape


def label(x: Any, name: str) -> str:
    """What an error calls a series: its file, if it has one."""
    return f"'{x.path}'" if isinstance(x, Sound) else name


def rate_of(X: Any) -> int | None:
    """Samples per second, where the data say so."""
    first = X[0] if several(X) else X
    return first.rate if isinstance(first, Sound) else None


def check_rate(x: Any, rate: int | None) -> None:
    """Refuse a sound of another rate than the fitted one."""
    if isinstance(x, Sound) and rate is not None and x.rate != rate:
        raise ValueError(
            f"'{x.path}' has {x.rate} samples per second, but {rate} were expected, which the model was fitted on:"
            " resample it to that rate."
        )


def channels(frame: nw.DataFrame, name: str, names: tuple[Any, ...] | None, time: Any) -> tuple[Any, ...]:
    """The names of a frame's channels, after a look at its times."""
    names = names or tuple(column for column in frame.columns if column != time)
    if lost := [column for column in names if column not in frame.columns]:
        raise ValueError(
            f"{name} has no column {lost[0]!r}, but Autoencoder is expecting {', '.join(map(repr, names))}:"
            " pass the columns it was fitted on."
        )
    for column in names:
        if frame.schema[column].is_temporal():
            raise ValueError(
                f"Column {column!r} holds times, but channels are numbers: pass Signals(window=…, time={column!r})"
                " if they are the times of the rows."
            )
    if time is not None and time in frame.columns:
        times = frame.get_column(time)
        ordered = times.dtype.is_temporal() or times.dtype.is_numeric()
        if times.null_count() or (ordered and not times.is_sorted()):
            raise ValueError(
                f"The times in column {time!r} of {name} are not in order, but rows one after another were"
                " expected: drop rows without a time, and sort the others by it before you pass them."
            )
    return names


def alike(series: np.ndarray, like: Any, names: tuple[Any, ...] | None, time: Any) -> Any:
    """(time, channels) as ``like`` has it: its shape, or its frame library, index and times."""
    frame = as_frame(like)
    if frame is None:
        return series.reshape(np.shape(like))
    names = channels(frame, "X", names, time)
    # Column by column into the frame that came: so index, order and times stay what they were.
    backend = frame.implementation
    columns = [
        nw.new_series(name, np.ascontiguousarray(column), backend=backend)
        for name, column in zip(names, series.T, strict=True)
    ]
    kept = [name for name in frame.columns if name in names or name == time]
    return frame.select(nw.col(*kept)).with_columns(*columns).to_native()

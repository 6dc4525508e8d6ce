"""Rows that are stretches of time: whole signals, or windows cut from long series."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from numbers import Integral
from typing import Any

import narwhals as nw
import numpy as np
from torch import nn

from narrows.contracts import Shapes
from narrows.inputs import _checks, series
from narrows.inputs.lazy import Converted
from narrows.inputs.series import several
from narrows.inputs.vectors import VectorsSchema
from narrows.inputs.windows import Windows
from narrows.sources.frames import as_frame


@dataclass(frozen=True)
class Signals:
    """Each row is a signal, (channels, time) to the network.

    ``window``  samples in one row; None takes every row of the data as one signal.
    ``step``    samples from one window to the next; a quarter of the window if None.
    ``time``    name of a frame's column that holds the times of its rows, in order; it is no channel,
                and comes back as it was.  Rows are taken to be equally far apart.

    Without ``window`` the data are whole signals of one length: an array (n, time, channels) or
    (n, time), or a frame with a column per sample.  With ``window`` they are long series: one as an
    array (time, channels) or (time,) or a frame with a column per channel, or several as a list of
    these or as an array (n, time, channels).  Series are cut into overlapping windows, the last of each
    aligned to its end, so that every sample is covered; no window spans two series.  Answers per window
    are averaged where windows overlap, which gives back series.  Sounds (wav files) and large ``.npy``
    files are read where windows are cut; a model of sounds takes others of the same rate only.

    >>> Signals().learn(np.zeros((5, 100, 3))).row
    (3, 100)
    >>> schema = Signals(window=20).learn(np.zeros((1000, 3)))
    >>> schema.row, schema.step, schema.rows(np.zeros((50, 3))).shape
    ((3, 20), 5, (7, 3, 20))
    """

    window: int | None = None
    step: int | None = None
    time: Any = None

    def __post_init__(self) -> None:
        for name in ("window", "step"):
            value = getattr(self, name)
            whole = isinstance(value, Integral) and not isinstance(value, bool) and value >= 1
            if value is not None and not whole:
                raise ValueError(
                    f"Signals got {name}={value!r}, but needs a number of samples: pass a whole number ≥ 1."
                )

    def learn(self, X: Any) -> SignalsSchema:
        """What the training signals look like."""
        X = series.opened(X)
        schema = self._whole(X) if self.window is None else self._long(X)
        schema.rows(X)  # checks the rest
        return schema

    def _whole(self, X: Any) -> SignalsSchema:
        for name in ("step", "time"):
            if getattr(self, name) is not None:
                raise ValueError(
                    f"Signals got {name}={getattr(self, name)!r} but no window, which it is for: pass"
                    " Signals(window=…) to cut long series into windows."
                )
        frame = as_frame(X)
        if frame is not None:
            return SignalsSchema(
                len(frame.columns), 1, None, tuple(frame.columns), frame.implementation.value, flat=True
            )
        if several(X) and len(lengths := {np.shape(x)[0] for x in X}) > 1:
            raise ValueError(
                f"X holds series of {min(lengths)} to {max(lengths)} samples, but signals of one length were expected:"
                " pass Signals(window=…) to cut them into windows."
            )
        shape = series.shape_of(X)
        if len(shape) not in (2, 3):
            raise ValueError(
                f"X has shape {shape}, but signals were expected, (n, time, channels) or (n, time): pass"
                " Signals(window=…) if it is one long series."
            )
        channels, flat = 1 if len(shape) == 2 else shape[2], len(shape) == 2
        return SignalsSchema(shape[1], channels, flat=flat, rate=series.rate_of(X))

    def _long(self, X: Any) -> SignalsSchema:
        window, step = int(self.window), int(self.step or max(1, self.window // 4))
        if step > window:
            raise ValueError(
                f"Signals got step={step} and window={window}, which would leave samples out: pass a step ≤ window."
            )
        first = X[0] if several(X) else X
        frame = as_frame(first)
        if frame is None:
            if self.time is not None:
                raise ValueError(
                    f"Signals got time={self.time!r}, but X is not a frame: pass a frame with that column, or no time."
                )
            shape = series.shape_of(first)
            if not 1 <= len(shape) <= (2 if several(X) else 3):
                raise ValueError(
                    f"X holds an array of shape {shape}, but a series was expected, (time, channels) or (time,): pass"
                    " one such array, or a list of them."
                )
            channels, flat = 1 if len(shape) == 1 else shape[-1], len(shape) == 1
            return SignalsSchema(window, channels, step, flat=flat, rate=series.rate_of(X))
        if self.time is not None and self.time not in frame.columns:
            raise ValueError(
                f"Signals got time={self.time!r}, but there is no such column: pass one of"
                f" {', '.join(map(repr, frame.columns))}."
            )
        names = tuple(name for name in frame.columns if name != self.time)
        return SignalsSchema(window, len(names), step, names, frame.implementation.value, self.time)

    def build(self, shapes: Shapes) -> nn.Module:
        """Nothing stands between samples and the encoder."""
        return nn.Identity()


@dataclass(frozen=True)
class SignalsSchema:
    """``window`` samples of ``channels`` in a row, ``step`` samples apart, None for whole signals;
    ``names`` of the columns (of channels, or of the samples of whole signals) and the ``frame`` library
    they came in, the name of the ``time`` column; ``flat`` where arrays have no axis of channels; ``rate``
    in samples per second, where the data said it."""

    window: int
    channels: int
    step: int | None = None
    names: tuple[Any, ...] | None = None
    frame: str | None = None
    time: Any = None
    flat: bool = False
    rate: int | None = None

    levels = None
    missing = False
    shared_scale = "channel"  # a sample is like the next, a channel has units of its own

    @property
    def windowed(self) -> bool:
        """Whether rows are windows of long series."""
        return self.step is not None

    @property
    def row(self) -> tuple[int, ...]:
        """(channels, time)."""
        return (self.channels, self.window)

    @property
    def features(self) -> int:
        return self.channels * self.window

    @property
    def shape(self) -> tuple[int, ...]:
        """One row as the user has it."""
        return (self.window,) if self.flat else (self.window, self.channels)

    def rows(self, X: Any, finite: bool = True) -> np.ndarray | Windows:
        """(n, channels, time) in the user's units, always checked in full: of long series that is little
        beside their windows, which are cut when they are asked for.  What is in files is checked as it is
        read."""
        X = series.opened(X)
        for x in X if several(X) else (X,):
            series.check_rate(x, self.rate)
        if self.windowed:
            return Windows(self._series(X), self.window, self.step)
        if series.in_file(X):
            dtype = _checks.numeric(np.zeros(1, X.dtype)).dtype
            return Converted(X, self.row, dtype, lambda part: np.ascontiguousarray(self.rows(part)))
        if as_frame(X) is not None:
            array = VectorsSchema(self.features, self.names, self.frame).rows(X)
        else:
            array = _checks.numeric(X)
        if array.ndim == 2:
            _checks.nonempty(array)
            _checks.width(array.shape[1], self.features)
            array = array.reshape(-1, self.window, self.channels)
        if array.shape[1:] != (self.window, self.channels):
            raise ValueError(
                f"X has signals of shape {array.shape[1:]}, but Autoencoder is expecting"
                f" {(self.window, self.channels)}: resample or cut them to the shape it was fitted on."
            )
        _checks.nonempty(array)
        _checks.finite(array)
        return array.transpose(0, 2, 1)

    def _series(self, X: Any) -> list[Any]:
        """Each series, (time, channels); flat rows of the fitted length are one window each."""
        if several(X):
            return [self._one(x, f"X[{i}]") for i, x in enumerate(X)]
        if series.in_file(X) and (len(X.shape) == 1 or X.shape[1:] == (self.channels,)):
            return [self._one(X, "X")]
        if as_frame(X) is not None:
            return [self._one(X, "X")]
        array = _checks.numeric(X[:] if series.in_file(X) else X)
        if array.ndim == 2 and array.shape[1] == self.features != self.channels:
            array = array.reshape(-1, self.window, self.channels)
        if array.ndim == 3:
            _checks.nonempty(array)
            return [self._one(x, f"X[{i}]") for i, x in enumerate(array)]
        return [self._one(array, "X")]

    def _one(self, x: Any, name: str) -> Any:
        frame, names, name = as_frame(x), self.names, series.label(x, name)
        if frame is not None:
            names = series.channels(frame, name, names, self.time)
            mine = frame.select(nw.col(*names)).to_native() if names else np.empty((len(frame), 0))
            array = VectorsSchema(len(names), names).rows(mine)
        else:
            array = series.numbers(x, name)
        if len(array.shape) != 2 or array.shape[1] != self.channels:
            raise ValueError(
                f"{name} has shape {array.shape}, but a series of {self.channels} channels was expected,"
                f" (time, {self.channels}): pass the channels that the model was fitted on."
            )
        if len(array) < self.window:
            raise ValueError(
                f"{name} has {len(array)} samples, but windows of {self.window} were expected: pass a longer series, or"
                " fit with a smaller Signals(window=…)."
            )
        if isinstance(array, np.ndarray):
            _checks.nonempty(array, name)
            _checks.finite(array, None if names is None else list(names), name)
        return array

    def restore(self, rows: np.ndarray, like: Any = None) -> Any:
        """Rows back in the user's axes.  Windows of long series are averaged to the samples of ``like``,
        in its shape or frame library, with its index and times; without ``like`` they are windows,
        (n, window, channels)."""
        like = series.opened(like)
        if self.windowed and like is not None:
            parts = [part.astype(rows.dtype) for part in self.rows(like).average(rows)]
            if several(like):
                return [self._back(part, x) for part, x in zip(parts, like, strict=True)]
            return self._back(parts[0] if len(parts) == 1 else np.stack(parts), like)
        array = np.ascontiguousarray(rows.swapaxes(1, 2))
        flat = self.flat if like is None else as_frame(like) is not None or np.ndim(like) == 2
        if not flat:
            return array
        schema = VectorsSchema(self.features, self.names, self.frame)
        return schema.restore(array.reshape(len(array), -1), like)

    def _back(self, part: np.ndarray, like: Any) -> Any:
        return series.alike(part, like, self.names, self.time)

    def per_sample(self, values: np.ndarray, like: Any) -> Any:
        """What windows say of their samples, (n, …, window), averaged to the samples of ``like``: (time, …)
        of one series, a list of these for a list, (series, time, …) for an array of several."""
        parts = self.rows(like).average(values)
        if several(like):
            return parts
        stacked = as_frame(like) is None and len(np.shape(like)) == 3
        return np.stack(parts) if stacked or len(parts) > 1 else parts[0]

    def window_index(self, X: Any) -> np.ndarray:
        """(rows, 2): of each row its series and the sample at which it begins."""
        rows = self.rows(X)
        return rows.index if self.windowed else np.stack([np.arange(len(rows)), np.zeros(len(rows), int)], 1)

    def split(self, rows: Any, fraction: float) -> tuple[np.ndarray, np.ndarray] | None:
        """Numbers of the rows to train on and of those held out, which share no samples; None for whole
        signals, any of which may be held out."""
        return rows.split(fraction) if self.windowed else None

    def to_json(self) -> dict[str, Any]:
        return {"kind": "Signals", **dataclasses.asdict(self)}

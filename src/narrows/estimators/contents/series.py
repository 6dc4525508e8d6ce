"""Several series, or sounds: their samples one after the other."""

from __future__ import annotations

import functools
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from narrows.coding import Reader
from narrows.estimators._promise import Promise
from narrows.estimators.contents.items import Items, checked_names, within
from narrows.estimators.contents.packed import packed, wrong
from narrows.estimators.contents.rows import Content
from narrows.inputs.frames import is_frame
from narrows.inputs.series import check_rate, label
from narrows.sources import pcm, wav
from narrows.sources.wav import Sounds
from narrows.sources.writing import is_folder, writing, writing_folder


class Series(Content):
    """A list of series, (time, channels) or (time,), an array (n, time, channels) of them, or sounds.  What whole
    numbers of up to 32 bits wav files have are stored as such, in levels of ``unit``, where all have as many."""

    kind = "series"

    def __init__(self, X: Any, schema: Any):
        self.schema = schema
        if not len(X):
            raise ValueError("X holds no series, but one or more were expected: pass some samples.")
        self.sounds, self.stacked = isinstance(X, Sounds), not isinstance(X, list)
        if any(map(is_frame, X)):
            raise ValueError(
                "X is a list of frames, but one frame, or arrays, were expected: pass one after the other."
            )
        self.endings = ("", wav.ENDING) if self.sounds else (".npy",)
        self.series: list[Any] = list(X) if self.sounds else [np.asarray(x) for x in X]
        self.flat = all(len(x.shape) == 1 for x in self.series)
        channels = self.schema.channels
        for i, x in enumerate(self.series):
            check_rate(x, self.schema.rate)
            if x.shape[1:] not in ((channels,), () if channels == 1 else (channels,)):
                raise ValueError(
                    f"{label(x, f'X[{i}]')} has shape {x.shape}, but a series of {channels} channel(s) was expected:"
                    " pass the channels that the model was fitted on."
                )
        found = {pcm.bits(x) for x in X} if self.sounds else {None}
        self.bits = next(iter(found)) if len(found) == 1 else None
        if len({x.dtype for x in self.series}) > 1 or len({x.ndim for x in self.series}) > 1:
            raise ValueError(
                "X holds series of different types or axes, but those of one were expected: convert them."
            )
        self.rate, self.names = getattr(X, "rate", None), checked_names(getattr(X, "names", None))
        self.stops = np.cumsum([len(x) for x in self.series])
        self.unit = 1.0 if self.bits is None else pcm.unit(self.bits)
        dtype: Any = self.series[0].dtype if self.bits is None else pcm.BITS[self.bits]
        self._are((int(self.stops[-1]), *self.series[0].shape[1:]), np.dtype(dtype))

    @property
    def facts(self) -> dict[str, Any]:
        lengths = [len(x) for x in self.series]
        items = packed({"lengths": lengths, "names": None if self.names is None else list(self.names)})
        more = {"rate": self.rate, "bits": self.bits} if self.sounds else {"stacked": self.stacked}
        return super().facts | {"items": items} | more

    def promise(self, max_error: float | None, rel_error: float | None, lossless: bool) -> Promise:
        odd = [x for x in self.series if not pcm.is_exact(x)] if lossless and self.sounds else []
        if self.bits is None and odd:
            raise ValueError(
                f"'{odd[0].path}' holds samples of {pcm.width(odd[0])} bits, which lossless=True can store only where"
                " all files hold 32-bit whole numbers: convert it, or pass max_error."
            )
        return super().promise(max_error, rel_error, lossless)

    def exact(self, eps: Any) -> np.ndarray:
        """Less what is lost where the answer's levels are rounded to float32, and those of X are."""
        return super().exact(eps if self.bits is None else np.maximum(eps - pcm.rounding(self.bits), 0.0))

    def __getitem__(self, which: slice) -> np.ndarray:
        start, stop, _ = which.indices(len(self))
        parts = [self._samples(i, slice(a, b)) for i, a, b in within(self.stops, start, stop)]
        found = np.concatenate(parts) if parts else np.empty((0, *self.shape[1:]), self.dtype)
        return np.ascontiguousarray(found, self.dtype)

    def _samples(self, i: int, which: slice) -> np.ndarray:
        return self.series[i][which] if self.bits is None else pcm.whole(self.series[i], which)


class SeriesAnswer(Items):
    """A list of series, an array of them where that was given, one array of one sound; files of sounds."""

    def __init__(self, reader: Reader, schema: Any):
        super().__init__(reader, schema)
        self._divide(self.items.get("lengths"))
        self.rate, self.bits = self.header.get("rate"), self.header.get("bits")
        if self.bits is not None and (self.bits not in pcm.BITS or self.dtype != pcm.BITS[self.bits]):
            raise wrong(f"it speaks of {self.dtype} of {self.bits} bits")
        self.unit = 1.0 if self.bits is None else pcm.unit(self.bits)

    def here(self, parts: Iterable[np.ndarray], start: int, stop: int) -> Any:
        found = [self.back(rows) for rows in self.each(parts, start, stop)]
        if self.header.get("stacked"):
            return np.stack(found) if found else np.empty((0, 0, *self.shape), self.dtype)
        return found[0] if len(found) == self.length == 1 else found

    def back(self, part: np.ndarray) -> Any:
        return super().back(part.copy()) if self.bits is None else pcm.levels(part, self.bits)

    def written(
        self, parts: Iterable[np.ndarray], start: int, stop: int, out: str | os.PathLike[str]
    ) -> Path:
        ending, things = Path(out).suffix.lower(), self.each(parts, start, stop)
        if self.rate is not None and is_folder(out):
            put = functools.partial(pcm.write, rate=self.rate, of=self.bits)
            with writing_folder(out, (self.files or [])[start:stop], put) as append:
                for one in things:
                    append([one])
        elif stop - start != 1:
            way = "the name of a folder, which has no ending, or" if self.rate else "no name, or"
            raise ValueError(
                f"The file holds {stop - start} series, but '{out}' holds one array or sound: pass {way} start and stop"
                " for one of them."
            )
        elif ending == wav.ENDING:
            if self.rate is None:
                raise ValueError(
                    f"'{out}' is a sound, but series without a rate were compressed: pass a .npy name."
                )
            pcm.write(out, next(things), self.rate, self.bits)
        else:
            one = self.back(next(things))
            with writing(out, len(one)) as append:
                append(one)
        return Path(out)

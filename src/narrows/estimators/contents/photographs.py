"""Pictures of one size, as they are, and photographs of any size, as patches that touch."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from narrows.coding import Reader
from narrows.estimators.contents.items import Items, checked_names, within
from narrows.estimators.contents.packed import packed, wrong
from narrows.estimators.contents.rows import Content
from narrows.inputs.lazy import is_lazy
from narrows.sources import pictures
from narrows.sources.writing import as_pngs, is_folder, writing, writing_folder


class Pictures(Content):
    """The pictures of a folder, all of one size."""

    kind = "pictures"
    endings = ("",)

    def __init__(self, X: Any, schema: Any):
        super().__init__(X, schema)
        if len(np.unique(sizes := X.sizes(), axis=0)) > 1:
            low, high = sizes.min(0), sizes.max(0)
            raise ValueError(
                f"X holds pictures of {low[0]} × {low[1]} to {high[0]} × {high[1]} pixels, but the codec was fitted on"
                " pictures of one size: pass input=Patches(size=8) to a new one, which takes any."
            )
        self.names = checked_names(as_pngs(X.names)) or []

    def ending(self, path: str | os.PathLike[str] | None = None) -> str:
        return "" if path is None or not os.path.isfile(path) else pictures.WRITTEN

    @property
    def facts(self) -> dict[str, Any]:
        return {"items": packed({"names": list(self.names)})}


class PictureAnswer(Items):
    """One array, or a file for each picture."""

    def __init__(self, reader: Reader, schema: Any):
        super().__init__(reader, schema)
        self._divide([1] * len(self.files or ()))

    def written(
        self, parts: Iterable[np.ndarray], start: int, stop: int, out: str | os.PathLike[str]
    ) -> Path:
        found = (picture for part in parts for picture in part)
        return _written(self, found, start, stop, out, lambda a, b: (b - a, *self.shape))


class Photographs(Content):
    """Photographs as a model of patches reads them, cut into patches side by side, (n, size, size[, channels]) in
    the order of axes that the user has; beyond their edges the last pixels are repeated."""

    kind = "photographs"

    def __init__(self, X: Any, schema: Any):
        self.schema = schema
        self.schema.rows(X)  # says what is wrong with them
        self.names = checked_names(as_pngs(X.names)) if hasattr(X, "names") else None
        self.photos = X if is_lazy(X) or isinstance(X, list) else np.asarray(X)
        self.stacked = not isinstance(X, list)
        shapes = [np.shape(x) for x in X] if isinstance(X, list) else [X.shape[1:]] * len(X)
        self.sizes = X.sizes() if hasattr(X, "sizes") else np.array([self.schema._sides(s) for s in shapes])
        size = self.schema.size
        self.stops = np.cumsum((-(-self.sizes // size)).prod(1))
        dtypes = {x.dtype for x in X} if isinstance(X, list) else {X.dtype}
        if len(dtypes) > 1:
            raise ValueError(
                f"X holds photographs of {len(dtypes)} types, but one was expected: convert them."
            )
        self._last: tuple[int, np.ndarray] | None = None
        self._are((int(self.stops[-1]), *self.schema.shape), np.dtype(next(iter(dtypes))))

    def ending(self, path: str | os.PathLike[str] | None = None) -> str:
        if self.names is None:
            return ".npy"
        return "" if path is None or not os.path.isfile(path) else pictures.WRITTEN

    @property
    def facts(self) -> dict[str, Any]:
        return super().facts | {
            "items": packed({"sizes": self.sizes.tolist(), "names": self.names}),
            "stacked": bool(self.stacked and len(np.unique(self.sizes, axis=0)) == 1),
        }

    @property
    def nbytes(self) -> int:
        """Of the photographs, not of what was added at their edges."""
        return int(self.sizes.prod(1).sum()) * self.schema.channels * self.dtype.itemsize

    def __getitem__(self, which: slice) -> np.ndarray:
        start, stop, _ = which.indices(len(self))
        parts = [self._patches(i)[a:b] for i, a, b in within(self.stops, start, stop)]
        found = np.concatenate(parts) if parts else np.empty((0, *self.shape[1:]), self.dtype)
        return np.ascontiguousarray(found, self.dtype)

    def _patches(self, i: int) -> np.ndarray:
        """All patches of one photograph; of the last one they are kept, for its next ones are asked for next."""
        if self._last is None or self._last[0] != i:
            photo = self.photos.picture(i) if hasattr(self.photos, "picture") else np.asarray(self.photos[i])
            self._last = i, self._cut(self.schema.channels_last(photo))
        return self._last[1]

    def _cut(self, photo: np.ndarray) -> np.ndarray:
        size = self.schema.size
        wide = np.pad(photo, [(0, -length % size) for length in photo.shape[:2]] + [(0, 0)], mode="edge")
        down, across, channels = wide.shape[0] // size, wide.shape[1] // size, wide.shape[2]
        tiles = (
            wide.reshape(down, size, across, size, channels).swapaxes(1, 2).reshape(-1, size, size, channels)
        )
        return _out(tiles, self.schema.layout)


class PhotographAnswer(Items):
    """One array where photographs are of one size, else a list of arrays; or a file for each."""

    def __init__(self, reader: Reader, schema: Any):
        super().__init__(reader, schema)
        found = self.items.get("sizes")
        sizes = np.array(found) if isinstance(found, list) else np.zeros(0)
        if sizes.dtype.kind != "i" or sizes.ndim != 2 or sizes.shape[1] != 2 or sizes.min(initial=1) < 1:
            raise wrong("it does not say how large its photographs are")
        if not hasattr(schema, "patch_index") or self.shape != schema.shape:
            raise wrong(f"it has patches of {self.shape}, which its model does not")
        self.sizes = sizes
        self._divide((-(-sizes.astype(object) // schema.size)).prod(1).tolist())

    def here(self, parts: Iterable[np.ndarray], start: int, stop: int) -> Any:
        found = list(self._photos(parts, start, stop))
        return np.stack(found) if self.header.get("stacked") and found else found

    def written(
        self, parts: Iterable[np.ndarray], start: int, stop: int, out: str | os.PathLike[str]
    ) -> Path:
        def shape(a: int, b: int) -> tuple[int, ...] | None:
            alike = len(np.unique(self.sizes[a:b], axis=0)) == 1
            return (b - a, *self.schema._of(*map(int, self.sizes[a]))) if alike else None

        return _written(self, self._photos(parts, start, stop), start, stop, out, shape)

    def _photos(self, parts: Iterable[np.ndarray], start: int, stop: int) -> Iterator[np.ndarray]:
        size, layout = self.schema.size, self.schema.layout
        for (height, width), tiles in zip(self.sizes[start:stop], self.each(parts, start, stop), strict=True):
            down, across = -(-height // size), -(-width // size)
            tiles = _in(tiles, layout).reshape(down, across, size, size, -1).swapaxes(1, 2)
            photo = tiles.reshape(down * size, across * size, -1)[None, :height, :width]
            yield self.back(np.ascontiguousarray(_out(photo, layout)[0]))


def _out(tiles: np.ndarray, layout: str) -> np.ndarray:
    """(n, height, width, channels) with the user's axes."""
    if layout == "none":
        return tiles[..., 0]
    return tiles.transpose(0, 3, 1, 2) if layout == "first" else tiles


def _in(tiles: np.ndarray, layout: str) -> np.ndarray:
    """The inverse of :func:`_out`."""
    if layout == "none":
        return tiles[..., None]
    return tiles.transpose(0, 2, 3, 1) if layout == "first" else tiles


def _written(
    answer: Items,
    found: Iterator[np.ndarray],
    start: int,
    stop: int,
    out: str | os.PathLike[str],
    shape: Callable[[int, int], tuple[int, ...] | None],
) -> Path:
    """Pictures written to ``out``: a folder, one .png, or an array or table of those of one size."""
    if is_folder(out):
        names = (answer.files or [f"{i}.png" for i in range(answer.length)])[start:stop]
        with writing_folder(out, names, pictures.write) as append:
            for one in found:
                append([one])
    elif Path(out).suffix.lower() == pictures.WRITTEN:
        if stop - start != 1:
            raise ValueError(
                f"The file holds {stop - start} pictures, but '{out}' holds one: pass the name of a folder, which has"
                " no ending."
            )
        pictures.save(out, next(found))
    elif shape(start, stop) is None:
        raise ValueError(
            f"The file holds {stop - start} pictures of several sizes, but '{out}' holds one array: pass the name of a"
            " folder, which has no ending."
        )
    else:
        with writing(out, stop - start) as append:
            for one in found:
                append(one[None])
    return Path(out)

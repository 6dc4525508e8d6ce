"""What other ways make of a codec's rows: PCA with the same quantiser and coder, zstd, JPEG and WebP."""

from __future__ import annotations

import io
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from PIL import Image, features

from narrows.baseline import principal
from narrows.coding import Writer, checksum, plain
from narrows.coding.classed import tables_of
from narrows.estimators._coders import Linear, Predicted
from narrows.estimators._forms import Form
from narrows.estimators._promise import Promise
from narrows.inputs.images import channels_back, channels_second

STEPS = (8.0, 4.0, 2.0, 1.0, 0.5, 0.25, 0.125)  # of PCA, times the codec's own
FOLDS = 3  # parts of the rows: what is learned of them comes from two, and bytes are those of the third
COMPONENTS = 256  # of PCA, at most
NOTHING = 1e-9  # of the mean square, as a variance
IDLE = 0.97  # of the error before: a finer step that leaves more only costs bits
SIDES = {"JPEG": 65_535, "WebP": 16_383}  # pixels that a picture's side may have
QUALITIES = {"JPEG": (1, 3, 6, 12, 20, 35, 60, 85), "WebP": (0, 4, 12, 30, 60, 85)}

Point = tuple[float, int, np.ndarray]  # the setting, bytes, and the answers


def own_linear(codec: Any, form: Form, x: np.ndarray, promise: Promise, header: Mapping[str, Any]) -> Point:
    """PCA as the codec has it: its step, and frequencies of the rows it was fitted on; ``header`` is that of the
    codec's file."""
    payload, values = _code(codec.linear_, codec.linear_tables_, form, x, promise)
    return codec.linear_.step, _file(header, [(len(x), payload)]), values


def linear(
    codec: Any, form: Form, x: np.ndarray, promise: Promise, header: Mapping[str, Any]
) -> Iterator[Point]:
    """PCA by coarser and finer steps; none where there are too few rows.  Frequencies, and components beyond those
    that the codec has, are learned from these rows, but never from those whose bytes they make."""
    schema: Any = form.schema
    before, scale = math.inf, spread(x)
    scale = np.where(scale > 0, scale, 1.0)
    folds = _folds(len(x), schema.window if getattr(schema, "windowed", False) else 1)
    if len(folds) < FOLDS:
        return
    rows = [form.cut(x[mine]) for mine in folds]
    bases = [
        _wider(codec.linear_, np.concatenate([r for j, r in enumerate(rows) if j != i])) for i in range(FOLDS)
    ]
    for share in STEPS:
        values, parts = np.empty_like(x), []
        for i, (mine, basis) in enumerate(zip(folds, bases, strict=True)):
            pca = replace(basis, step=float(basis.step * share))
            seen = np.concatenate([pca.symbols(r) for j, r in enumerate(rows) if j != i])
            used = seen.any(0)  # who knows the frequencies knows which components tell nothing
            pca = replace(pca, components=pca.components[used])
            payload, values[mine] = _code(pca, tables_of(seen[:, used]), form, x[mine], promise)
            parts.append((len(mine), payload))
        with np.errstate(invalid="ignore", over="ignore"):
            away = float(np.nansum(np.square((values.astype(np.float64) - x) / scale)))
        if away > IDLE * before:
            return
        before = away
        yield codec.linear_.step * share, _file(header, parts), values


def zstd(x: np.ndarray, eps: np.ndarray) -> tuple[int, np.ndarray]:
    """Rows (n, …) rounded so that none is further off than ``eps``, which broadcasts to a row: as whole numbers of the
    smallest type that holds them, by zstd.  What has no error is kept as it is."""
    if x.dtype.kind in "iu":
        eps = np.floor(eps)
        step, least = 2 * eps + 1, np.zeros(())
    else:
        step, least = 2 * np.asarray(eps, np.float64), np.where(np.isfinite(x), x, np.inf).min(0)
        least = np.where(np.isfinite(least), least, 0.0)
    step, least = (np.broadcast_to(part, x.shape[1:]) for part in (step, least))
    rough = step > (0 if x.dtype.kind == "f" else 1)
    values, stored = x.copy(), 0
    if rough.any():
        some = x[:, rough].astype(np.float64)
        there = np.isfinite(some)
        k = np.rint((np.where(there, some, least[rough]) - least[rough]) / step[rough])
        answers = np.where(there, k * step[rough] + least[rough], some)
        if x.dtype.kind in "iu":
            answers = answers.clip(np.iinfo(x.dtype).min, np.iinfo(x.dtype).max)
        values[:, rough] = answers.astype(x.dtype)
        codes = np.where(there, k + 1, 0)  # 0 is a gap
        kind = np.min_scalar_type(int(min(codes.max(initial=0), 2**63)))
        stored += len(plain.encode(codes.astype(kind))) + (
            0 if there.all() else len(plain.encode(some[~there]))
        )
    if not rough.all():
        stored += len(plain.encode(np.ascontiguousarray(x[:, ~rough])))
    return stored, values


def pictures(x: np.ndarray, schema: Any) -> dict[str, list[Point]]:
    """Pictures (n, …), as the user has them, as one mosaic by JPEG and by WebP at several qualities; none of what is
    neither grey nor of three colours.  Values are written as 0…255 from the least there can be to the largest."""
    if not hasattr(schema, "layout") or hasattr(schema, "patch_index") or not len(x):
        return {}
    tall = channels_second(x, schema.layout)
    if tall.shape[1] not in (1, 3):
        return {}
    low, high = ends(x)
    level = np.clip((_mosaic(tall).astype(np.float64) - low) * (255 / ((high - low) or 1.0)), 0, 255)
    whole = np.rint(level).astype(np.uint8)
    image = Image.fromarray(whole[..., 0] if tall.shape[1] == 1 else whole)
    found: dict[str, list[Point]] = {}
    for name, qualities in QUALITIES.items():
        if max(image.size) > SIDES[name] or (name == "WebP" and not features.check("webp")):
            continue
        for quality in qualities:
            file = io.BytesIO()
            image.save(
                file, name, quality=quality, **({"optimize": True} if name == "JPEG" else {"method": 6})
            )
            with Image.open(io.BytesIO(file.getvalue())) as read:
                back = np.asarray(read.convert(image.mode), np.float64).reshape(whole.shape)
            tiles = _tiles(back * ((high - low) / 255) + low, tall.shape)
            found.setdefault(name, []).append(
                (quality, len(file.getvalue()), channels_back(tiles, schema.layout))
            )
    return found


def ends(x: np.ndarray) -> tuple[float, float]:
    """The least and the largest value there can be: of bytes 0 and 255, of values in [0, 1] these, else those of x."""
    low, high = float(x.min()), float(x.max())
    if x.dtype == np.uint8 and high > 1:
        return 0.0, 255.0
    return (0.0, 1.0) if low >= 0 and high <= 1 else (low, high)


def filled(n: int) -> int:
    """The most pictures, up to n, that fill a mosaic nearly as high as it is wide.

    >>> filled(10), filled(3)
    (9, 3)
    """
    return n - n % max(1, math.isqrt(n))


def _mosaic(x: np.ndarray) -> np.ndarray:
    """Pictures (n, channels, height, width) as one, (lines · height, columns · width, channels)."""
    n, channels, height, width = x.shape
    lines = math.isqrt(n)
    grid = x.reshape(lines, n // lines, channels, height, width)
    return grid.transpose(0, 3, 1, 4, 2).reshape(lines * height, -1, channels)


def _tiles(whole: np.ndarray, shape: Sequence[int]) -> np.ndarray:
    """The inverse of :func:`_mosaic`."""
    n, channels, height, width = shape
    lines = math.isqrt(n)
    grid = whole.reshape(lines, height, n // lines, width, channels)
    return grid.transpose(0, 2, 4, 1, 3).reshape(n, channels, height, width)


def _code(pca: Linear, tables: Any, form: Form, x: np.ndarray, promise: Promise) -> tuple[bytes, np.ndarray]:
    way = Predicted(2, tables, form.cut, pca.symbols, pca.guess, form.joined, form.count)
    found = way.code(x, promise, math.inf)
    assert found is not None  # nothing takes more than so many bytes
    return found


def _wider(pca: Linear, rows: np.ndarray) -> Linear:
    """With more components, those of what the first leave of ``rows``, (n, \\*row)."""
    flat = ((rows.astype(np.float64) - pca.affine.shift) / pca.affine.scale).reshape(len(rows), -1)
    more = min(COMPONENTS, flat.shape[1], len(flat) - 1) - len(pca.components)
    if more <= 0:
        return pca
    left = flat - pca.mean
    left -= (left @ pca.components.T) @ pca.components
    found = principal(left, more, 0)
    # Where nothing is left any direction would do, also one of the first.
    mine = found.variances > NOTHING * np.square(flat - pca.mean).mean()
    return replace(pca, components=np.concatenate([pca.components, found.components[mine]]))


def _folds(n: int, window: int) -> list[np.ndarray]:
    """Numbers of rows, every so many'th window of them; none that are empty."""
    of = (np.arange(n) // window) % FOLDS
    return [mine for mine in (np.flatnonzero(of == fold) for fold in range(FOLDS)) if len(mine)]


def _file(header: Mapping[str, Any], parts: Sequence[tuple[int, bytes]]) -> int:
    """Bytes of a file with these chunks."""
    with Writer(io.BytesIO(), header) as writer:
        for rows, payload in parts:
            writer.append(rows, 2, payload, checksum(b""))
    return writer.length


def spread(x: np.ndarray) -> np.ndarray:
    """The standard deviation of each column, over what is there; 0 where nothing is."""
    there = np.isfinite(x)
    count = np.maximum(there.sum(0), 1)
    mean = np.where(there, x, 0.0).sum(0, dtype=np.float64) / count
    return np.sqrt(np.square(np.where(there, x - mean, 0.0)).sum(0) / count)

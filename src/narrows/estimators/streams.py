"""Verbs on rows that are read on demand: piece by piece, in bounded memory."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import narwhals
import numpy as np
from rich.console import Console
from rich.progress import track
from sklearn import get_config
from sklearn.base import BaseEstimator

from narrows.atomic import check_folder, check_target
from narrows.estimators._fitting import loaded
from narrows.inputs.lazy import Beside, Converted, is_lazy, pattern
from narrows.inputs.schemas import features_of
from narrows.inputs.tiles import Tiles
from narrows.sources import pictures, wav
from narrows.sources.files import check_ending, write
from narrows.sources.frames import as_frame
from narrows.sources.places import check_apart
from narrows.sources.writing import as_pngs, is_folder, writing, writing_folder

ENTRIES = 1 << 23  # numbers in the rows of one piece
LEAST = 64  # rows of one piece, though

Verb = Callable[[Any, Any], Any]
Out = str | os.PathLike[str] | None


def answered(
    ae: BaseEstimator,
    verb: Verb,
    X: Any,
    out: Out = None,
    names: Sequence[str] | None = None,
    rebuilds: bool = False,
) -> Any:
    """What ``verb(rows, X)`` says to all of X; or the path ``out``, if it is given, to which that was written.

    Rows that are read on demand are answered piece by piece, ``verb(piece, pattern(X))``; by one that
    ``rebuilds`` them, each beside what it was read from.  But such a verb needs all windows of a sound, or
    all patches of a photograph, for they overlap: those are answered one after the other, ``verb(its rows,
    it)``.
    """
    if out is not None:
        check_apart(out, [X])
    X = loaded(X)
    rows = ae._rows(X, finite=False)
    if out is not None:
        _check_out(ae, out, X, rows, rebuilds)
    overlap = rebuilds and hasattr(rows, "split")
    if overlap and (items := _items(X, rows)) is not None:
        shown = bar(items, len(X), ae.verbose)
        parts = (verb(ae._rows(item, finite=False), item) for item in shown)
        join = _listed if isinstance(X, wav.Sounds) else _stacked
    elif rebuilds and isinstance(rows, Converted) and pattern(X) is not None:
        # What is there of X itself may be a part of the answer.
        parts, join = answers(lambda pair: verb(*pair), Beside(rows), ae.verbose), _joined
    elif is_lazy(rows) and _in_files(X) and not overlap:
        like = pattern(X)
        parts, join = answers(lambda piece: verb(piece, like), rows, ae.verbose), _joined
    else:
        parts, join = iter([verb(rows, X)]), next
    if out is None:
        return join(parts)
    if rebuilds and hasattr(X, "only") and is_folder(out):
        _to_folder(parts, out, X, _rate(ae, X))
    elif (join is _joined or join is _stacked) and not _is_picture(out):
        with writing(out, len(rows if join is _joined else X), names) as append:
            for part in parts:
                append(part)
    elif _is_sound(out):
        _to_sound(join(parts), out, _rate(ae, X))
    elif _is_picture(out):
        (picture,) = join(parts)
        pictures.save(out, picture.transpose(1, 2, 0) if _first(ae) else picture)
    else:
        write(out, join(parts), names)
    return Path(out)


def kept(out: str | os.PathLike[str], answer: Callable[[], Any], X: Any, names: Sequence[str] | None) -> Path:
    """The path ``out``, to which the answer to an X in memory was written."""
    check_apart(out, [X])
    check_ending(out)
    check_target(out)
    write(out, answer(), names)
    return Path(out)


def answers(verb: Callable[[Any], Any], X: Any, verbose: int = 0) -> Iterator[Any]:
    """What ``verb`` says to one piece of X after the other; with a bar if ``verbose``."""
    step = max(LEAST, ENTRIES // max(1, int(np.prod(X.shape[1:], dtype=np.int64))))
    starts = range(0, len(X), step)
    with ThreadPoolExecutor(1) as reader:  # one piece is read while another is worked on
        ahead = reader.submit(X.__getitem__, slice(0, step))
        for start in bar(starts, len(starts), verbose):
            stop, piece = min(start + step, len(X)), ahead.result()
            if stop < len(X):
                ahead = reader.submit(X.__getitem__, slice(stop, stop + step))
            try:
                yield verb(piece)
            except ValueError as error:
                raise ValueError(f"Among rows {start} to {stop - 1}: {error}") from None


def bar(things: Iterable[Any], total: int, verbose: int) -> Iterable[Any]:
    console = Console(stderr=True)
    shown = verbose and console.is_terminal  # elsewhere an empty line would stay of it
    return track(things, "rows", total, console=console, transient=True, disable=not shown)


def _in_files(X: Any) -> bool:
    return is_lazy(X) or isinstance(X, wav.Sounds)


def _items(X: Any, rows: Any) -> Iterator[Any] | None:
    """The sounds or photographs of X, one after the other; None where X is in memory, or is one thing."""
    if hasattr(X, "only"):
        return (X.only(i) for i in range(len(X)))
    if is_lazy(X) and isinstance(rows, Tiles):
        return (X[i : i + 1] for i in range(len(X)))
    return None


# Answers that come in parts, together: those of pieces, of sounds, and of photographs.


def _joined(parts: Iterator[Any]) -> Any:
    several = list(parts)
    if isinstance(several[0], np.ndarray):
        return np.concatenate(several)
    return narwhals.concat([narwhals.from_native(part) for part in several]).to_native()


def _listed(parts: Iterator[list[np.ndarray]]) -> list[np.ndarray]:
    return [series for part in parts for series in part]


def _stacked(parts: Iterator[np.ndarray]) -> Any:
    several = list(parts)
    alike = len({part.shape for part in several}) == 1
    return np.concatenate(several) if alike else [photo for part in several for photo in part]


# Where they go ------------------------------------------------------------------------------------


def _check_out(ae: BaseEstimator, out: Any, X: Any, rows: Any, rebuilds: bool) -> None:
    """Refuse, before any work, a name that could not hold the answers."""
    if rebuilds and hasattr(X, "only") and is_folder(out):
        return check_folder(out)
    if rebuilds and _is_picture(out):
        _check_picture(ae, out, X)
    elif not (rebuilds and _is_sound(out)):
        check_ending(out)
    elif _rate(ae, X) is None:
        raise ValueError(
            f"'{out}' is a sound, but neither the model nor X says how many samples per second it has: give a .npy"
            " name, or pass X as wav files."
        )
    check_target(out)
    several = len(X) if isinstance(X, wav.Sounds) else 1
    if isinstance(rows, Tiles) and rows.on_demand:
        several = len(np.unique(rows.sizes, axis=0))
    if rebuilds and several > 1:
        raise ValueError(
            f"X has {len(X)} things of different sizes, but '{out}' holds one array, table or sound: give the name of a"
            " folder, which has no ending."
        )
    return None


def _is_sound(out: Any) -> bool:
    return Path(out).suffix.lower() == wav.ENDING


def _is_picture(out: Any) -> bool:
    return Path(out).suffix.lower() == pictures.WRITTEN


def _first(ae: BaseEstimator) -> bool:
    """Whether pictures have their channels first."""
    return getattr(ae.fitted_.schema, "layout", None) == "first"


def _check_picture(ae: BaseEstimator, out: Any, X: Any) -> None:
    if not hasattr(ae.fitted_.schema, "layout"):
        check_ending(out)  # no model of pictures, so no picture
    if len(X) != 1:
        raise ValueError(
            f"X has {len(X)} pictures, but '{out}' holds one: give the name of a folder, which has no ending, or one"
            " that ends in .npy."
        )
    if getattr(X, "dtype", np.uint8) != np.uint8:
        raise ValueError(f"X has pixels of {X.dtype}, but '{out}' holds bytes 0…255: give a .npy name.")


def _rate(ae: BaseEstimator, X: Any) -> int | None:
    """Samples per second of answers: those that the model was fitted on."""
    return getattr(ae.fitted_.schema, "rate", None) or getattr(X, "rate", None)


def _to_folder(parts: Iterable[Any], out: Any, X: Any, rate: int | None) -> None:
    if isinstance(X, wav.Sounds):
        names, put = X.names, functools.partial(wav.write, rate=rate)
    else:
        names, put = as_pngs(X.names), pictures.write
    with writing_folder(out, names, put) as append:
        for part in parts:
            append(part)


def _to_sound(answer: Any, out: Any, rate: int) -> None:
    series = answer[0] if isinstance(answer, list) and len(answer) == 1 else answer
    if isinstance(series, list) or np.ndim(series) > 2:
        raise ValueError(f"There are {len(series)} answers, but '{out}' holds one sound: give a .npy name.")
    wav.write(out, series, rate)


def paths_stay(kind: type) -> type:
    """An estimator whose ``transform`` may answer with the path of a file that was written, or with features
    that have no names: ``set_output`` of scikit-learn, which wraps the method, would make a frame of that too."""
    wrapped = kind.transform

    @functools.wraps(wrapped)
    def transform(self: BaseEstimator, X: Any, out: Out = None, **keywords: Any) -> Any:
        if out is None and keywords.get("layer") in (None, "bottleneck"):
            return wrapped(self, X, **keywords)
        return wrapped.__wrapped__(self, X, out, **keywords)

    kind.transform = transform
    return kind


def names_fit(transform: Callable[..., Any]) -> Callable[..., Any]:
    """A ``transform`` that gives rows back, whose answer scikit-learn can name the columns of: under
    ``set_output`` it has none of the columns that were dropped, for their names are not known, and is a frame of
    the library that was asked for, if it is one."""

    @functools.wraps(transform)
    def fitting(self: BaseEstimator, X: Any, out: Out = None, **keywords: Any) -> Any:
        answer = transform(self, X, out, **keywords)
        own = getattr(self, "_sklearn_output_config", {}).get("transform")
        wanted = own or get_config()["transform_output"]
        if out is not None or wanted == "default":
            return answer
        answer = features_of(self.ae_.fitted_.schema, answer)
        frame = as_frame(answer)
        if frame is None:
            return answer
        return frame.to_polars() if wanted == "polars" else frame.to_pandas()

    return fitting

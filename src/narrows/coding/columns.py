"""An array without any prediction, within a bound on every error or bit for bit: whole numbers of the smallest type.

A column is counted in steps of its bound; in ones, where it comes back exactly and holds whole numbers; or else by
its ordered bit patterns.  Columns that are counted alike and need equally many bytes stand together.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from narrows.coding import bounds, few, integers, plain, runs, wholes
from narrows.coding.orders import check, ordered, restored
from narrows.coding.pieces import join, malformed, split
from narrows.coding.residuals import Coded

TOGETHER, APART = 0, 1  # the first byte: whether columns have numbers of their own
STEPS, ONES, PATTERNS = 0, 1, 2  # what a column is counted in
PLAIN, RUNS, FEW = 0, 1, 2  # the first byte of a group
TYPES = tuple(np.dtype(name) for name in ("u1", "u2", "u4", "u8"))
ENDS = np.array([np.iinfo(dtype).max for dtype in TYPES], np.uint64)
TALL = 16  # rows to a column, from which on each has numbers of its own
LOOK = 1 << 10  # rows by which it is judged whether a column holds whole numbers
MOSTLY = 3 / 4  # of its values
LEVEL = 7  # of zstd, of a group: its numbers are few bytes
NEARLY = 0.97  # how much shorter than it seems another way may be

Numbers = NDArray[np.int64]


def encode(x: NDArray[Any], eps: ArrayLike = 0.0, *, lossless: bool = False) -> Coded:
    """Code ``x`` (n, …), floats or whole numbers, within ``eps``, a bound ≥ 0 or several that broadcast to a row (…).

    What a bound means, and ``lossless``, is told at :func:`narrows.coding.residuals.encode`.

    >>> x = np.array([[0.1, 3.0], [2.7, 5.0], [np.nan, 4.0]])
    >>> payload, y = encode(x, [0.25, 0.0])
    >>> bool((np.abs(y - x)[:2] <= [0.25, 0.0]).all()), y[:, 1].tolist()
    (True, [3.0, 5.0, 4.0])
    >>> bool((decode(payload, x.dtype, x.shape, [0.25, 0.0])[:2] == y[:2]).all())
    True
    """
    check(x.dtype)
    if not x.size:
        return Coded(bytes([TOGETHER]), x.copy())
    allowed = _by_column(0.0 if lossless else eps, x.shape)
    apart = allowed.size > 1 or (x.ndim == 2 and len(x) >= TALL * x.shape[1])
    tall = np.ascontiguousarray(x).reshape((len(x), -1) if apart else (-1, 1))
    allowed = np.broadcast_to(allowed, tall.shape[1])
    kinds, least = _kinds(tall, allowed), _least(tall)
    shrink, widths = np.zeros((2, len(kinds)), np.int64)
    values, odd, groups = tall.copy(), np.zeros(tall.shape, np.bool_), []
    for kind, mine in _alike(kinds):
        some, eps_ = np.ascontiguousarray(tall[:, mine]), allowed[mine]
        if kind == STEPS and x.dtype.kind == "f":
            shrink[mine] = bounds.shrinkage(some, eps_[None]).ravel()
        if kind == PATTERNS:
            least[mine] = restored(ordered(some).min(0), x.dtype)
        codes, y, missed = _counted(kind, some, least[mine], eps_, shrink[mine])
        codes[missed] = 0
        widths[mine] = np.searchsorted(ENDS, codes.max(0))
        values[:, mine], odd[:, mine] = np.where(missed, some, y), missed
        for width, same in _alike(widths[mine]):
            group = np.ascontiguousarray(codes[:, same], TYPES[width])
            groups.append(_packed(group if apart else group.reshape(x.shape)))
    left = tall.T[odd.T]
    lows = ordered(least).astype(np.int64)
    head = [integers.encode(part) for part in (len(TYPES) * kinds + widths, shrink, lows)]
    payload = join([*head, *groups, plain.encode(left) if left.size else b""])
    return Coded(bytes([apart]) + payload, values.reshape(x.shape))


def decode(
    payload: bytes, dtype: np.dtype[Any], shape: tuple[int, ...], eps: ArrayLike = 0.0
) -> NDArray[Any]:
    """The values, of this type and shape (n, …).

    Raises:
        ValueError: the payload is not such a code.
    """
    check(dtype)
    if not payload or payload[0] not in (TOGETHER, APART):
        raise malformed("it does not say whether its columns stand apart")
    apart, size = payload[0] == APART, int(np.prod(shape, dtype=np.int64))
    if not size:
        return np.zeros(shape, dtype)
    columns = size // shape[0] if apart else 1
    allowed = _by_column(eps, shape)
    if len(allowed) > columns:
        raise malformed("its columns have one bound, but not the same")
    allowed = np.broadcast_to(allowed, columns)
    first, second, third, rest = split(payload[1:], 4)
    forms, shrink, lows = (integers.decode(part, columns) for part in (first, second, third))
    if forms.min() < 0 or forms.max() >= len(TYPES) * (PATTERNS + 1):
        raise malformed("what a column is counted in is not known")
    if shrink.min() < 0 or shrink.max() > bounds.MOST:
        raise malformed("its step is out of range")
    least = restored(lows.astype(f"i{dtype.itemsize}"), dtype)
    *groups, left = split(rest, len(np.unique(forms)) + 1)
    tall, odd = np.empty((size // columns, columns), dtype), np.zeros((size // columns, columns), np.bool_)
    for (form, mine), data in zip(_alike(forms), groups, strict=True):
        kind, width = divmod(form, len(TYPES))
        wide = (len(tall), len(lows[mine])) if apart else shape
        codes = _unpacked(data, TYPES[width], wide).reshape(len(tall), -1).astype(np.uint64)
        if kind != PATTERNS:
            odd[:, mine] = codes == 0
        tall[:, mine] = _answer(kind, codes, least[mine], allowed[mine], shrink[mine])
    count = int(np.count_nonzero(odd))
    if not count and left:
        raise malformed("there are values without a place")
    if count:
        across = np.ascontiguousarray(tall.T)
        across[odd.T] = plain.decode(left, dtype, (count,))
        tall = across.T
    return np.ascontiguousarray(tall).reshape(shape)


def _kinds(tall: NDArray[Any], allowed: NDArray[np.float64]) -> Numbers:
    """What each column is counted in."""
    if tall.dtype.kind != "f":
        return np.where(allowed >= 1, STEPS, PATTERNS)
    few = tall[:: -(-len(tall) // LOOK)]
    with np.errstate(invalid="ignore"):
        ones = (np.rint(few) == few).mean(0) >= MOSTLY
    return np.where(allowed > 0, STEPS, np.where(ones, ONES, PATTERNS))


def _least(tall: NDArray[Any]) -> NDArray[Any]:
    """The least finite value of each column; the largest there is where there is none."""
    if tall.dtype.kind != "f":
        return tall.min(0)
    most = np.finfo(tall.dtype).max
    return np.minimum(tall.min(0, where=np.isfinite(tall), initial=most), most)


def _counted(
    kind: int, x: NDArray[Any], least: NDArray[Any], eps: NDArray[np.float64], shrink: Numbers
) -> tuple[NDArray[np.uint64], NDArray[Any], NDArray[np.bool_]]:
    """Numbers (n, columns) above the ``least``, from 1 on where some can be missed; what they lead to; and which are
    missed, as those are too far off."""
    if kind == PATTERNS:
        steps = ordered(x).astype(np.int64) - ordered(least).astype(np.int64)  # modulo 2⁶⁴
        return steps.view(np.uint64), x, np.zeros(x.shape, np.bool_)
    start = np.broadcast_to(least, x.shape)
    if x.dtype.kind != "f":
        k, y, missed = wholes.quantise(x, np.ascontiguousarray(start), wholes.step(eps))
    else:
        k, y, missed = bounds.quantise(x, start, eps[None], _step(kind, eps, shrink))
    return (k + 1).view(np.uint64), y, missed


def _answer(
    kind: int, codes: NDArray[np.uint64], least: NDArray[Any], eps: NDArray[np.float64], shrink: Numbers
) -> NDArray[Any]:
    """What numbers lead to."""
    if kind == PATTERNS:
        found = codes.view(np.int64) + ordered(least).astype(np.int64)
        return restored(found.astype(f"i{least.dtype.itemsize}"), least.dtype)
    start, k = np.ascontiguousarray(np.broadcast_to(least, codes.shape)), codes.view(np.int64) - 1
    if least.dtype.kind != "f":
        return wholes.answer(start, k, wholes.step(eps))
    return bounds.answer(start, k, _step(kind, eps, shrink))


def _step(kind: int, eps: NDArray[np.float64], shrink: Numbers) -> NDArray[np.float64]:
    return np.ones((1, len(eps))) if kind == ONES else bounds.step(eps, shrink)[None]


def _packed(group: NDArray[Any]) -> bytes:
    """Numbers (n, …) of one unsigned type, by whichever way is shorter; where few occur, their places among these."""
    if (found := few.table(group)) is None:
        return _written(group)
    values, places = found
    return bytes([FEW]) + join([few.encode(values), _written(places)])


def _written(group: NDArray[Any]) -> bytes:
    whole, steps = bytes([PLAIN]) + plain.encode(group, LEVEL), group.astype(np.uint64).view(np.int64)
    if NEARLY * runs.estimate(steps) > len(whole):
        return whole
    return min(whole, bytes([RUNS]) + runs.encode(steps), key=len)


def _unpacked(data: bytes, dtype: np.dtype[Any], shape: tuple[int, ...]) -> NDArray[Any]:
    if data[:1] == bytes([FEW]):
        table, rest = split(data[1:], 2)
        values = few.decode(table, dtype)
        return few.restored(values, _read(rest, few.width(values), shape))
    return _read(data, dtype, shape)


def _read(data: bytes, dtype: np.dtype[Any], shape: tuple[int, ...]) -> NDArray[Any]:
    if not data or data[0] not in (PLAIN, RUNS):
        raise malformed("how a group of columns is written is not known")
    if data[0] == PLAIN:
        return plain.decode(data[1:], dtype, shape)
    return runs.decode(data[1:], shape).view(np.uint64).astype(dtype)


def _alike(names: Numbers) -> Iterator[tuple[int, Any]]:
    """Each name in rising order, and the columns that have it."""
    found = np.unique(names)
    for name in found.tolist():
        yield name, slice(None) if len(found) == 1 else np.flatnonzero(names == name)


def _by_column(eps: ArrayLike, shape: tuple[int, ...]) -> NDArray[np.float64]:
    """One bound for all columns, or one for each."""
    found = np.asarray(eps, np.float64)
    if not (np.isfinite(found).all() and (found >= 0).all()):
        raise ValueError("a bound below 0 or no number was given, expected eps ≥ 0: pass such a bound.")
    if found.size == 1:
        return found.reshape(1)
    try:
        every = np.broadcast_to(found, shape[1:]).ravel()
    except ValueError:
        raise ValueError(
            f"bounds of shape {found.shape} were given for rows of shape {shape[1:]}, expected bounds that broadcast to"
            " a row: pass one, or one for each column."
        ) from None
    return every[:1] if every.size and (every == every[0]).all() else every

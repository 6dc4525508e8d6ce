"""Rows on their way to training: split, scaled and looked at; in memory, or streamed."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch

from narrows.baseline import ROWS, Baseline, principal
from narrows.contracts import Rows, Schema, Source
from narrows.inputs import _checks
from narrows.inputs.design import design, design_width
from narrows.inputs.scaling import Affine, Statistics, learn_affine, one_range
from narrows.sources import Memory
from narrows.sources.stream import Span, Stream, spans
from narrows.spec import Spec
from narrows.training import devices
from narrows.training.settings import Settings

Convert = Callable[[np.ndarray], torch.Tensor]

HELD = 1 << 24  # numbers that are held out of a stream at most: they are kept in memory
SMALL = 1 << 27  # numbers up to which rows that are cut on demand are cut at once
PIECES = 32  # runs that they are taken in
ENTRIES = 1 << 24  # numbers of a stream's rows that PCA is made of, at most
SAMPLE = 100_000  # rows of a stream that quantiles are taken of


@dataclass(frozen=True, eq=False)
class Ready:
    """Rows scaled and split, and what was learned from them on the way."""

    affine: Affine
    bounded: bool
    source: Source
    held: Source | None
    device: torch.device
    dtype: torch.dtype
    components: int | None
    levels: tuple[int, ...] | None
    seed: int

    @cached_property
    def baseline(self) -> Baseline:
        """PCA of the rows: made when it is first asked for, which is after training unless it chooses
        the size of the code."""
        if isinstance(self.source, Memory):
            rows = self.source.x
        else:
            features = max(1, design_width(self.levels, self.source.head(1)[0].numel()))
            rows = self.source.head(max(2, min(ROWS, ENTRIES // features)))
        return principal(design(rows.cpu().numpy(), self.levels), self.components, self.seed)


def prepare(
    spec: Spec,
    schema: Schema,
    rows: np.ndarray | Rows,
    settings: Settings,
    latent_dim: int | str,
    scale: str | None,
    seed: int,
    valid: np.ndarray | Rows | None,
    affine: Affine | None = None,
) -> Ready:
    """Split, scale and look at the rows; an ``affine`` map that is given is kept, and rows need not
    reach as far, nor have as much in them, as those that it was learned from."""
    check_latent_dim(latent_dim)
    device = devices.device(settings.device)
    split = _in_memory if isinstance(rows, np.ndarray) else _apart if hasattr(rows, "split") else _streamed
    mine, held = split(rows, valid, settings.validation_fraction, seed, schema.missing)
    scaled = getattr(schema, "scaled", True) and getattr(spec.likelihood, "scaled", True)
    if not scaled:
        scale = None  # counts have no other unit
        check_counted(spec, schema)
    unit, given = spec.likelihood.unit, affine is not None
    spread = not given and (scale == "standard" or (scale == "auto" and not unit))
    statistics = Statistics(schema.shared_scale, schema.missing, mine.again, spread)
    for piece in mine.pieces(schema.missing):
        statistics.add(piece)
    if affine is None:
        if schema.missing:
            check_complete(statistics, schema)
        affine = learn_affine(scale, statistics, mine.sample, unit=unit, levels=schema.levels)
    reach = scaled_range(statistics, affine, schema)
    inside = reach is not None and reach[0] >= -1e-6 and reach[1] <= 1 + 1e-6
    clipped = unit and reach is not None and not inside
    if clipped:
        check_given(spec, reach, given, scaled)

    def convert(part: np.ndarray) -> torch.Tensor:
        x = affine.forward(part, settings.dtype)
        return (clip(x, schema.levels) if clipped else x).to(device)

    return Ready(
        affine,
        inside and (schema.shared_scale is True or given or one_range(*ends(statistics, schema))),
        mine.source(convert),
        None if held is None else held.source(convert),
        device,
        settings.dtype,
        None if latent_dim == "auto" else int(latent_dim),
        schema.levels,
        seed,
    )


class _InMemory:
    """Rows in an array."""

    def __init__(self, rows: np.ndarray):
        self.rows = rows
        self.again = lambda: [rows]

    def pieces(self, missing: bool) -> Iterable[np.ndarray]:
        return [self.rows]

    def sample(self) -> np.ndarray:
        return self.rows

    def source(self, convert: Convert) -> Source:
        return Memory(convert(self.rows))


class _OnDemand:
    """Rows that are read when they are needed, without the ``held`` ones."""

    again = None  # one pass is what a stream gets

    def __init__(self, rows: Rows, held: list[Span]):
        self.rows, self.held = rows, held
        self.raw = Stream(rows, _tensor, held)

    def pieces(self, missing: bool) -> Iterator[np.ndarray]:
        for a, b in self.raw.spans:
            for start in range(a, b, self.raw.most):
                piece = self.rows[start : min(b, start + self.raw.most)]
                _checks.finite(piece, missing=missing, first=start)
                yield piece

    def sample(self) -> np.ndarray:
        return self.raw.head(SAMPLE).numpy()

    def source(self, convert: Convert) -> Source:
        return Stream(self.rows, convert, self.held)


def _in_memory(
    rows: np.ndarray, valid: np.ndarray | Rows | None, fraction: float, seed: int, missing: bool
) -> tuple[_InMemory, _InMemory | None]:
    if valid is None and (held := int(len(rows) * fraction)):
        order = np.random.default_rng(seed).permutation(len(rows))
        return _InMemory(rows[order[held:]]), _InMemory(rows[order[:held]])
    return _InMemory(rows), None if valid is None else _valid(valid, missing)


def _streamed(
    rows: Rows, valid: np.ndarray | Rows | None, fraction: float, seed: int, missing: bool
) -> tuple[_OnDemand, _InMemory | None]:
    """Held out are short runs from all over: what was written together often is alike."""
    count = min(int(len(rows) * fraction), _most(rows)) if valid is None else 0
    if not count:
        return _OnDemand(rows, []), None if valid is None else _valid(valid, missing)
    rng = np.random.default_rng(seed)
    held: list[Span] = []
    if getattr(rows, "spans", None) is None:
        pieces = min(PIECES, count)
        edges = np.linspace(0, len(rows), pieces + 1).astype(int)
        sizes = np.diff(np.linspace(0, count, pieces + 1).astype(int))
        for low, high, size in zip(edges[:-1], edges[1:], sizes, strict=True):
            start = int(rng.integers(low, max(low, high - size) + 1))
            held.append((start, start + int(size)))
    else:
        # Files are read from the beginning of their groups: the ends of some of those are held out.
        groups = spans(rows)
        some = sorted(rng.permutation(len(groups))[:PIECES].tolist())
        lengths = np.array([groups[i][1] - groups[i][0] for i in some])
        # Of small groups that is less than a row each: the parts of a row add up.
        wanted = np.cumsum(lengths * min(count / lengths.sum(), 0.5))
        for i, size in zip(some, np.diff(np.round(wanted).astype(int), prepend=0).tolist(), strict=True):
            last = groups[i][1]
            held += [(last - size, last)] if size else []
    if not held:
        return _OnDemand(rows, []), None
    return _OnDemand(rows, held), _InMemory(np.concatenate([_checked(rows, a, b, missing) for a, b in held]))


def _checked(rows: Rows, start: int, stop: int, missing: bool) -> np.ndarray:
    """Rows that the pass of statistics does not see."""
    part = rows[start:stop]
    _checks.finite(part, missing=missing, first=start)
    return part


def _apart(
    rows: Any, valid: np.ndarray | Rows | None, fraction: float, seed: int, missing: bool
) -> tuple[_InMemory | _OnDemand, _InMemory | None]:
    """Rows that overlap know which may be held out together: pieces of what they were cut from."""
    train, held = rows.split(fraction if valid is None else 0.0)
    if len(held) > (most := _most(rows)):  # some from everywhere
        held = held[np.linspace(0, len(held) - 1, most).astype(int)]
    validation = _InMemory(rows[held]) if len(held) else None if valid is None else _valid(valid, missing)
    if len(train) * np.prod(rows.shape[1:]) <= SMALL:
        return _InMemory(rows[train]), validation
    if hasattr(rows, "take"):
        return _OnDemand(rows.take(train), []), validation
    left_out = np.setdiff1d(np.arange(len(rows)), train)
    runs = np.split(left_out, np.flatnonzero(np.diff(left_out) > 1) + 1)
    return _OnDemand(rows, [(int(r[0]), int(r[-1]) + 1) for r in runs if len(r)]), validation


def _valid(valid: np.ndarray | Rows, missing: bool) -> _InMemory:
    """Rows that the user holds out; of ones on demand as many as fit, from all over."""
    if isinstance(valid, np.ndarray):
        return _InMemory(valid)
    rows = Stream(valid, _tensor).head(len(valid)).numpy()
    _checks.finite(rows, name="validation_data", missing=missing)
    return _InMemory(rows)


def _tensor(rows: np.ndarray) -> torch.Tensor:
    """As they are; what was read from a file may be read-only, which torch does not take."""
    return torch.from_numpy(np.require(rows, requirements="CW"))


def _most(rows: Rows) -> int:
    return max(1, HELD // max(1, int(np.prod(rows.shape[1:], dtype=np.int64))))


def check_latent_dim(value: int | str) -> None:
    whole = isinstance(value, (int, np.integer)) and not isinstance(value, bool)
    if value != "auto" and not (whole and value >= 1):
        raise ValueError(f"latent_dim={value!r} is not usable: pass 'auto' or a whole number ≥ 1.")


def check_counted(spec: Spec, schema: Schema) -> None:
    """Times are no counts: as seconds since 1970, which nobody scales then, they would drown all else."""
    if times := getattr(schema, "times", ()):
        raise ValueError(
            f"Column {times[0]!r} holds times, but {spec.likelihood!r} explains counts, which are never scaled: drop"
            " it, make it a count (of days, say), or pass another likelihood."
        )


def check_complete(seen: Statistics, schema: Schema) -> None:
    """Whether every column has a value in some row that is trained on."""
    empty = np.isnan(seen.low).reshape(-1)
    if empty.any():
        names = schema.names or [f"x{i}" for i in range(empty.size)]
        raise ValueError(
            f"Column {names[int(empty.argmax())]!r} is missing in every row that is trained on, but some values are"
            " needed: drop it, or pass more rows."
        )


def ends(seen: Statistics, schema: Schema) -> tuple[np.ndarray, np.ndarray]:
    """The least and the largest of every entry that is a number, in the user's units."""
    if schema.levels is None:
        return seen.low, seen.high
    numbers = [i for i, k in enumerate(schema.levels) if not k]
    return seen.low[numbers], seen.high[numbers]


def scaled_range(seen: Statistics, affine: Affine, schema: Schema) -> tuple[float, float] | None:
    """The least and the largest scaled number; None where there are none."""
    both = affine.forward(np.stack([seen.low, seen.high]), torch.float64).numpy()
    if schema.levels is not None:
        both = both[:, [i for i, k in enumerate(schema.levels) if not k]]
    there = both[~np.isnan(both)]  # of more rows a column may be missing altogether
    return (float(there.min()), float(there.max())) if there.size else None


def check_given(spec: Spec, reach: tuple[float, float], given: bool, scaled: bool) -> None:
    """A likelihood that needs [0, 1] must not be trained on other numbers: refuse them, or say that they
    are clipped where the map was ``given`` by earlier rows."""
    found = f"The scaled data reach from {reach[0]:.3g} to {reach[1]:.3g}, but {spec.likelihood!r} explains values"
    if not given:
        way = ": pass scale='minmax' or" if scaled else ", and counts are never scaled: pass"
        raise ValueError(f"{found} in [0, 1]{way} another likelihood.")
    warnings.warn(
        f"{found} in [0, 1], the range of the rows that were fitted first: what lies beyond is clipped in training.",
        UserWarning,
        stacklevel=2,
    )


def clip(x: torch.Tensor, levels: tuple[int, ...] | None) -> torch.Tensor:
    """Numbers into [0, 1]: a cross-entropy has no minimum outside of it.  Categories and gaps stay."""
    if levels is None:
        return x.clamp_(0, 1)
    numbers = [i for i, k in enumerate(levels) if not k]
    x[:, numbers] = x[:, numbers].clamp(0, 1)
    return x

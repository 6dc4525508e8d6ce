"""One column of a table: how its values become numbers, and numbers its values.

Every frame library speaks Arrow, so that is what columns are read as: the same table gives the same
numbers whether it came as pandas, polars or pyarrow.
"""

from __future__ import annotations

import dataclasses
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np

from narrows.inputs.arrow_types import (
    family,
    from_seconds,
    into,
    is_empty,
    named,
    plain,
    seconds,
    zone_of,
)

KINDS = ("number", "integer", "boolean", "category", "time")
# A category that was not seen in training is a NaN like any other gap, told apart by its bits, as R's NA is.
UNSEEN = np.uint64(0x7FF8_0000_6E65_7721)
MAX_SHOWN = 3  # values quoted in a message


@dataclass(frozen=True)
class Column:
    """``kind`` of a column and, of a category, its ``levels`` in the order of their codes.

    ``type`` is the Arrow type of its values, as text; ``cut`` says that it had more categories than
    were kept.  ``news``: nats by which a category that was not seen surprises, see :func:`surprise`.
    ``step``: all values that were seen are multiples of it, as whole numbers are, and whole days; 0 of none.
    """

    name: str | int
    kind: str
    type: str
    levels: tuple[Any, ...] = ()
    cut: bool = False
    news: float = 0.0
    step: float = 0.0

    @property
    def size(self) -> int:
        """Categories; 0 for what is a number to the network."""
        return {"category": len(self.levels), "boolean": 2}.get(self.kind, 0)

    def read(self, values: Any, strange: dict[str | int, Any]) -> np.ndarray:
        """An Arrow array as float64, NaN where it is missing: numbers, seconds (since 1970, since midnight
        or of a duration), or the codes of categories.

        A category that is not known is missing too, the NaN ``UNSEEN``; those that were not seen in training
        are put into ``strange``, by the column's name.
        """
        if is_empty(values):  # whatever type that is called
            return np.full(len(values), np.nan)
        if self.kind == "category":
            return self._codes(values, strange)
        if family(values.type) == "text" and self.kind != "boolean":
            values = self._parsed(values)
        if family(values.type) != family(named(self.type)):
            fitted = f"times ({self.type})" if self.kind == "time" else "numbers"
            raise ValueError(
                f"Column {self.name!r} is of type {values.type} now, but {fitted} were fitted: convert it."
            )
        if self.kind == "time":
            self._check_zone(values.type)
            return seconds(values)
        numbers = floats(values, self.name)
        if self.kind == "boolean":
            self._check_two(numbers)
        return numbers

    def _parsed(self, values: Any) -> Any:
        """Text as the times that were fitted, where it says such times, as what is read from .csv files does."""
        import pyarrow as pa

        wanted = named(self.type) if self.kind == "time" else pa.float64()
        labels = values.cast(pa.string())
        try:
            found = labels.cast(wanted)
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
            raise self._not_parsed(labels, wanted) from None
        if self.kind == "time":
            return found
        raise ValueError(
            f"Column {self.name!r} holds numbers as text now, but numbers were fitted: convert it, for example by"
            f" X[{self.name!r}].astype(float)."
        )

    def _not_parsed(self, labels: Any, wanted: Any) -> ValueError:
        """Which value is to blame."""
        import pyarrow as pa

        fitted = f"times ({self.type})" if self.kind == "time" else "numbers"
        bad = []
        for row, label in enumerate(labels.to_pylist()):
            try:
                pa.array([label], pa.string()).cast(wanted)
            except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
                bad.append((row, label))
        row, label = bad[0] if bad else (0, labels[0].as_py())
        return ValueError(
            f"Column {self.name!r} holds {label!r} at row {row}, one of {len(bad)} such values among {len(labels)}, but"
            f" {fitted} were fitted: correct it, or leave it empty where it is not known."
        )

    def _check_zone(self, kind: Any) -> None:
        """Times of a zone and times of none are not told apart by their seconds, which may be hours off."""
        zone, fitted = zone_of(kind), zone_of(named(self.type))
        if family(kind) == "moment" and (zone is None) != (fitted is None):
            mine, other = (
                ("without a zone", f"in {fitted}") if zone is None else (f"in {zone}", "without a zone")
            )
            raise ValueError(
                f"Column {self.name!r} holds times {mine} now ({kind}), but times {other} ({self.type}) were fitted:"
                f" {'pass them with their zone' if zone is None else 'convert them and drop the zone'}."
            )

    def _check_two(self, numbers: np.ndarray) -> None:
        """A third value has no probability: its score would mean nothing."""
        strange = (numbers != 0) & (numbers != 1) & ~np.isnan(numbers)
        if strange.any():
            row = int(strange.argmax())
            raise ValueError(
                f"Column {self.name!r} holds {numbers[row]:g} at row {row}, but booleans were fitted: pass True and"
                " False, 1 and 0, or gaps."
            )

    def _codes(self, values: Any, strange: dict[str | int, Any]) -> np.ndarray:
        import pyarrow.compute as pc

        labels = labels_of(values, self.name)
        codes = pc.index_in(labels, value_set=_array(self.levels, labels.type), skip_nulls=True)
        found = floats(codes, self.name)
        if codes.null_count > labels.null_count:
            new = pc.and_(pc.is_null(codes), pc.is_valid(labels))
            if not self.cut:  # else nobody knows which were seen
                strange[self.name] = labels.filter(new)
            found = found.copy()
            found.view(np.uint64)[new.to_numpy(zero_copy_only=False)] = UNSEEN
        return found

    def narrowed(self, counts: np.ndarray) -> Column:
        """With those of its categories alone that were counted; of none, as it is."""
        if not counts.any():
            return self
        levels = tuple(level for level, n in zip(self.levels, counts, strict=True) if n)
        return dataclasses.replace(self, levels=levels, news=0.0 if self.cut else surprise(counts))

    def write(self, codes: np.ndarray) -> Any:
        """The Arrow array of what :meth:`read` made numbers of; NaN becomes null."""
        import pyarrow as pa

        gaps = np.isnan(codes)
        null = gaps if gaps.any() else None
        kind = named(self.type)
        if self.kind == "category":
            last = len(self.levels) - 1
            at = pa.array(np.where(gaps, 0, codes).round().clip(0, last).astype(np.int64), mask=null)
            whole = pa.types.is_floating(kind)  # numbers among which there were gaps
            levels = pa.array(map(float, self.levels)).cast(kind) if whole else pa.array(self.levels, kind)
            return levels.take(at)
        if self.kind == "time":
            return from_seconds(codes, kind)
        return into(pa.array(codes, pa.float64(), mask=null), kind)

    def text(self, value: float) -> str:
        """One value as people write it: a category by its name, a moment as a date.

        >>> Column("on", "time", "timestamp[us]").text(86400.0), Column("a", "number", "double").text(1 / 3)
        ('1970-01-02', '0.333333')
        """
        if self.kind == "number":
            return f"{value:.6g}"
        whole = np.round(value) if self.kind == "time" else value
        return str(self.write(np.array([whole]))[0].as_py()).removesuffix(" 00:00:00")

    def width(self, value: float) -> str:
        """A difference of two values, in their unit.

        >>> Column("on", "time", "timestamp[us]").width(129_600.0), Column("a", "number", "double").width(1 / 3)
        ('1.5 days', '0.3333')
        """
        if self.kind != "time":
            return f"{value:.4g}"
        units = {"days": 86_400.0, "hours": 3600.0, "minutes": 60.0, "seconds": 1.0}
        unit = next((name for name, size in units.items() if abs(value) >= size), "seconds")
        return f"{value / units[unit]:.3g} {unit}"

    def to_json(self) -> dict[str, Any]:
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Column:
        return cls(**{**data, "levels": tuple(data["levels"])})


def surprise(counts: Any) -> float:
    """−ln of the probability of a category that is not among those that were counted, (k,): the share of
    values whose category was seen once (Good 1953, "The population frequencies of species and the estimation
    of population parameters", equation 9), of n values at least 1 / (n + 1).

    >>> round(surprise([60, 39]), 2), round(surprise([1, 1, 1]), 2)  # a name is new as a rule
    (4.61, 0.0)
    """
    counts = np.asarray(counts)
    return float(np.log((counts.sum() + 1) / ((counts == 1).sum() + 1)))


def unseen(rows: np.ndarray) -> np.ndarray:
    """Which entries of rows, float64, are categories that are there, but not known."""
    return np.ascontiguousarray(rows, np.float64).view(np.uint64) == UNSEEN


def warn_unseen(strange: dict[str | int, Any], pieces: bool) -> None:
    """Say, once of all columns, that ``strange`` categories are taken as missing; of rows in ``pieces`` when the
    first turn up."""
    (name, values), *others = strange.items()
    kinds = values.unique()
    shown = ", ".join(repr(v) for v in kinds.slice(0, MAX_SHOWN).to_pylist())
    more = ", …" if len(kinds) > MAX_SHOWN else ""
    rows = f"{len(values)} row{'s' if len(values) > 1 else ''}"
    where = f"{rows} of the first piece of X in which there are any" if pieces else rows
    also = f", and so do {', '.join(repr(other) for other, _ in others)}" if others else ""
    further = ", and so are any in later pieces" if pieces else ""
    warnings.warn(
        f"Column {name!r} holds categories in {where} that were not seen in training ({shown}{more}){also}: they are"
        f" taken as missing{further}.",
        UserWarning,
        stacklevel=2,
    )


def floats(values: Any, name: str | int) -> np.ndarray:
    import pyarrow as pa

    if pa.types.is_dictionary(values.type):
        values = values.cast(values.type.value_type)
    if pa.types.is_boolean(values.type):
        values = values.cast(pa.uint8())
    array = values.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)
    if np.isinf(array).any():
        row = int(np.isinf(array).argmax())
        raise ValueError(
            f"X holds infinity (inf) at row {row}, column {name!r}, but finite numbers or gaps were expected:"
            " replace it by a number or by NaN."
        )
    return array


def labels_of(values: Any, name: str | int) -> Any:
    """Categories as 64-bit numbers, booleans or text, whichever they are."""
    import pyarrow as pa

    if pa.types.is_dictionary(values.type):
        values = values.cast(values.type.value_type)
    if pa.types.is_boolean(values.type):
        return values
    if pa.types.is_integer(values.type):
        try:
            return values.cast(pa.int64())
        except pa.ArrowInvalid:  # 2⁶³ or more
            return values.cast(pa.uint64())
    if pa.types.is_floating(values.type):  # whole numbers among which there are gaps
        return plain(values)
    if family(values.type) != "text":
        raise ValueError(
            f"Column {name!r} is of type {values.type} now, but categories were fitted: convert it to text or whole"
            " numbers."
        )
    return values.cast(pa.large_string())


def _array(levels: tuple[Any, ...], kind: Any) -> Any:
    """Categories as labels of that type; null where they are of another, so that no label is that one."""
    import pyarrow as pa

    def label(level: Any) -> Any:
        try:
            return pa.scalar(float(level) if pa.types.is_floating(kind) else level, kind).as_py()
        except (ValueError, TypeError, OverflowError):
            return None

    try:
        return pa.array(list(levels), kind)
    except (ValueError, TypeError, OverflowError):
        return pa.array([label(level) for level in levels], kind)

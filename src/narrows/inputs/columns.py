"""One column of a table: how its values become numbers, and numbers its values.

Every frame library speaks Arrow, so that is what columns are read as: the same table gives the same
numbers whether it came as pandas, polars or pyarrow.
"""

from __future__ import annotations

import dataclasses
import warnings
from collections import Counter
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
MAX_SHOWN = 3  # values quoted in a message


@dataclass(frozen=True)
class Column:
    """``kind`` of a column and, of a category, its ``levels`` in the order of their codes.

    ``type`` is the Arrow type of its values, as text; ``cut`` says that it had more categories than
    were kept.
    """

    name: str | int
    kind: str
    type: str
    levels: tuple[Any, ...] = ()
    cut: bool = False

    @property
    def size(self) -> int:
        """Categories; 0 for what is a number to the network."""
        return {"category": len(self.levels), "boolean": 2}.get(self.kind, 0)

    def read(self, values: Any, told: set[str | int] | None = None) -> np.ndarray:
        """An Arrow array as float64, NaN where it is missing: numbers, seconds (since 1970, since midnight
        or of a duration), or the codes of categories; one that was not seen in training is missing too.

        ``told``: columns that were warned of already, of rows that come in pieces.
        """
        if is_empty(values):  # whatever type that is called
            return np.full(len(values), np.nan)
        if self.kind == "category":
            return self._codes(values, told)
        if family(values.type) != family(named(self.type)):
            fitted = f"times ({self.type})" if self.kind == "time" else "numbers"
            raise ValueError(
                f"Column {self.name!r} is of type {values.type} now, but {fitted} were fitted: convert it."
            )
        if self.kind == "time":
            self._check_zone(values.type)
            return seconds(values)
        numbers = _floats(values, self.name)
        if self.kind == "boolean":
            self._check_two(numbers)
        return numbers

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

    def _codes(self, values: Any, told: set[str | int] | None) -> np.ndarray:
        import pyarrow.compute as pc

        labels = _labels(values, self.name)
        codes = pc.index_in(labels, value_set=_array(self.levels, labels.type), skip_nulls=True)
        if codes.null_count > labels.null_count and not self.cut and self.name not in (told or ()):
            strange = labels.filter(pc.and_(pc.is_null(codes), pc.is_valid(labels)))
            _warn(self.name, strange, told)
        return _floats(codes, self.name)

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

    def to_json(self) -> dict[str, Any]:
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Column:
        return cls(**{**data, "levels": tuple(data["levels"])})


class Learner:
    """What a column holds, found out a piece at a time: decided by its Arrow type, unless ``category``
    says it.

    The ``most`` frequent categories are known afterwards.
    """

    def __init__(self, name: str | int, kind: Any, category: bool, most: int):
        self.name, self.most, self.asked = name, most, category
        self.column = _of_type(name, kind, category)
        self.empty = True
        self.counts: Counter[Any] = Counter()

    def add(self, values: Any) -> None:
        """Look at some more of it, an Arrow array."""
        import pyarrow.compute as pc

        if is_empty(values):
            return
        self.empty = False
        if self.column.kind == "category":
            labels = _whole(_labels(values, self.name), self.name, self.asked)
            for pair in pc.value_counts(labels.drop_null()).to_pylist():
                self.counts[pair["values"]] += pair["counts"]

    def done(self) -> Column:
        if self.empty:
            raise ValueError(f"Column {self.name!r} is missing in every row: drop it.")
        if self.column.kind != "category":
            return self.column
        pairs = sorted(self.counts.items(), key=lambda pair: (-pair[1], pair[0]))
        if len(pairs) > self.most:
            left = sum(n for _, n in pairs[self.most :])
            warnings.warn(
                f"Column {self.name!r} has {len(pairs)} categories, of which the {self.most} most frequent are kept;"
                f" the others ({left} rows) are taken as missing: raise Table(max_levels=…), or drop the column if it"
                " is a name.",
                UserWarning,
                stacklevel=2,
            )
        levels = sorted(label for label, _ in pairs[: self.most])
        return dataclasses.replace(self.column, levels=tuple(levels), cut=len(pairs) > self.most)


def _of_type(name: str | int, kind: Any, category: bool) -> Column:
    import pyarrow as pa

    of = kind.value_type if pa.types.is_dictionary(kind) else kind
    text = "string" if pa.types.is_string_view(of) else str(of)
    if category or pa.types.is_dictionary(kind) or family(of) == "text":
        if family(of) not in ("text", "number", "null") or pa.types.is_decimal(of):
            raise ValueError(
                f"Column {name!r} of type {of} cannot be categories: pass text, whole numbers or booleans."
            )
        return Column(name, "category", text)
    if family(of) in ("moment", "duration", "hour"):
        return Column(name, "time", text)
    if family(of) not in ("number", "null"):
        raise ValueError(
            f"Column {name!r} is of type {kind}, but numbers, categories, booleans or times were expected:"
            " convert or drop it."
        )
    if pa.types.is_boolean(of) or pa.types.is_integer(of):
        return Column(name, "boolean" if pa.types.is_boolean(of) else "integer", text)
    if pa.types.is_decimal(of):  # as wide as any: how many digits there are may be found out from the values
        text = f"decimal128(38, {min(of.scale, 38)})"
    return Column(name, "number", "double" if pa.types.is_null(of) else text)


def _floats(values: Any, name: str | int) -> np.ndarray:
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


def _labels(values: Any, name: str | int) -> Any:
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


def _whole(labels: Any, name: str | int, asked: bool) -> Any:
    """Categories to be learned, ``asked`` for or so by their type: floats, if they are whole numbers, as those."""
    import pyarrow as pa

    if not pa.types.is_floating(labels.type):
        return labels
    try:
        return labels.cast(pa.int64())
    except pa.ArrowInvalid:
        numbers = labels.drop_null().to_numpy()
        odd = numbers[~(abs(numbers) < 2**63) | (numbers.round() != numbers)][0]
        way = "take it out of Table(categories=…)" if asked else "convert it to floats"
        raise ValueError(
            f"Column {name!r} holds numbers such as {odd}, which cannot be categories: pass text, whole numbers or"
            f" booleans, or {way}."
        ) from None


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


def _warn(name: str | int, strange: Any, told: set[str | int] | None) -> None:
    """Say that ``strange`` categories are taken as missing; of rows in pieces once, when the first turn up."""
    kinds = strange.unique()
    shown = ", ".join(repr(v) for v in kinds.slice(0, MAX_SHOWN).to_pylist())
    more = ", …" if len(kinds) > MAX_SHOWN else ""
    rows = f"{len(strange)} row{'s' if len(strange) > 1 else ''}"
    where = rows if told is None else f"{rows} of the first piece of X in which there are any"
    further = "" if told is None else ", and so are any in later pieces"
    if told is not None:
        told.add(name)
    warnings.warn(
        f"Column {name!r} holds categories in {where} that were not seen in training ({shown}{more}): they are taken"
        f" as missing{further}.",
        UserWarning,
        stacklevel=2,
    )

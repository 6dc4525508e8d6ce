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

KINDS = ("number", "integer", "boolean", "category", "time")
MAX_SHOWN = 3  # values quoted in a message


@dataclass(frozen=True)
class Column:
    """``kind`` of a column and, of a category, its ``levels`` in the order of their codes.

    ``type`` is the Arrow type of its values, as text; of times also their ``zone``.
    """

    name: str
    kind: str
    type: str
    levels: tuple[Any, ...] = ()
    zone: str | None = None

    @property
    def size(self) -> int:
        """Categories; 0 for what is a number to the network."""
        return {"category": len(self.levels), "boolean": 2}.get(self.kind, 0)

    def read(self, values: Any) -> np.ndarray:
        """An Arrow array as float64, NaN where it is missing: numbers, seconds since 1970 (or of a
        duration), or the codes of categories; one that was not seen in training is missing too."""
        import pyarrow.compute as pc

        if self.kind != "category":
            return _floats(values, self.name)
        labels = _labels(values)
        codes = pc.index_in(labels, value_set=_array(self.levels, labels.type))
        if unseen := codes.null_count - labels.null_count:
            strange = pc.unique(labels.filter(pc.and_(pc.is_null(codes), pc.is_valid(labels))))
            shown = ", ".join(repr(v) for v in strange.slice(0, MAX_SHOWN).to_pylist())
            more = ", …" if len(strange) > MAX_SHOWN else ""
            warnings.warn(
                f"Column {self.name!r} holds categories in {unseen} row{'s' if unseen > 1 else ''} that were not seen"
                f" in training ({shown}{more}): they are taken as missing.",
                UserWarning,
                stacklevel=2,
            )
        return _floats(codes, self.name)

    def write(self, codes: np.ndarray) -> Any:
        """The Arrow array of what :meth:`read` made numbers of; NaN becomes null."""
        import pyarrow as pa

        gaps = np.isnan(codes)
        null = gaps if gaps.any() else None
        if self.kind == "category":
            last = len(self.levels) - 1
            at = pa.array(np.where(gaps, 0, codes).round().clip(0, last).astype(np.int64), mask=null)
            return pa.array(list(self.levels), _arrow_type(self.type)).take(at)
        if self.kind == "boolean":
            return pa.array(codes >= 0.5, mask=null)
        kind = _arrow_type(self.type, self.zone)
        if self.kind == "number":
            return pa.array(codes, pa.float64(), mask=null).cast(kind, safe=False)
        if self.kind == "time":
            whole = np.where(gaps, 0, codes * 1e6).round().astype(np.int64)
            unit = pa.duration("us") if pa.types.is_duration(kind) else pa.timestamp("us", self.zone)
            return pa.array(whole, mask=null).cast(unit).cast(kind, safe=False)
        span = np.iinfo(kind.to_pandas_dtype())
        # float64 reaches beyond the largest int64 by one: the nearest below it that fits.
        low, high = float(span.min), np.nextafter(float(span.max), 0) if span.bits == 64 else float(span.max)
        whole = np.where(gaps, 0, codes).round().clip(low, high).astype(kind.to_pandas_dtype())
        return pa.array(whole, kind, mask=null)

    def to_json(self) -> dict[str, Any]:
        return dataclasses.asdict(self)


class Learner:
    """What a column holds, found out a piece at a time: decided by its Arrow type, unless ``category``
    says it.

    The ``most`` frequent categories are known afterwards.
    """

    def __init__(self, name: str, kind: Any, category: bool, most: int):
        self.name, self.kind, self.most = name, kind, most
        self.column = _of_type(name, kind, category)
        self.empty = True
        self.counts: Counter[Any] = Counter()

    def add(self, values: Any) -> None:
        """Look at some more of it, an Arrow array."""
        import pyarrow.compute as pc

        self.empty = self.empty and (values.null_count == len(values) or _all_nan(values))
        if self.column.kind == "category":
            for pair in pc.value_counts(_labels(values).drop_null()).to_pylist():
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
        return dataclasses.replace(self.column, levels=tuple(levels))


def _of_type(name: str, kind: Any, category: bool) -> Column:
    import pyarrow as pa

    of = kind.value_type if pa.types.is_dictionary(kind) else kind
    if category or pa.types.is_dictionary(kind) or _is_text(of):
        if not (_is_text(of) or pa.types.is_integer(of) or pa.types.is_boolean(of) or pa.types.is_null(of)):
            raise ValueError(
                f"Column {name!r} of type {of} cannot be categories: pass text, whole numbers or booleans."
            )
        return Column(name, "category", _name(of))
    if pa.types.is_boolean(kind):
        return Column(name, "boolean", "bool")
    if pa.types.is_integer(kind):
        return Column(name, "integer", _name(kind))
    if pa.types.is_floating(kind) or pa.types.is_decimal(kind) or pa.types.is_null(kind):
        return Column(name, "number", _name(kind) if pa.types.is_floating(kind) else "double")
    if pa.types.is_timestamp(kind):
        return Column(name, "time", f"timestamp[{kind.unit}]", zone=kind.tz)
    if pa.types.is_date(kind) or pa.types.is_duration(kind):
        return Column(name, "time", _name(kind))
    raise ValueError(
        f"Column {name!r} is of type {kind}, but numbers, categories, booleans or timestamps were expected:"
        " convert or drop it."
    )


def _floats(values: Any, name: str) -> np.ndarray:
    import pyarrow as pa

    kind = values.type
    per_second = 1.0
    if pa.types.is_boolean(kind):
        values = values.cast(pa.uint8())
    elif pa.types.is_timestamp(kind) or pa.types.is_date(kind):
        values, per_second = values.cast(pa.timestamp("us"), safe=False).cast(pa.int64()), 1e6
    elif pa.types.is_duration(kind):
        values, per_second = values.cast(pa.duration("us"), safe=False).cast(pa.int64()), 1e6
    elif pa.types.is_decimal(kind) or pa.types.is_float16(kind):
        values = values.cast(pa.float64())
    elif not (pa.types.is_integer(kind) or pa.types.is_floating(kind)):
        raise ValueError(f"Column {name!r} is of type {kind} now, but numbers were fitted: convert it.")
    array = values.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False) / per_second
    if np.isinf(array).any():
        row = int(np.isinf(array).argmax())
        raise ValueError(
            f"X holds infinity (inf) at row {row}, column {name!r}, but finite numbers or gaps were expected:"
            " replace it by a number or by NaN."
        )
    return array


def _labels(values: Any) -> Any:
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_dictionary(values.type):
        values = values.cast(values.type.value_type)
    if pa.types.is_integer(values.type):
        return values.cast(pa.int64())
    if pa.types.is_boolean(values.type):
        return pc.cast(values, pa.bool_())
    return values.cast(pa.large_string())


def _array(levels: tuple[Any, ...], kind: Any) -> Any:
    import pyarrow as pa

    try:
        return pa.array(list(levels), kind)
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        return pa.array([], kind)  # values of another type than was fitted: none of them was seen


def _is_text(kind: Any) -> bool:
    import pyarrow as pa

    return pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind)


def _all_nan(values: Any) -> bool:
    import pyarrow as pa
    import pyarrow.compute as pc

    return pa.types.is_floating(values.type) and pc.all(pc.is_nan(values.drop_null())).as_py() is True


def _name(kind: Any) -> str:
    import pyarrow as pa

    return "string" if pa.types.is_string_view(kind) else str(kind)


def _arrow_type(name: str, zone: str | None = None) -> Any:
    """The type that a column's ``type`` names."""
    import pyarrow as pa

    unit = name.partition("[")[2].rstrip("]")
    if name.startswith("timestamp"):
        return pa.timestamp(unit, zone)
    if name.startswith("duration"):
        return pa.duration(unit)
    if name.startswith("date"):
        return pa.date32() if name.startswith("date32") else pa.date64()
    known = {"halffloat": pa.float16(), "float": pa.float32(), "double": pa.float64()}
    return known[name] if name in known else pa.type_for_alias(name)

"""Arrow's types: their names, what goes together, and values taken from one to another."""

from __future__ import annotations

import re
from contextlib import suppress
from typing import Any

import numpy as np

MICRO = 1e6  # of a second: what times are counted in here
# Years 1 to 9999 but for a day, which zones may add or take: what Python's dates know, in seconds since 1970.
ERA = (-62_135_510_400.0, 253_402_214_399.0)
DAY = (0.0, 86_399.999_999)
REACH = {"ns": 9.2e9, "us": 9.2e12}  # seconds that 64 bits can count


def named(text: str) -> Any:
    """The type whose ``str`` that is.

    >>> [str(named(text)) for text in ("double", "timestamp[us, tz=UTC]", "decimal128(5, 2)")]
    ['double', 'timestamp[us, tz=UTC]', 'decimal128(5, 2)']
    """
    import pyarrow as pa

    if found := re.fullmatch(r"timestamp\[(\w+), tz=(.*)\]", text):
        return pa.timestamp(*found.groups())
    if found := re.fullmatch(r"(decimal\d+)\((\d+), (-?\d+)\)", text):
        return getattr(pa, found[1])(int(found[2]), int(found[3]))
    if found := re.fullmatch(r"dictionary<values=(.*), indices=(\w+), ordered=(\d)>", text):
        return pa.dictionary(named(found[2]), named(found[1]), found[3] == "1")
    return pa.type_for_alias(text)


def family(kind: Any) -> str:
    """The types among which values may go from one to another: "number" (booleans too), "text", "moment",
    "duration", "hour" (of a day), "null", or "other".  A dictionary belongs where its values do."""
    import pyarrow as pa

    of = pa.types
    if of.is_dictionary(kind):
        return family(kind.value_type)
    if of.is_integer(kind) or of.is_floating(kind) or of.is_decimal(kind) or of.is_boolean(kind):
        return "number"
    if of.is_string(kind) or of.is_large_string(kind) or of.is_string_view(kind):
        return "text"
    if of.is_timestamp(kind) or of.is_date(kind):
        return "moment"
    tests = {"duration": of.is_duration, "hour": of.is_time, "null": of.is_null}
    return next((name for name, test in tests.items() if test(kind)), "other")


def zone_of(kind: Any) -> str | None:
    """The zone of moments; None of those that have none, and of all else."""
    return getattr(getattr(kind, "value_type", kind), "tz", None)


def into(values: Any, kind: Any) -> Any:
    """Arrow values as another type of their family: numbers rounded as it asks for and kept within its
    range, booleans from 0.5 on.

    Raises ValueError or NotImplementedError where that cannot be.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    if values.type == kind:
        return values
    if family(values.type) != family(kind):
        raise ValueError(f"{values.type} is no {kind}")
    if pa.types.is_dictionary(kind):
        return into(values, kind.value_type).dictionary_encode().cast(kind)
    if family(kind) != "number" or pa.types.is_floating(kind):
        return values.cast(kind, safe=False)
    if pa.types.is_boolean(kind):
        return pc.greater_equal(values.cast(pa.float64(), safe=False), 0.5)
    if pa.types.is_integer(values.type):
        with suppress(pa.ArrowInvalid):
            return values.cast(kind)  # to the last digit
    numbers = values.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)
    gaps = np.isnan(numbers)
    return _within(np.where(gaps, 0.0, numbers), kind, gaps if gaps.any() else None)


def _within(numbers: np.ndarray, kind: Any, mask: np.ndarray | None) -> Any:
    """float64 as integers or decimals; what is beyond the last one becomes that."""
    import pyarrow as pa

    if pa.types.is_decimal(kind):
        # float64 may round the largest decimal up, beyond it: the nearest below.
        end = 10.0 ** (kind.precision - kind.scale)
        most = min(end - 10.0**-kind.scale, np.nextafter(end, 0))
        return pa.array(numbers.clip(-most, most), mask=mask).cast(kind, safe=False)
    span = np.iinfo(kind.to_pandas_dtype())
    high = np.nextafter(float(span.max), 0) if span.bits == 64 else float(span.max)  # as above
    whole = numbers.round().clip(float(span.min), high).astype(kind.to_pandas_dtype())
    return pa.array(whole, kind, mask=mask)


def seconds(values: Any) -> np.ndarray:
    """Moments as seconds since 1970, durations, hours as seconds since midnight: float64, NaN for null."""
    import pyarrow as pa

    whole = values.cast(_micro(values.type), safe=False).cast(pa.int64())
    return whole.to_numpy(zero_copy_only=False) / MICRO


def from_seconds(numbers: np.ndarray, kind: Any) -> Any:
    """The inverse, to an Arrow array of that type; what it cannot say becomes the last that it can."""
    import pyarrow as pa

    gaps = np.isnan(numbers)
    reach = REACH["ns" if getattr(kind, "unit", "us") == "ns" else "us"]
    low, high = {"moment": ERA, "hour": DAY}.get(family(kind), (-reach, reach))
    clipped = np.where(gaps, 0.0, numbers).clip(max(low, -reach), min(high, reach))
    whole = (clipped * MICRO).round().astype(np.int64)
    return pa.array(whole, mask=gaps if gaps.any() else None).cast(_micro(kind)).cast(kind, safe=False)


def _micro(kind: Any) -> Any:
    """The type of the same family that counts microseconds."""
    import pyarrow as pa

    if family(kind) == "moment":
        return pa.timestamp("us", getattr(kind, "tz", None))
    return pa.duration("us") if family(kind) == "duration" else pa.time64("us")


def plain(values: Any) -> Any:
    """Floats whose gaps are nulls, not NaN; other values as they are."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if not pa.types.is_floating(values.type):
        return values
    values = values.cast(pa.float64())
    return pc.if_else(pc.is_nan(values), pa.scalar(None, pa.float64()), values)


def is_empty(values: Any) -> bool:
    """Whether no value is there: whatever its type is, it says nothing."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if values.null_count == len(values) or not pa.types.is_floating(values.type):
        return values.null_count == len(values)
    return bool(pc.all(pc.is_nan(values)).as_py())  # of those that are not null

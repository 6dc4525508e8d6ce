"""What the columns of a table hold, found out from their values."""

from __future__ import annotations

import dataclasses
import warnings
from collections import Counter
from typing import Any

import numpy as np

from narrows.inputs.arrow_types import family, is_empty, seconds
from narrows.inputs.columns import Column, floats, labels_of, surprise

# What values may be multiples of, the coarsest first: numbers of 1, times of days, hours, minutes, seconds.
STEPS = {
    "number": (1.0,),
    "moment": (86_400.0, 3600.0, 60.0, 1.0),
    "duration": (86_400.0, 3600.0, 60.0, 1.0),
    "hour": (3600.0, 60.0, 1.0),
}
MANY, SHARE = 100, 0.5  # different texts, and share of all, beyond which they may be names


class Learner:
    """What a column holds, found out a piece at a time: decided by its Arrow type, unless ``category``
    says it.

    The ``most`` frequent categories are known afterwards, and, of ``typed`` columns, what all values are
    multiples of: an array's have one type for all, which says nothing of a column.
    """

    def __init__(self, name: str | int, kind: Any, category: bool, most: int, typed: bool):
        self.name, self.most, self.asked = name, most, category
        self.column = _of_type(name, kind, category)
        stepped = typed and self.column.kind in ("number", "time")
        self.steps = STEPS.get(family(kind), ()) if stepped else ()
        self.empty = True
        self.counts: Counter[Any] = Counter()

    def add(self, values: Any) -> None:
        """Look at some more of it, an Arrow array."""
        import pyarrow.compute as pc

        if is_empty(values):
            return
        self.empty = False
        if self.column.kind == "category":
            labels = _whole(labels_of(values, self.name), self.name, self.asked)
            for pair in pc.value_counts(labels.drop_null()).to_pylist():
                self.counts[pair["values"]] += pair["counts"]
        if self.steps:
            numbers = seconds(values) if self.column.kind == "time" else floats(values, self.name)
            there = numbers[~np.isnan(numbers)]
            self.steps = tuple(step for step in self.steps if not np.mod(there, step).any())

    def done(self) -> Column:
        if self.empty or (self.column.kind == "category" and not self.counts):
            raise ValueError(f"Column {self.name!r} is missing in every row: drop it.")
        if self.column.kind != "category":
            return dataclasses.replace(self.column, step=self.steps[0] if self.steps else 0.0)
        pairs = sorted(self.counts.items(), key=lambda pair: (-pair[1], pair[0]))
        cut = len(pairs) > self.most
        self._warn(pairs)
        levels = tuple(sorted(label for label, _ in pairs[: self.most]))
        news = 0.0 if cut else surprise([n for _, n in pairs])
        return dataclasses.replace(self.column, levels=levels, cut=cut, news=news)

    def _warn(self, pairs: list[tuple[Any, int]]) -> None:
        """Say so where there are so many categories that they are no good."""
        said, values = "", sum(n for _, n in pairs)
        leave = f"leave it out with Table(drop=[{self.name!r}]) or, on the command line, --drop {self.name}"
        if len(pairs) > self.most:
            left = sum(n for _, n in pairs[self.most :])
            said = (
                f"Column {self.name!r} has {len(pairs)} categories, of which the {self.most} most frequent are kept;"
                f" the others ({left} rows) are taken as missing: raise Table(max_levels=…), or, if it is a name,"
                f" {leave}."
            )
        elif not self.asked and isinstance(pairs[0][0], str) and len(pairs) > max(MANY, SHARE * values):
            said = (
                f"Column {self.name!r} has {len(pairs)} different values in {values} rows, as ids and names have, of"
                f" which a model learns nothing: {leave}; or say that they are categories,"
                f" Table(categories=[{self.name!r}])."
            )
        if said:
            warnings.warn(said, UserWarning, stacklevel=2)


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

"""Blocks that move: a map of many points, and a slider.

Each has a picture that is shown where scripts do not run and on paper, and a table that says the same.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
from markupsafe import Markup

from narrows.report import pack
from narrows.report.blocks import Picture, Table
from narrows.report.figures import PALETTE, VIRIDIS


@dataclass(frozen=True)
class Column:
    """Something that is known of every row: ``values`` (n,), of categories their numbers in ``levels``, NaN
    where it is missing.  ``exact``: rows that are pointed at show these values.  ``also``: an axis that points may be
    coloured by."""

    name: str
    values: np.ndarray
    levels: Sequence[str] | None = None
    exact: bool = False
    time: bool = False
    also: bool = False

    def to_json(self) -> dict[str, Any]:
        found: dict[str, Any] = {"name": self.name, "values": pack.numbers(self.values, self.exact)}
        if self.levels is not None:
            found["levels"] = list(self.levels)
        flags = {"shown": self.exact, "time": self.time, "also": self.also}
        return found | {name: True for name, flag in flags.items() if flag}


@dataclass(frozen=True)
class Scatter:
    """Rows as points, to be zoomed into and pointed at.

    ``axes`` are two or more columns, of which the first two are shown at first; ``colours`` are what points
    may be coloured by, the first at first; ``hover`` says how a row is shown (see ``views``); ``index`` (n,)
    are the rows' numbers in the user's data.
    """

    kind: ClassVar[str] = "scatter"
    label: str
    axes: Sequence[Column]
    colours: Sequence[Column]
    hover: Mapping[str, Any]
    index: np.ndarray
    still: Picture
    table: Table

    @cached_property
    def data(self) -> Markup:
        counted = bool((self.index == np.arange(len(self.index))).all())
        return _document(
            {
                "count": len(self.index),
                "index": None if counted else pack.numbers(self.index, exact=True),
                "axes": [column.to_json() for column in self.axes],
                "colours": [column.to_json() for column in self.colours],
                "hover": dict(self.hover),
                "palette": list(PALETTE),
                "scale": list(VIRIDIS),
            }
        )


@dataclass(frozen=True)
class Slider:
    """What changes when one of several numbers is moved: ``names`` to choose from, ``steps`` to move to;
    ``frames`` is what is shown at each (see ``views``)."""

    kind: ClassVar[str] = "slider"
    label: str
    names: Sequence[str]
    steps: Sequence[str]
    frames: Mapping[str, Any]
    still: Picture | Table
    table: Table | None = None

    @cached_property
    def data(self) -> Markup:
        return _document({"names": list(self.names), "steps": list(self.steps), "frames": dict(self.frames)})


def _document(data: Mapping[str, Any]) -> Markup:
    """JSON that can stand in a page: nothing in it ends the element that holds it."""
    text = json.dumps(data, allow_nan=False, ensure_ascii=True, separators=(",", ":"))
    return Markup(text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026"))

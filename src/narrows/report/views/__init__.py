"""How rows are shown: as pictures, as curves over time, or as values by name."""

from __future__ import annotations

from typing import Any

import numpy as np

from narrows.report.views.curves import CurvesView
from narrows.report.views.pictures import PicturesView
from narrows.report.views.values import ValuesView

__all__ = ["CurvesView", "PicturesView", "ValuesView", "view_of"]

WIDE = 48  # numbers without names from which a row is a curve

BY_AXES = {1: ValuesView, 2: CurvesView, 3: PicturesView}


def view_of(schema: Any, rows: np.ndarray) -> PicturesView | CurvesView | ValuesView:
    """The view for rows (n, \\*row): pictures (channels, height, width), signals (channels, time), or values; a
    row of very many numbers without names is a curve, too, unless it counts something."""
    row = rows.shape[1:]
    ordered = schema.names is None and schema.levels is None and getattr(schema, "scaled", True)  # no counts
    if len(row) == 1 and row[0] > WIDE and ordered:
        return CurvesView(schema, rows, flat=True)
    return BY_AXES[len(row)](schema, rows)

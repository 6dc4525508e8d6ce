"""A page about gaps: where they are, what they were filled with, and how sure that is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from narrows.inputs.columns import Column, unseen
from narrows.report.blocks import Picture, Pictures, Table
from narrows.report.figures import LIGHT, Ink, dressed, new_axes
from narrows.report.page import Page, Section

MOST = 24  # gaps in the figure
LISTED = 200  # columns in the table


def imputation_intervals(
    fill: np.ndarray,
    low: np.ndarray,
    high: np.ndarray,
    labels: Sequence[str],
    *,
    ink: Ink = LIGHT,
    axes: Axes | None = None,
) -> Figure:
    """One line per gap, (k,) each, from ``low`` to ``high`` with a dot at the ``fill``, in standard deviations
    of its column from the column's mean; behind them two of these each way."""
    ax = new_axes((6.2, 0.8 + 0.22 * max(len(fill), 4)), ink) if axes is None else dressed(axes, ink)
    at = np.arange(len(fill))[::-1]
    ax.axvspan(-2, 2, color=ink.line, alpha=0.25, linewidth=0)
    ax.hlines(at, low, high, color=ink.first, linewidth=2)
    ax.plot(fill, at, "o", color=ink.second, markersize=5)
    ax.set_yticks(at, labels)
    ax.set_xlabel("standard deviations from the column's mean", color=ink.text, size=11)
    ax.grid(axis="x", color=ink.line, linewidth=0.5)
    return cast(Figure, ax.figure)


def _label(row: int, column: Column, fill: float, low: float, high: float) -> str:
    return f"row {row}, {column.name}: {column.text(fill)} ({column.text(low)} to {column.text(high)})"


def page(
    rows: np.ndarray,
    filled: np.ndarray,
    low: np.ndarray,
    high: np.ndarray,
    certain: np.ndarray,
    columns: Sequence[Column],
    title: str,
) -> Page:
    """The page for ``rows`` (n, columns) as numbers, NaN where missing, what was ``filled`` in, the ends of
    90% intervals, NaN where there are none, and how ``certain`` a category is.  Categories that are not known
    are there."""
    gaps = np.isnan(rows) & ~unseen(rows)
    known = np.where(np.isnan(rows).all(0), 0.0, rows)
    mean, deviation = np.nanmean(known, 0), np.nanstd(known, 0)
    scale = np.where(deviation > 0, deviation, 1.0)
    sure = gaps & ~np.isnan(low)
    lines = []
    listed = np.sort(np.argsort(-gaps.sum(0), kind="stable")[:LISTED]).tolist()
    for j, column in ((j, columns[j]) for j in listed):
        width = (high - low)[sure[:, j], j].mean() if sure[:, j].any() else np.nan
        chances = certain[gaps[:, j] & ~np.isnan(certain[:, j]), j]
        lines.append(
            [
                str(column.name),
                f"{int(gaps[:, j].sum())}",
                f"{100 * gaps[:, j].mean():.1f}",
                "" if np.isnan(width) else column.width(width),
                "" if np.isnan(width) else f"{width / scale[j]:.2f}",
                f"{chances.mean():.2f}" if len(chances) else "",
            ]
        )
    many = len(columns) > LISTED
    table = Table(
        "Gaps, how wide 90% intervals of their values are on average, in their own unit and in standard deviations"
        " (σ), and the probability of the categories that were filled in."
        + (f" Listed are the {LISTED} columns of {len(columns)} with the most." if many else ""),
        ["column", "gaps", "% of rows", "width of intervals", "in σ", "probability"],
        lines,
    )
    sections = [Section("Columns", blocks=[table])]
    where = np.argwhere(sure)
    if len(where):
        some = where[np.linspace(0, len(where) - 1, min(MOST, len(where))).astype(int)]
        i, j = some.T
        fill, least, most = ((values[i, j] - mean[j]) / scale[j] for values in (filled, low, high))
        labels = [_label(a, columns[b], filled[a, b], low[a, b], high[a, b]) for a, b in some]
        picture = Picture.drawn(
            lambda ink: imputation_intervals(fill, least, most, labels, ink=ink),
            f"Intervals of {len(some)} gaps, each with its fill.",
        )
        text = "Lines are 90% intervals of multiple imputations, dots what was filled in."
        sections.insert(0, Section("Intervals", [text], [Pictures([("", picture)], 34)]))
    told = f"{int(gaps.sum())} of {gaps.size} values were missing, in {int(gaps.any(1).sum())} of {len(rows)} rows."
    return Page(title, told, sections)

"""A page about anomalies: how odd rows are, where the line is, and why the oddest are odd."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from narrows.report.blocks import Picture, Pictures, Table
from narrows.report.figures import LIGHT, Ink, dressed, new_axes
from narrows.report.page import Page, Section
from narrows.report.views import view_of
from narrows.tasks import reconstruct

MOST = 20  # rows in the table
SHOWN = 12  # of them that are drawn


def score_histogram(
    scores: np.ndarray, calibration: np.ndarray, offset: float, *, ink: Ink = LIGHT, axes: Axes | None = None
) -> Figure:
    """How odd rows are, −score (n,), beside the calibration rows (m,), each as shares; the line is the
    threshold −``offset``."""
    ax = new_axes((6.2, 3.2), ink) if axes is None else dressed(axes, ink)
    odd = -np.asarray(scores)
    # The farthest rows would flatten all others: they are counted in the last bar.
    high = max(
        float(np.quantile(np.concatenate([odd, calibration]), 0.995)), -offset if np.isfinite(offset) else 0
    )
    low = float(min(odd.min(), calibration.min() if len(calibration) else odd.min()))
    bins = np.linspace(low, high + 1e-9 + 0.02 * (high - low), 41)
    for values, colour, name in ((calibration, ink.first, "usual rows"), (odd, ink.second, "these rows")):
        if len(values):
            share = np.full(len(values), 1 / len(values))
            ax.hist(np.minimum(values, bins[-1]), bins, weights=share, color=colour, alpha=0.6, label=name)
    if np.isfinite(offset):
        ax.axvline(-offset, color=ink.text, linewidth=1.4, linestyle=(0, (4, 2)), label="threshold")
    ax.set_xlabel("how odd (nats)", color=ink.text, size=11)
    ax.set_ylabel("share of rows", color=ink.text, size=11)
    if len(calibration) or np.isfinite(offset):
        ax.legend(frameon=False, labelcolor=ink.text, fontsize=10)
    ax.grid(color=ink.line, linewidth=0.5)
    return cast(Figure, ax.figure)


def page(detector: Any, found: dict[str, np.ndarray], title: str, X: Any = None, parts: Any = None) -> Page:
    """The page for what a detector found: columns row, score, p_value, anomaly and reason_1 …, each (n,), and
    of several sounds their file.

    With the data ``X`` and what ``explain`` says of them, (n, features), the oddest rows are shown themselves.
    """
    scores, anomaly = found["score"], found["anomaly"]
    picture = Picture.drawn(
        lambda ink: score_histogram(scores, detector.calibration_, detector.offset_, ink=ink),
        f"Histogram of how odd rows are: {int(anomaly.sum())} of {len(scores)} lie beyond the threshold.",
    )
    reasons = [name for name in found if name.startswith("reason_")]
    order = np.argsort(scores)[:MOST]
    shown, said = ([], []) if X is None else _looked_at(detector, X, order, parts)
    named = {name: found[name] for name in ("file", "row") if name in found}
    # Pictures in a folder are known by the names of their files; of photographs rows are only parts.
    if hasattr(X, "only") and "file" not in found and len(X) == len(scores) > 1:
        named = {"row": X.names}
    why = [name.replace("_", " ") for name in reasons] if not said else ["what is odd"]
    table = Table(
        f"The oddest {len(order)} of {len(scores)} rows; "
        + ("what contributes most." if said else "reasons are the columns that contribute most."),
        [*named, "score", "p-value", *why],
        [
            [
                *(str(values[i]) for values in named.values()),
                f"{scores[i]:.2f}",
                f"{found['p_value'][i]:.4f}",
                *([said[at]] if said else (str(found[name][i]) for name in reasons)),
            ]
            for at, i in enumerate(order)
        ],
        words=bool(said),
    )
    told = (
        f"{int(anomaly.sum())} of {len(scores)} rows are called anomalies. A p-value is the share of"
        f" {len(detector.calibration_)} usual rows, on which nothing was trained, that are at least as odd."
    )
    sections = [
        Section("Scores", blocks=[Pictures([("", picture)], 34)]),
        Section("Oddest rows", blocks=[*shown, table]),
    ]
    return Page(f"Anomalies in {title}", told, sections)


def _looked_at(detector: Any, X: Any, order: np.ndarray, parts: np.ndarray) -> tuple[list[Any], list[str]]:
    """Blocks with the oddest rows, and in words what is odd about each; nothing of times of a long series."""
    fitted = detector.ae_.fitted_
    if getattr(fitted.schema, "windowed", False):
        return [], []
    rows = fitted.schema.rows(X)
    some = np.concatenate([np.asarray(rows[int(i) : int(i) + 1]) for i in order])
    view, why = view_of(fitted.schema, some), parts[order]
    few = min(SHOWN, len(order))
    titles = [f"row {i}" for i in order[:few]]
    shown = view.reasons(some[:few], reconstruct(fitted, some[:few]), why[:few], titles)
    return list(shown), list(view.said(some, why))

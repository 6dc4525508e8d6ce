"""The pictures of the page, made of the JSON document alone."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from narrows.atomic import atomic_path

INK, PALE, GRID = "#22303c", "#8a97a3", "#dfe5ea"
REACHED, SHORT, PLAIN = "#1b7f79", "#d1603d", "#7b8fb2"
LINE = 0.3  # inches a line of the bar chart takes
DPI = 150


def draw(results: dict[str, Any], folder: Path) -> None:
    """``benchmarks.png``, and ``growth.png`` where growth was measured."""
    jobs = results["jobs"]
    groups = {
        entry["title"]: [aim for aim in entry["aims"] if aim.get("ratio") is not None]
        for entry in jobs.values()
    }
    groups = {title: aims for title, aims in groups.items() if aims}
    if groups:
        save(ratios(groups), folder / "benchmarks.png")
    for entry in jobs.values():
        if entry["growth"] and entry["figures"]:
            save(growth(entry), folder / "growth.png")


def save(figure: Figure, path: Path) -> None:
    with atomic_path(path) as temporary:
        figure.savefig(temporary, dpi=DPI, facecolor="white")


def colour(aim: dict[str, Any]) -> str:
    return PLAIN if aim["reached"] is None else REACHED if aim["reached"] else SHORT


def ratios(groups: dict[str, list[dict[str, Any]]]) -> Figure:
    """A bar per ratio from 1 outwards on a logarithmic axis, its range, and the aim."""
    count = sum(len(aims) + 1.4 for aims in groups.values())
    height = LINE * count + 1.25
    figure = Figure(figsize=(10.5, height))
    axes = figure.add_axes((0.44, 0.55 / height, 0.46, 1 - 1.25 / height))
    ends = [
        x for aims in groups.values() for aim in aims for x in (aim["low"], aim["high"], aim["at_least"] or 1)
    ]
    left, right = min(0.5, *ends) / 1.25, max(2.0, *ends) * 1.6
    axes.set_xscale("log", base=2)
    axes.set_xlim(left, right)
    axes.set_ylim(count - 0.2, -0.2)
    y = 0.5
    for title, aims in groups.items():
        axes.annotate(
            title.replace("`", ""), (0, y), (-305, 0), ("axes fraction", "data"), "offset points",
            weight="bold", color=INK, va="center", fontsize=10,
        )  # fmt: skip
        y += 1
        for aim in aims:
            bar(axes, aim, y)
            y += 1
        y += 0.4
    axes.axvline(1, color=INK, linewidth=1)
    dress(axes)
    figure.text(
        0.015,
        1 - 0.34 / height,
        "Narrows beside what one would use instead",
        fontsize=14,
        weight="bold",
        color=INK,
    )
    keys = (("aim reached", REACHED), ("aim not reached", SHORT), ("no aim", PLAIN))
    for i, (words, shade) in enumerate(keys):
        figure.text(0.56 + 0.125 * i, 1 - 0.33 / height, "■ " + words, fontsize=9, color=shade)
    figure.text(
        0.44, 0.12 / height,
        "times faster (logarithmic; 1 = as fast).  Line: smallest to largest round.  Diamond: aim.",
        fontsize=8.5, color=PALE,
    )  # fmt: skip
    return figure


def bar(axes: Axes, aim: dict[str, Any], y: float) -> None:
    ratio = aim["ratio"]
    axes.barh(y, ratio - 1, left=1, height=0.62, color=colour(aim), zorder=2)
    axes.plot([aim["low"], aim["high"]], [y, y], color=INK, linewidth=1.1, zorder=3)
    if aim["at_least"] is not None:
        axes.plot(aim["at_least"], y, marker="D", markersize=5, color="white", markeredgecolor=INK, zorder=4)
    axes.annotate(
        aim["words"], (0, y), (-10, 0), ("axes fraction", "data"), "offset points",
        ha="right", va="center", fontsize=8.8, color=INK,
    )  # fmt: skip
    axes.annotate(
        f"{ratio:.2f}×" if ratio < 10 else f"{ratio:.0f}×", (1, y), (8, 0), ("axes fraction", "data"),
        "offset points", va="center", fontsize=9, color=colour(aim), weight="bold",
    )  # fmt: skip


def dress(axes: Axes) -> None:
    axes.set_yticks([])
    axes.grid(axis="x", color=GRID, zorder=0)
    axes.set_axisbelow(True)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color(GRID)
    axes.tick_params(axis="x", colors=PALE, labelsize=9, length=0)
    axes.minorticks_off()
    axes.xaxis.set_major_formatter(lambda x, _: f"{x:g}×" if x >= 1 else f"1/{1 / x:.0f}")


CURVES = {
    "rows": ("rows", "seconds of a fit"),
    "features": ("features", "seconds of a fit"),
    "latent": ("size of the code", "seconds of a fit"),
    "memory": ("rows", "MiB of transform"),
}


def growth(entry: dict[str, Any]) -> Figure:
    """Four curves on logarithmic axes, with the line of proportional growth."""
    (figures,) = entry["figures"].values()
    figure = Figure(figsize=(10.5, 3.0), layout="constrained")
    for panel, (axis, (across, up)) in zip(figure.subplots(1, len(CURVES)), CURVES.items(), strict=True):
        points = [
            (about["params"]["x"], figures[case])
            for case, about in entry["cases"].items()
            if about["params"]["axis"] == axis and figures[case]["status"] == "ok"
        ]
        panel.set_title(f"{up}\nagainst {across}", fontsize=9.5, color=INK, loc="left")
        panel.tick_params(colors=PALE, labelsize=8)
        panel.grid(color=GRID)
        for spine in panel.spines.values():
            spine.set_visible(False)
        if not points:
            continue
        x = [point for point, _ in points]
        middle = [got["value"] for _, got in points]
        panel.set_xscale("log")
        panel.xaxis.set_major_formatter(lambda v, _: f"{v:g}" if v % 1000 else f"{v / 1000:g}k")
        panel.set_xticks(x[::2])
        if axis == "memory":
            panel.set_ylim(0, 1.4 * max(middle) + 1)
        else:
            panel.set_yscale("log")
            panel.plot(x, [middle[-1] * v / x[-1] for v in x], color=PALE, linewidth=1, linestyle=":")
            panel.set_ylim(
                10 ** math.floor(math.log10(min(middle))), 10 ** math.ceil(math.log10(max(middle)))
            )
            panel.yaxis.set_major_formatter(lambda v, _: f"{v:g}")
        panel.fill_between(
            x, [g["low"] for _, g in points], [g["high"] for _, g in points], color=REACHED, alpha=0.2
        )
        panel.plot(x, middle, color=REACHED, marker="o", markersize=4)
        panel.minorticks_off()
    figure.supxlabel(
        "dotted: proportional growth.  Memory: the peak beyond input and answer.", fontsize=8.5, color=PALE
    )
    return figure

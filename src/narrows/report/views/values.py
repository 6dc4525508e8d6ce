"""Rows of values by name: tables, vectors, counts of words."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from narrows.inputs.columns import unseen
from narrows.report import pack
from narrows.report.blocks import Chart, Picture, Table
from narrows.report.charts import bars
from narrows.report.live import Column, Slider

COLUMNS = 1_600_000  # bytes, in base64, of the columns that a map shows
MOST = 24  # columns that a map shows, at most
STANDING = 8  # entries of a wider row that are shown, those that stand out
LINES = 14  # features in tables that compare rows
PAIRS, FEW = 2, 5  # rows beside each other, with what was rebuilt, and without
LISTED = 60  # features in the schema's table
BARS = 24
TOLD = 200  # columns in the table of errors
REASONS = 3


@dataclass(frozen=True, eq=False)
class ValuesView:
    """Rows (n, features): numbers, and categories as integer codes; NaN where a value is missing, or a category
    that is not known."""

    schema: Any
    rows: np.ndarray

    one, many, everything = "row", "rows", "features"

    @cached_property
    def names(self) -> list[str]:
        columns = getattr(self.schema, "columns", None)
        if columns is not None:
            return [str(c.name) for c in columns]
        names = self.schema.names
        return [f"x{j}" for j in range(self.rows.shape[1])] if names is None else [str(n) for n in names]

    @cached_property
    def kinds(self) -> list[str]:
        columns = getattr(self.schema, "columns", None)
        return ["number"] * self.rows.shape[1] if columns is None else [c.kind for c in columns]

    def levels(self, j: int) -> list[str] | None:
        """The categories of a column; None of one of numbers."""
        if self.kinds[j] == "boolean":
            return ["no", "yes"]
        return (
            [str(level) for level in self.schema.columns[j].levels] if self.kinds[j] == "category" else None
        )

    @cached_property
    def varied(self) -> list[int]:
        """Columns, in their order; of many the ones that vary most, beside what is usual."""
        if self.rows.shape[1] <= MOST:
            return list(range(self.rows.shape[1]))
        spread = np.nan_to_num(np.nanstd(self.rows.astype(np.float64), axis=0))
        return sorted(np.argsort(-spread, kind="stable")[:MOST].tolist())

    def said_value(self, j: int, value: float) -> str:
        """A value as people write it."""
        if math.isnan(value):
            return "a category not seen" if unseen(np.array(value)) else "–"
        levels = self.levels(j)
        if levels is not None:
            return levels[min(len(levels) - 1, max(0, round(value)))]
        if self.kinds[j] == "time":
            return str(self.schema.columns[j].write(np.array([value]))[0].as_py())[:19]
        if self.kinds[j] == "integer":
            return str(round(value)).replace("-", "−")
        return f"{value:.4g}".replace("-", "−")

    def facts(self) -> dict[str, str]:
        rows = self.rows.astype(np.float64)
        gaps = int((np.isnan(rows) & ~unseen(rows)).sum())
        kinds = ", ".join(
            f"{self.kinds.count(k)} of {words}"
            for k, words in (("number", "numbers"), ("integer", "whole numbers"), ("boolean", "yes or no"),
                             ("category", "categories"), ("time", "times"))
            if k in self.kinds
        )  # fmt: skip
        return {"columns": kinds, "missing values": f"{gaps} of {self.rows.size}"}

    def examples(self, rows: np.ndarray) -> list[Any]:
        """What columns there are, of all rows."""
        lines = []
        for j, (name, kind) in enumerate(zip(self.names, self.kinds, strict=True)):
            if j == LISTED:
                break
            values = self.rows[:, j].astype(np.float64)
            known = values[~np.isnan(values)]
            levels = self.levels(j)
            gaps = f"{100 * (np.isnan(values) & ~unseen(values)).mean():.1f}"
            if levels is not None:
                usual = (
                    "–"
                    if not len(known)
                    else self.said_value(j, float(np.bincount(known.astype(int)).argmax()))
                )
                lines.append([name, f"{kind}, {len(levels)}", gaps, "", f"mostly {usual}", ""])
            elif len(known):
                ends = [self.said_value(j, float(v)) for v in (known.min(), np.median(known), known.max())]
                lines.append([name, kind, gaps, *ends])
            else:
                lines.append([name, kind, gaps, "–", "–", "–"])
        left = len(self.names) - len(lines)
        caption = "The columns" + (f"; {left} more are not listed" if left else "")
        return [Table(caption, ["column", "type", "% missing", "least", "median", "greatest"], lines)]

    def shown(self, rows: np.ndarray, alt: str, columns: int) -> Table:
        few = rows[:FEW]
        return self._across(f"{len(few)} {alt}", few, [str(i + 1) for i in range(len(few))])

    def labelled(self, groups: Sequence[tuple[str, np.ndarray]]) -> list[Any]:
        """The rows of each group, by name."""
        return [self.shown(rows, f"new {self.many}: {name}", 4) for name, rows in groups]

    def compared(self, groups: Sequence[tuple[str, np.ndarray, np.ndarray, Sequence[str]]]) -> list[Any]:
        found = []
        for name, rows, rebuilt, titles in groups:
            rows, rebuilt = rows[:PAIRS], rebuilt[:PAIRS]
            few, heads, lines = self._most(rows), [], []
            for title in titles[: len(rows)]:
                heads += [title, "rebuilt"]
            for j in few:
                cells = []
                for a, b in zip(rows[:, j], rebuilt[:, j], strict=True):
                    cells += [self.said_value(j, float(a)), self.said_value(j, float(b))]
                lines.append([self.names[j], *cells])
            found.append(Table(name, ["column", *heads], lines, values=True))
        return found

    def kept(self, ours: np.ndarray, linear: np.ndarray) -> list[Any]:
        """What is kept of each column."""
        there = np.flatnonzero(~np.isnan(ours))
        order = there[np.argsort(ours[there], kind="stable")]
        many = len(order) > BARS
        shown = (np.concatenate([order[: BARS // 2], order[-BARS // 2 :]]) if many else order)[::-1].tolist()
        names = [self.names[j] for j in shown]
        some = f" of the {len(shown)} columns that keep most and least" if many else ""
        caption = f"Kept{some}: of numbers the share of their variance, of categories the share that is right"
        lines = [
            [self.names[j], f"{ours[j]:.3f}", "–" if math.isnan(linear[j]) else f"{linear[j]:.3f}"]
            for j in order[::-1][:TOLD].tolist()
        ]
        table = Table("Shares that are kept", ["column", "this model", "PCA"], lines)
        if not shown:
            return [Table("No column varies.", ["column", "this model", "PCA"], [])]
        picture = Picture.drawn(
            lambda ink: bars(names, ours[shown], np.nan_to_num(linear[shown]), ink=ink),
            f"Bars: what this model and PCA keep of {len(shown)} columns",
        )
        return [Chart(picture, table, caption)]

    def mapped(self, room: int) -> tuple[dict[str, Any], list[Column]]:
        """What a map shows of each row, and what it may colour them by, in about ``room`` bytes: all columns,
        or, of rows that are too wide, some, and of each row the entries that stand out."""
        few = self._fitting(min(COLUMNS, room))
        if len(few) == self.rows.shape[1]:
            return {}, [self._column(j, exact=True) for j in few]
        return self._standing(), [self._column(j) for j in few[: len(few) // 3]]

    def _standing(self) -> dict[str, Any]:
        values = self.rows.astype(np.float64)
        spread = np.nanstd(values, axis=0)
        away = np.abs(
            np.nan_to_num((values - np.nanmean(values, axis=0)) / np.where(spread > 0, spread, np.inf))
        )
        which = np.argsort(-away, axis=1, kind="stable")[:, :STANDING]
        used = np.unique(which)
        names = [self.names[j] for j in used]
        return {
            "kind": "standing",
            "most": which.shape[1],
            "names": names,
            "which": pack.numbers(np.searchsorted(used, which)),
            "values": pack.numbers(np.take_along_axis(values, which, 1), exact=True),
        }

    def _fitting(self, room: int) -> list[int]:
        """The columns that there is room for on a map."""
        found = []
        for j in self.varied:
            room -= len(pack.numbers(self.rows[:, j], exact=True)["data"]) + sum(
                map(len, self.levels(j) or ())
            )
            if room < 0:
                break
            found.append(j)
        return found

    def _column(self, j: int, exact: bool = False) -> Column:
        levels, time = self.levels(j), self.kinds[j] == "time"
        return Column(self.names[j], self.rows[:, j], levels, exact=exact, time=time)

    def slider(self, frames: np.ndarray, names: Sequence[str], steps: Sequence[str], label: str) -> Slider:
        """Frames (latents, steps, base rows, features): the middle base row moves."""
        frames = frames[:, :, frames.shape[2] // 2].astype(np.float64)
        rows = self.rows.astype(np.float64)
        empty = np.isnan(rows).all(0)  # such a column has the range of the slider itself
        rows = np.where(empty, 0.0, rows)
        low = np.where(empty, frames.min((0, 1)), np.nanmin(rows, axis=0))
        span = np.where(empty, frames.max((0, 1)), np.nanmax(rows, axis=0)) - low
        moved = np.nan_to_num((frames.max(1) - frames.min(1)).max(0) / np.where(span > 0, span, np.inf))
        few = sorted(np.argsort(-moved, kind="stable")[:LINES].tolist())
        share = np.clip((frames - low) / np.where(span > 0, span, 1.0), 0, 1)
        share[..., [self.levels(j) is not None for j in range(len(self.names))]] = (
            0  # categories have no more or less
        )

        def cell(d: int, s: int, j: int) -> list[Any]:
            return [round(float(share[d, s, j]), 3), self.said_value(j, float(frames[d, s, j]))]

        cells = [[[cell(d, s, j) for j in few] for s in range(len(steps))] for d in range(len(names))]
        shown = {"kind": "values", "names": [self.names[j] for j in few], "cells": cells}
        ends = [0, len(steps) // 2, len(steps) - 1]
        still = Table(
            f"{names[0]} moved by so much", ["column", *(steps[s] for s in ends)],
            [[self.names[j], *(self.said_value(j, float(frames[0, s, j])) for s in ends)] for j in few],
        )  # fmt: skip
        return Slider(label, names, steps, shown, still)

    def paths(self, paths: np.ndarray, titles: Sequence[str]) -> list[Any]:
        some = [0, paths.shape[1] // 4, paths.shape[1] // 2, 3 * paths.shape[1] // 4, paths.shape[1] - 1]
        heads = ["start", "¼", "½", "¾", "end"]
        return [
            self._across(title, path[some], heads) for title, path in zip(titles[:2], paths, strict=False)
        ]

    def reasons(
        self, rows: np.ndarray, rebuilt: np.ndarray, parts: np.ndarray, titles: Sequence[str]
    ) -> list[Any]:
        """Nothing to be drawn: the words say it."""
        return []

    def said(self, rows: np.ndarray, parts: np.ndarray) -> list[str]:
        """In words, what is odd about each row."""
        found = []
        for row, part in zip(rows, parts, strict=True):
            worst = [j for j in np.argsort(-part, kind="stable")[:REASONS].tolist() if part[j] > 0]
            found.append(", ".join(f"{self.names[j]} = {self.said_value(j, float(row[j]))}" for j in worst))
        return found

    def _most(self, rows: np.ndarray) -> list[int]:
        """The columns to be listed: all, or those that vary most among all rows and are not zero here."""
        if rows.shape[1] <= LINES:
            return list(range(rows.shape[1]))
        size = np.nan_to_num(np.abs(rows.astype(np.float64))).max(0) > 0
        spread = np.nan_to_num(np.nanstd(self.rows.astype(np.float64), axis=0)) * size
        return sorted(np.argsort(-spread, kind="stable")[:LINES].tolist())

    def _across(self, caption: str, rows: np.ndarray, heads: Sequence[str]) -> Table:
        """Rows beside each other, their columns below each other."""
        lines = [
            [self.names[j], *(self.said_value(j, float(v)) for v in rows[:, j])] for j in self._most(rows)
        ]
        return Table(caption, ["column", *heads], lines, values=True)

"""Rows that are stretches of time, or of any other order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from narrows.report import pack
from narrows.report.blocks import Chart, Picture, Pictures, Table
from narrows.report.charts import fan, profile, traces
from narrows.report.figures import Ink
from narrows.report.live import Column, Slider

POINTS = 900_000  # numbers in all curves that a map shows
FINE = 192  # points of a curve, at most
CHANNELS = 4  # that are shown
SHARP = 110  # dots per inch of figures of many curves


@dataclass(frozen=True, eq=False)
class CurvesView:
    """Rows (n, channels, time), or ``flat`` ones (n, features)."""

    schema: Any
    rows: np.ndarray
    flat: bool = False

    @property
    def one(self) -> str:
        return "row" if self.flat else "signal"

    @property
    def many(self) -> str:
        return "rows" if self.flat else "signals"

    @property
    def everything(self) -> str:
        return "features" if self.flat else "samples"

    def facts(self) -> dict[str, str]:
        low, high = float(self.rows.min()), float(self.rows.max())
        ends = {"values": f"from {low:.4g} to {high:.4g}".replace("-", "−")}
        if self.flat:
            return ends
        channels, length = self.rows.shape[1:]
        rate = getattr(self.schema, "rate", None)
        told = f", {rate} per second" if rate else ""
        return {"signals": f"{length} samples{told}, {channels} channel{'s' if channels > 1 else ''}", **ends}

    def examples(self, rows: np.ndarray) -> list[Any]:
        return [self.shown(rows, f"of the {self.many}", 4)]

    def shown(self, rows: np.ndarray, alt: str, columns: int) -> Pictures:
        few = self._channels(rows)[:12]
        blank = [""] * len(few)
        drawn = Picture.drawn(
            lambda ink: traces(few, None, blank, columns=min(4, columns), ink=ink),
            f"{len(few)} {alt}",
            dpi=SHARP,
        )
        return Pictures([("", drawn)], 34)

    def labelled(self, groups: Sequence[tuple[str, np.ndarray]]) -> list[Any]:
        """The rows of each group, by name."""
        return [self.shown(rows, f"new {self.many}: {name}", 4) for name, rows in groups]

    def compared(self, groups: Sequence[tuple[str, np.ndarray, np.ndarray, Sequence[str]]]) -> list[Any]:
        found = []
        for name, rows, rebuilt, titles in groups:
            both = self._channels(rows[:4]), self._channels(rebuilt[:4]), titles[: len(rows[:4])]

            def draw(ink: Ink, both: tuple[np.ndarray, np.ndarray, Sequence[str]] = both) -> Figure:
                return traces(*both, ink=ink)

            alt = f"{name}: {len(both[0])} {self.many}, and the same rebuilt over them"
            found.append(Pictures([(name, Picture.drawn(draw, alt, dpi=SHARP))], 34))
        return found

    def kept(self, ours: np.ndarray, linear: np.ndarray) -> list[Any]:
        """When variance is lost."""
        shape = self.rows.shape[1:] if not self.flat else (1, *self.rows.shape[1:])
        spread = self.rows.reshape(len(self.rows), -1).var(0, dtype=np.float64)
        ours, linear = (
            np.sqrt(np.nan_to_num(np.maximum(1 - share, 0) * spread)).reshape(shape)[:CHANNELS]
            for share in (ours, linear)
        )
        names = self._names()[: len(ours)]
        xlabel = "feature" if self.flat else "sample"
        picture = Picture.drawn(
            lambda ink: profile(ours, linear, names, xlabel, ink=ink),
            f"Root mean squared error of each {xlabel}, of this model and of PCA",
        )
        bands = np.array_split(np.arange(shape[1]), min(8, shape[1]))
        lines = [
            [f"{name} {b[0]} to {b[-1]}".strip(), *(f"{side[c, b].mean():.4g}" for side in (ours, linear))]
            for c, name in enumerate(names)
            for b in bands
        ]
        table = Table(
            f"Root mean squared error over the {self.everything}", [xlabel, "this model", "PCA"], lines
        )
        return [Chart(picture, table, f"Root mean squared error of each {xlabel}")]

    def mapped(self, room: int) -> tuple[dict[str, Any], list[Column]]:
        """What a map shows of each row, and what it may colour them by, in about ``room`` bytes."""
        few = self._channels(self.rows)
        shown, columns = few.astype(np.float64), self._colours(few.astype(np.float64))
        points = min(POINTS, int(0.75 * room) - 4 * len(columns) * len(few))
        length = min(FINE, shown.shape[2], max(2, points // max(1, shown.shape[0] * shown.shape[1])))
        return self._packed(_thinned(shown, length)), columns

    def _colours(self, shown: np.ndarray) -> list[Column]:
        found = []
        for c, name in enumerate(self._names()[: shown.shape[1]]):
            found.append(Column(f"mean {name}".strip(), shown[:, c].mean(1)))
            found.append(Column(f"spread {name}".strip(), shown[:, c].std(1)))
        return found

    def slider(self, frames: np.ndarray, names: Sequence[str], steps: Sequence[str], label: str) -> Slider:
        """Frames (latents, steps, base rows, \\*row): the middle base row moves."""
        frames = frames[:, :, frames.shape[2] // 2]
        latents, count = frames.shape[:2]
        shown = self._channels(frames.reshape(latents * count, *frames.shape[2:]))
        thin = _thinned(shown, min(FINE, shown.shape[2]))
        paths = shown.reshape(latents, count, *shown.shape[1:])[:4, ::2]
        still = Picture.drawn(lambda ink: fan(paths, names[: len(paths)], ink=ink), label, dpi=SHARP)
        return Slider(label, names, steps, {**self._packed(thin), "steps": count}, still)

    def paths(self, paths: np.ndarray, titles: Sequence[str]) -> list[Any]:
        shown = self._channels(paths.reshape(-1, *paths.shape[2:]))
        shown = shown.reshape(*paths.shape[:2], *shown.shape[1:])
        drawn = Picture.drawn(
            lambda ink: fan(shown, titles, ink=ink),
            f"Ways from dark to bright: {'; '.join(titles)}",
            dpi=SHARP,
        )
        return [Pictures([("", drawn)], 34)]

    def reasons(
        self, rows: np.ndarray, rebuilt: np.ndarray, parts: np.ndarray, titles: Sequence[str]
    ) -> list[Any]:
        return self.compared([("Oddest, the oddest first", rows, rebuilt, titles)])

    def said(self, rows: np.ndarray, parts: np.ndarray) -> list[str]:
        """In words, when each row is odd."""
        shape = rows.shape[1:] if not self.flat else (1, *rows.shape[1:])
        names, found = self._names(), []
        for part in parts.reshape(len(rows), *shape):
            channel, at = np.unravel_index(int(part.argmax()), part.shape)
            where = f"{'feature' if self.flat else 'sample'} {at}"
            found.append(f"{names[channel]}, {where}" if len(names) > 1 else where)
        return found

    def _names(self) -> list[str]:
        """Of channels."""
        names = getattr(self.schema, "names", None)
        channels = 1 if self.flat else self.rows.shape[1]
        if channels == 1:
            return [""]
        if names is None or len(names) != channels:
            return [f"channel {c}" for c in range(channels)]
        return [str(name) for name in names]

    def _channels(self, rows: np.ndarray) -> np.ndarray:
        """(n, channels, time) of those that are shown."""
        return rows[:, None] if self.flat else rows[:, :CHANNELS]

    def _packed(self, shown: np.ndarray) -> dict[str, Any]:
        channels, length = shown.shape[1:]
        return {"kind": "curves", "channels": channels, "length": length, "values": pack.shades(shown)}


def _thinned(rows: np.ndarray, length: int) -> np.ndarray:
    """(n, channels, length): of longer curves so many of their points."""
    return rows[..., np.linspace(0, rows.shape[2] - 1, length).astype(int)]

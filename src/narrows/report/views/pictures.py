"""Rows that are pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from narrows.report.blocks import Chart, Picture, Pictures, Strip, Strips, Table
from narrows.report.charts import heat
from narrows.report.live import Column, Slider
from narrows.report.sprites import sheet

THUMBNAILS = 1_600_000  # bytes of all of them
FRAMES = 250_000  # bytes of all pictures of a slider
LARGE = 128  # pixels along the side of a picture on the page; larger ones are thinned out

COLOURS = {1: "grey", 3: "red, green and blue", 4: "red, green, blue and opacity"}


@dataclass(frozen=True, eq=False)
class PicturesView:
    """Rows (n, channels, height, width); black and white are the least and the greatest of ``rows``."""

    schema: Any
    rows: np.ndarray

    one, many, everything = "picture", "pictures", "pixels"

    @cached_property
    def ends(self) -> tuple[float, float]:
        return float(self.rows.min()), float(self.rows.max())

    def facts(self) -> dict[str, str]:
        channels, height, width = self.rows.shape[1:]
        kind = COLOURS.get(channels, f"{channels} channels")
        low, high = self.ends
        return {
            "pictures": f"{height}×{width} pixels, {kind}",
            "pixels": f"from {low:.4g} to {high:.4g}".replace("-", "−"),
        }

    def examples(self, rows: np.ndarray) -> list[Any]:
        return [self.shown(rows, "of the pictures", 12)]

    def shown(self, rows: np.ndarray, alt: str, columns: int) -> Pictures:
        """Pictures beside and below each other."""
        return Pictures([("", self.mosaic(rows, f"{len(rows)} {alt}", columns))], 20)

    def labelled(self, groups: Sequence[tuple[str, np.ndarray]]) -> list[Any]:
        """Of each group, by name, a line of pictures."""
        lines = [
            Strip(name, self.mosaic(rows, f"{len(rows)} new {self.many}: {name}", len(rows)))
            for name, rows in groups
        ]
        return [Strips(lines)]

    def mosaic(self, rows: np.ndarray, alt: str, columns: int | None = None) -> Picture:
        low, high = self.ends
        return Picture.mosaic(self._drawn(rows), alt, columns=columns, low=low, high=high)

    def compared(self, groups: Sequence[tuple[str, np.ndarray, np.ndarray, Sequence[str]]]) -> list[Any]:
        """Of each group a line of pictures above the same rebuilt."""
        strips = []
        for name, rows, rebuilt, _ in groups:
            both, n = np.concatenate([rows, rebuilt]), len(rows)
            alt = f"{name}: {n} pictures, and below them the same rebuilt"
            strips.append(Strip(name, self.mosaic(both, alt, n), "rebuilt below"))
        return [Strips(strips)]

    def kept(self, ours: np.ndarray, linear: np.ndarray) -> list[Any]:
        """Where in the picture variance is lost."""
        shape = self.rows.shape[1:]
        spread = self.rows.reshape(len(self.rows), -1).var(0, dtype=np.float64)
        left = [np.nan_to_num((1 - share) * spread).reshape(shape).mean(0) for share in (ours, linear)]
        picture = Picture.drawn(
            lambda ink: heat(left, ["this model", "PCA of the same size"], ink=ink),
            "Mean squared error of each pixel, of this model and of PCA",
        )
        bands = np.array_split(np.arange(shape[1]), min(8, shape[1]))
        table = Table(
            "Mean squared error in bands of the picture, from its top to its bottom",
            ["rows of pixels", "this model", "PCA"],
            [[f"{b[0]} to {b[-1]}", *(f"{image[b].mean():.4g}" for image in left)] for b in bands],
        )
        return [Chart(picture, table, "Mean squared error of each pixel")]

    def mapped(self, room: int) -> tuple[dict[str, Any], list[Column]]:
        """What a map shows of each row, and what it may colour them by, in about ``room`` bytes."""
        brightness = Column("brightness", self.rows.reshape(len(self.rows), -1).mean(1))
        most = min(THUMBNAILS, int(0.7 * room) - 4 * len(self.rows))
        return {"kind": "tiles", **sheet(self._bytes(self.rows), most).to_json()}, [brightness]

    def slider(self, frames: np.ndarray, names: Sequence[str], steps: Sequence[str], label: str) -> Slider:
        """Frames (latents, steps, base rows, \\*row): at each place all base rows beside each other."""
        latents, count, base = frames.shape[:3]
        pictures = self._bytes(frames.reshape(-1, *frames.shape[3:]))
        found = {**sheet(pictures, FRAMES, columns=count * base).to_json(), "steps": count, "beside": base}
        some = frames[: min(8, latents), :, 0].reshape(-1, *frames.shape[3:])
        still = self.mosaic(
            some, f"{label} One row of pictures for each of {min(8, latents)} latents.", count
        )
        return Slider(label, names, steps, {"kind": "tiles", **found}, still)

    def paths(self, paths: np.ndarray, titles: Sequence[str]) -> list[Any]:
        """Ways (n, steps, \\*row) from one picture to another."""
        rows = paths.reshape(-1, *paths.shape[2:])
        return [self.shown(rows, f"pictures, one way below the other: {'; '.join(titles)}", paths.shape[1])]

    def reasons(
        self, rows: np.ndarray, rebuilt: np.ndarray, parts: np.ndarray, titles: Sequence[str]
    ) -> list[Any]:
        """The oddest pictures, rebuilt, and where they are odd."""
        where = np.clip(parts.reshape(rows.shape).sum(1, keepdims=True), 0, None)
        high = float(np.quantile(where, 0.995)) or 1.0
        marks = Picture.mosaic(
            self._thinned(where)[:, 0], "Where these pictures are odd, bright", low=0, high=high
        )
        both = self.mosaic(
            np.concatenate([rows, rebuilt]),
            "The oddest pictures, the oddest first, and below them rebuilt",
            len(rows),
        )
        return [
            Strips([Strip("oddest", both, "rebuilt below"), Strip("why", marks, "bright where they are odd")])
        ]

    def said(self, rows: np.ndarray, parts: np.ndarray) -> list[str]:
        """In words, where each picture is odd."""
        found = []
        for part in parts.reshape(rows.shape).sum(1):
            y, x = np.unravel_index(int(part.argmax()), part.shape)
            found.append(f"pixel {y}, {x}")
        return found

    def _drawn(self, rows: np.ndarray) -> np.ndarray:
        """(n, height, width, channels) for figures, no larger than a page can hold."""
        shown = rows if rows.shape[1] in (1, 3, 4) else rows[:, :1]
        return self._thinned(shown).transpose(0, 2, 3, 1)

    def _thinned(self, rows: np.ndarray) -> np.ndarray:
        step = -(-max(rows.shape[-2:]) // LARGE)
        return rows[..., ::step, ::step]

    def _bytes(self, rows: np.ndarray) -> np.ndarray:
        """(n, height, width, channels) uint8."""
        low, high = self.ends
        shown = rows if rows.shape[1] in (1, 3, 4) else rows[:, :1]
        level = np.clip((shown.astype(np.float32) - low) * (255 / ((high - low) or 1.0)) + 0.5, 0, 255)
        return np.ascontiguousarray(level.astype(np.uint8).transpose(0, 2, 3, 1))

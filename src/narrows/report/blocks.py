"""What stands in a section of a page: pictures, tables, facts, commands."""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np
from matplotlib.figure import Figure

from narrows.report.figures import DARK, DPI, LIGHT, Ink, few_colours, figure_png, image_png, mosaic


@dataclass(frozen=True)
class Picture:
    """PNG bytes for light pages and, where it differs, for dark ones; ``alt`` says what there is to see.

    ``pixelated`` pictures keep hard edges when a browser enlarges them.
    """

    light: bytes
    alt: str
    dark: bytes | None = None
    pixelated: bool = False

    @classmethod
    def drawn(cls, draw: Callable[[Ink], Figure], alt: str, *, dpi: int = DPI) -> Self:
        """A figure drawn twice, in the ink of a light and of a dark page; of 128 colours, which takes a third
        of the bytes."""
        light, dark = (few_colours(figure_png(draw(ink), dpi)) for ink in (LIGHT, DARK))
        return cls(light, alt, dark=dark)

    @classmethod
    def mosaic(
        cls,
        images: np.ndarray,
        alt: str,
        *,
        columns: int | None = None,
        low: float | None = None,
        high: float | None = None,
        gap: int = 1,
    ) -> Self:
        """Images side by side; the arguments are those of :func:`~narrows.report.mosaic`."""
        return cls(image_png(mosaic(images, columns, low=low, high=high, gap=gap)), alt, pixelated=True)

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels, from the header of the file."""
        return struct.unpack(">II", self.light[16:24])


@dataclass(frozen=True)
class Strip:
    """A row of images with its name, and a few words below that."""

    label: str
    picture: Picture
    note: str = ""


@dataclass(frozen=True)
class Strips:
    """Rows of images under each other, to be compared."""

    kind: ClassVar[str] = "strips"
    rows: Sequence[Strip]


@dataclass(frozen=True)
class Pictures:
    """Pictures with captions, as many beside each other as fit when each is ``width`` rem wide."""

    kind: ClassVar[str] = "pictures"
    items: Sequence[tuple[str, Picture]]
    width: int = 17


@dataclass(frozen=True)
class Table:
    """A table whose first column names the rows; the other columns are numbers.

    ``best`` holds (row, column) of cells to be set off; ``words`` says that the last column is text,
    ``values`` that all of them may be, which is broken where there is no room.
    """

    kind: ClassVar[str] = "table"
    caption: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    best: frozenset[tuple[int, int]] = frozenset()
    words: bool = False
    values: bool = False


@dataclass(frozen=True)
class Facts:
    """Names and what they stand for."""

    kind: ClassVar[str] = "facts"
    items: Mapping[str, str]


@dataclass(frozen=True)
class Commands:
    """Lines to type."""

    kind: ClassVar[str] = "commands"
    lines: Sequence[str]


@dataclass(frozen=True)
class Chart:
    """A picture of numbers, and the numbers in a table that is opened where it is wanted."""

    kind: ClassVar[str] = "chart"
    picture: Picture
    table: Table
    caption: str = ""
    width: int = 34  # rem, at most


@dataclass(frozen=True)
class Folded:
    """A table that is opened where it is wanted, under its name."""

    kind: ClassVar[str] = "folded"
    name: str
    table: Table

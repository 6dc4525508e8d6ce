"""One HTML page that needs nothing beside it: no network, no scripts, every picture inside.

A :class:`Page` is a title and sections; a section is prose and blocks.  Prose is plain text in which
`` `words between backticks` `` become code; everything is escaped.
"""

from __future__ import annotations

import base64
import re
import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape
from matplotlib.figure import Figure

from narrows._version import __version__
from narrows.report.figures import DARK, LIGHT, Ink, figure_png, image_png, mosaic


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
    def drawn(cls, draw: Callable[[Ink], Figure], alt: str) -> Self:
        """A figure drawn twice, in the ink of a light and of a dark page."""
        return cls(figure_png(draw(LIGHT)), alt, dark=figure_png(draw(DARK)))

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

    ``best`` holds (row, column) of cells to be set off.
    """

    kind: ClassVar[str] = "table"
    caption: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    best: frozenset[tuple[int, int]] = frozenset()


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


Block = Strips | Pictures | Table | Facts | Commands


@dataclass(frozen=True)
class Section:
    """A heading, paragraphs, blocks, and paragraphs of smaller print below them."""

    title: str
    text: Sequence[str] = ()
    blocks: Sequence[Block] = ()
    notes: Sequence[str] = ()

    @property
    def anchor(self) -> str:
        return re.sub(r"\W+", "-", self.title.lower()).strip("-")


@dataclass(frozen=True)
class Page:
    """A title, a few words under it, and sections."""

    title: str
    lead: str
    sections: Sequence[Section]

    def html(self) -> str:
        """The whole page as one text.

        >>> page = Page("Digits & more", "Read `me`.", [Section("First", ["1 < 2"])])
        >>> "Digits &amp; more" in page.html(), "1 &lt; 2" in page.html(), "<code>me</code>" in page.html()
        (True, True, True)
        """
        environment = Environment(
            loader=PackageLoader("narrows.report"),
            autoescape=True,
            trim_blocks=True,
            lstrip_blocks=True,
            undefined=StrictUndefined,
        )
        environment.filters |= {"prose": prose, "data_uri": data_uri, "breakable": breakable}
        return environment.get_template("page.html.j2").render(page=self, version=__version__)


def prose(text: str) -> Markup:
    """Escaped text, with code where backticks are."""
    return Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(text))))


def breakable(name: str) -> Markup:
    """A name that may be broken after its underscores, for narrow screens."""
    return Markup("_<wbr>").join(name.split("_"))


def data_uri(png: bytes) -> str:
    return "data:image/png;base64," + base64.b64encode(png).decode("ascii")

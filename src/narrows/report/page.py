"""One HTML page that needs nothing beside it: no network, every picture inside, and scripts only where a
block moves.

A :class:`Page` is a title and sections; a section is prose and blocks.  Prose is plain text in which
`` `words between backticks` `` become code; everything is escaped.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from narrows._version import __version__
from narrows.report.blocks import Chart, Commands, Facts, Folded, Pictures, Strips, Table
from narrows.report.live import Scatter, Slider

SCRIPTS = (
    "pack.js",
    "hover.js",
    "gestures.js",
    "map.js",
    "slider.js",
    "start.js",
)  # what each needs stands before it

Block = Strips | Pictures | Table | Facts | Commands | Chart | Folded | Scatter | Slider


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
        environment.filters |= {
            "prose": prose,
            "data_uri": data_uri,
            "breakable": breakable,
            "sealed": sealed,
        }
        moving = any(
            isinstance(block, Scatter | Slider) for section in self.sections for block in section.blocks
        )
        script = "".join(environment.get_template(name).render() for name in SCRIPTS) if moving else ""
        page = environment.get_template("page.html.j2")
        return page.render(page=self, version=__version__, script=Markup(script))


def prose(text: str) -> Markup:
    """Escaped text, with code where backticks are."""
    return Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(text))))


def breakable(name: str) -> Markup:
    """A name that may be broken after its underscores, for narrow screens."""
    return Markup("_<wbr>").join(name.split("_"))


def sealed(script: str) -> Markup:
    """What a content security policy calls a script: then a browser runs no other."""
    return Markup("sha256-" + base64.b64encode(hashlib.sha256(script.encode()).digest()).decode("ascii"))


def data_uri(png: bytes) -> str:
    return "data:image/png;base64," + base64.b64encode(png).decode("ascii")

"""What a browser would see of a page, and what it would fetch."""

from __future__ import annotations

import base64
import re
from html.parser import HTMLParser
from io import BytesIO

from matplotlib.image import imread

VOID = {"meta", "img", "source", "wbr", "br", "link", "input", "hr"}


class Seen(HTMLParser):
    """Elements in their order, the text, and whether every element is closed."""

    def __init__(self, html: str):
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text, self.open = "", []
        self.cells: list[list[str]] = []
        self.feed(html)
        self.close()
        assert not self.open, f"never closed: {self.open}"

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)
        if tag == "tr":
            self.cells.append([])
        if tag in ("td", "th"):
            self.cells[-1].append("")

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if "style" not in self.open:
            self.text += data
        if {"td", "th"} & set(self.open):
            self.cells[-1][-1] += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


def check(html: str) -> Seen:
    """Raise unless the page is well formed, complete in itself, and every picture is what it says."""
    seen = Seen(html)
    for image in seen.all("img"):
        assert image["alt"].strip()
        assert decoded(image["src"]) == (int(image["width"]), int(image["height"]))
    for source in seen.all("source"):
        assert source["media"] == "(prefers-color-scheme: dark)"
        decoded(source["srcset"])
    outside = {"script", "link", "iframe", "object", "embed", "video", "audio", "base", "form"}
    assert not outside & {tag for tag, _ in seen.elements}
    for _, attributes in seen.elements:
        for name in ("src", "srcset", "href", "action", "poster", "data"):
            assert re.match(r"data:image/png;base64,|#", attributes.get(name, "#"))
    assert not re.search(r"https?:|url\(|@import|//\w", re.sub(r"base64,[\w+/=]+", "", html))
    names = [attributes["id"] for _, attributes in seen.elements if "id" in attributes]
    assert len(names) == len(set(names))
    assert {link["href"].removeprefix("#") for link in seen.all("a")} <= set(names)
    assert sum(tag == "h1" for tag, _ in seen.elements) == 1
    assert seen.all("html")[0]["lang"] == "en"
    return seen


def decoded(uri: str) -> tuple[int, int]:
    """Width and height of the PNG in a data address."""
    data = base64.b64decode(uri.removeprefix("data:image/png;base64,"), validate=True)
    height, width = imread(BytesIO(data), format="png").shape[:2]
    return width, height

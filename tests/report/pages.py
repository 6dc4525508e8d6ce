"""What a browser would see of a page, and what it would fetch."""

from __future__ import annotations

import base64
import hashlib
import json
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
        self.scripts: list[tuple[str | None, str]] = []  # type and text
        self.feed(html)
        self.close()
        assert not self.open, f"never closed: {self.open}"

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)
        if tag == "script":
            self.scripts.append((dict(attrs).get("type"), ""))
        if tag == "tr":
            self.cells.append([])
        if tag in ("td", "th"):
            self.cells[-1].append("")

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if "script" in self.open:
            kind, text = self.scripts[-1]
            self.scripts[-1] = (kind, text + data)
        elif "style" not in self.open:
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
    outside = {"link", "iframe", "object", "embed", "video", "audio", "base", "form"}
    assert not outside & {tag for tag, _ in seen.elements}
    for _, attributes in seen.elements:
        for name in ("src", "srcset", "href", "action", "poster", "data"):
            assert re.match(r"data:image/png;base64,|#", attributes.get(name, "#"))
    told = re.sub(r"base64,[\w+/=]+|\"data\":\"[\w+/=]*\"|<script>.*?</script>", "", html, flags=re.DOTALL)
    assert not re.search(r"https?:|url\(|@import|//\w", told)
    check_scripts(html, seen)
    names = [attributes["id"] for _, attributes in seen.elements if "id" in attributes]
    assert len(names) == len(set(names))
    assert {link["href"].removeprefix("#") for link in seen.all("a")} <= set(names)
    assert sum(tag == "h1" for tag, _ in seen.elements) == 1
    assert seen.all("html")[0]["lang"] == "en"
    return seen


def check_scripts(html: str, seen: Seen) -> None:
    """Data, and one script that the page's policy names by its digest; neither where nothing moves."""
    assert all(set(attributes) <= {"type"} for attributes in seen.all("script"))
    own = [text for kind, text in seen.scripts if kind is None]
    assert {kind for kind, _ in seen.scripts} <= {None, "application/json"}
    assert len(own) == bool(seen.scripts)
    policy = next(m["content"] for m in seen.all("meta") if m.get("http-equiv") == "Content-Security-Policy")
    assert ("script-src" in policy) == bool(own)
    for text in own:
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"script-src 'sha256-{digest}'" in policy
    for figure in re.findall(r"<figure[^>]* data-live=.*?</figure>", html, re.DOTALL):
        assert "<table" in figure and ("<img" in figure or figure.count("<table") > 0)


def moving(seen: Seen) -> list[dict]:
    """What the blocks that move are made from."""
    return [json.loads(text) for kind, text in seen.scripts if kind == "application/json"]


def decoded(uri: str) -> tuple[int, int]:
    """Width and height of the PNG in a data address."""
    data = base64.b64decode(uri.removeprefix("data:image/png;base64,"), validate=True)
    height, width = imread(BytesIO(data), format="png").shape[:2]
    return width, height

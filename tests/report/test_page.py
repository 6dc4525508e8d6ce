"""The page is complete, well formed, and says what it was given, whatever that was."""

import runpy
from pathlib import Path

import numpy as np
import pytest

from narrows.report import (
    Commands,
    Facts,
    Page,
    Picture,
    Pictures,
    Section,
    Strip,
    Strips,
    Table,
    curves,
)

check = runpy.run_path(str(Path(__file__).with_name("pages.py")))["check"]

NASTY = "<script>alert(1)</script> & \"quotes\" 'too' `a<b` {{ 7*7 }}"


@pytest.fixture(scope="module")
def picture():
    return Picture.mosaic(np.eye(8)[None], 'An "eye" & <more>')


def whole(picture):
    drawn = Picture.drawn(lambda ink: curves([{"epoch": 1, "loss": 2.0}], ink=ink), "A point")
    return Page(
        f"Title {NASTY}",
        f"Lead {NASTY}",
        [
            Section("Strips", [NASTY], [Strips([Strip("a_name", picture, NASTY), Strip("b", picture)])]),
            Section("Figures, two", [], [Pictures([(NASTY, drawn), ("plain", picture)])]),
            Section("Table", [], [Table("Caption", ("name", "n"), [(NASTY, "1")], frozenset({(0, 1)}))]),
            Section("Rest", [], [Facts({"key_1": NASTY}), Commands([NASTY, "second line"])], [NASTY]),
        ],
    ).html()


def test_a_page_of_everything_is_whole(picture):
    html = whole(picture)
    seen = check(html)
    assert len(seen.all("img")) == 4 and len(seen.all("source")) == 1
    assert [link["href"] for link in seen.all("a")] == ["#strips", "#figures-two", "#table", "#rest"]
    assert {image["alt"] for image in seen.all("img")} == {'An "eye" & <more>', "A point"}
    assert [entry for entry in seen.all("td") if entry.get("class") == "best"]


def test_text_stays_text(picture):
    seen = check(whole(picture))
    assert not seen.all("script")
    # Ten places, of which the title is shown twice and keeps its backticks once; `7*7` is never computed.
    assert seen.text.count("<script>alert(1)</script>") == 10
    assert seen.text.count("{{ 7*7 }}") == 10 and "49" not in seen.text
    assert len([1 for tag, _ in seen.elements if tag == "code"]) >= 6


def test_the_page_suits_light_dark_and_narrow_screens(picture):
    html = whole(picture)
    named = {meta.get("name"): meta["content"] for meta in check(html).all("meta") if "content" in meta}
    assert named["viewport"] == "width=device-width, initial-scale=1"
    assert named["color-scheme"] == "light dark"
    assert "@media (prefers-color-scheme: dark)" in html
    assert "default-src 'none'" in html


def test_light_and_dark_pictures_differ():
    drawn = Picture.drawn(lambda ink: curves([{"epoch": 1, "loss": 2.0}], ink=ink), "A point")
    assert drawn.dark is not None and drawn.dark != drawn.light

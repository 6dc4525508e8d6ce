"""The page in a real, headless Chromium: it draws, moves, and shows the right row.

``NARROWS_SHOTS=folder`` keeps pictures of what was seen.
"""

import os
import runpy
from pathlib import Path

import numpy as np
import pytest

from narrows.report import model_page

HERE = Path(__file__).parent
browser_module = runpy.run_path(str(HERE / "browser.py"))
EVERY = runpy.run_path(str(HERE / "made.py"))["EVERY"]
PROGRAM = browser_module["found"]()
SHOTS = os.environ.get("NARROWS_SHOTS")

pytestmark = pytest.mark.skipif(
    PROGRAM is None,
    reason=f"NO BROWSER: none of {', '.join(browser_module['NAMES'])} is on PATH; install Chromium to test the pages",
)

MAP = "document.querySelector('figure[data-live=scatter]')"
SLIDER = "document.querySelector('figure[data-live=slider]')"
# Pixels of a canvas that are not clear.
INKED = "(c => { const d = c.getContext('2d').getImageData(0, 0, c.width, c.height).data; let n = 0;"
INKED += " for (let i = 3; i < d.length; i += 4) n += d[i] > 0; return n; })"
SHAPE = "(() => { const r = %s.getBoundingClientRect(); return [r.left, r.top, r.width, r.height]; })()"


@pytest.fixture(scope="module")
def browser():
    with browser_module["Browser"](PROGRAM) as opened:
        yield opened


@pytest.fixture(scope="module", params=["pictures", "table", "signals", "words"])
def page(request, tmp_path_factory):
    ae, X, labels = EVERY[request.param]()
    path = tmp_path_factory.mktemp("pages") / f"{request.param}.html"
    path.write_text(model_page(ae, X, labels=labels), encoding="utf-8")
    return request.param, path, ae, X, labels


@pytest.fixture
def clean(browser):
    """The test must leave nothing on the browser's console."""
    browser.errors.clear()
    yield
    assert browser.errors == []


def to_map(browser):
    """The map in the middle of the window; where its canvas is."""
    browser.run(f"{MAP}.querySelector('canvas.map').scrollIntoView({{block: 'center', behavior: 'instant'}})")
    browser.settle()
    return browser.run(SHAPE % f"{MAP}.querySelector('canvas.map')")


def place(browser, box, row):
    """Where a row is in the window."""
    x, y = browser.run(f"{MAP}.where({row})")
    return box[0] + x, box[1] + y


def chosen(browser):
    return int(browser.run(f"{MAP}.dataset.row ?? -1"))


def card(browser):
    return browser.run(f"{MAP}.querySelector('.card').hidden ? null : {MAP}.querySelector('.card').innerText")


def choose(browser, which, value):
    """Choose an entry of one of the map's lists."""
    choice = f"{MAP}.querySelectorAll('select')[{which}]"
    browser.run(f"{choice}.value = {value}, {choice}.dispatchEvent(new Event('change'))")


def alone(browser, rows):
    """A row that lies well apart from all others, so that it can be pointed at."""
    at = np.array(browser.run(f"Array.from({{length: {rows}}}, (_, i) => {MAP}.where(i))"))
    away = np.square(at[:, None] - at).sum(2) + 1e9 * np.eye(rows)
    return int(away.min(1).argmax())


@pytest.mark.parametrize(
    ("width", "dark", "touch"), [(1000, False, False), (1000, True, False), (390, False, True)]
)
def test_a_page_draws_and_fits_its_window(browser, page, clean, width, dark, touch):
    name, path, *_ = page
    browser.open(path, width, 800, dark, touch)
    assert browser.run("document.documentElement.scrollWidth") <= width
    assert browser.run("[...document.querySelectorAll('.moves')].length") == 2
    to_map(browser)
    assert browser.run(f"{INKED}({MAP}.querySelector('canvas.map'))") > 300
    paper = browser.run("getComputedStyle(document.body).backgroundColor")
    assert paper == ("rgb(20, 23, 28)" if dark else "rgb(255, 255, 255)")
    assert browser.run("[...document.images].every(i => i.offsetParent === null || i.naturalWidth > 0)")
    if SHOTS:
        height = browser.run("document.documentElement.scrollHeight")
        kind = "phone" if touch else "dark" if dark else "light"
        browser.screenshot(Path(SHOTS) / f"{name}-{kind}.png", (0, 0, width, height))


def test_pointing_at_a_row_shows_that_row(browser, page, clean):
    name, path, ae, X, labels = page
    browser.open(path)
    box = to_map(browser)
    row = alone(browser, len(X))
    browser.mouse("Moved", *place(browser, box, row))
    assert chosen(browser) == row
    said = card(browser)
    assert said.startswith(f"row {row}\n")
    score = ae.score_samples(X[row : row + 1])[0]
    assert f"{score:.4g}".replace("-", "−").rstrip("0") in said.replace("\n", " ")
    if labels is not None and np.asarray(labels).dtype.kind in "iU":
        assert str(labels[row]) in said.split("\n")
    if name == "table":
        assert str(X["age"][row]) in said.split("\n")
        assert str(X["since"][row])[:10] in said
    browser.mouse("Moved", 2, 2)
    assert card(browser) is None


def test_the_thumbnail_is_that_rows_picture(browser, clean, tmp_path):
    ae, X, _ = EVERY["pictures"]()
    path = tmp_path / "page.html"
    path.write_text(model_page(ae, X), encoding="utf-8")
    browser.open(path)
    box = to_map(browser)
    row = alone(browser, len(X))
    browser.mouse("Moved", *place(browser, box, row))
    seen = browser.run(
        f"(() => {{ const c = {MAP}.querySelector('.tile');"
        " return [...c.getContext('2d').getImageData(0, 0, c.width, c.height).data].filter((_, i) => i % 4 === 0); })()"
    )
    wanted = np.floor(X[row] * (255 / 16) + 0.5).ravel()
    assert np.abs(np.array(seen) - wanted).max() <= 1


def test_keys_go_from_row_to_row_and_zoom(browser, page, clean):
    _, path, *_ = page
    browser.open(path)
    to_map(browser)
    browser.run(f"{MAP}.querySelector('canvas.map').focus()")
    browser.key("ArrowRight")
    first = chosen(browser)
    x, _ = browser.run(f"{MAP}.where({first})")
    browser.key("ArrowRight")
    second = chosen(browser)
    assert first >= 0 and second not in (-1, first)
    assert browser.run(f"{MAP}.where({second})")[0] > x
    assert f"row {second}" in browser.run(f"{MAP}.querySelector('[aria-live]').textContent")
    other = second if first == 0 else 0
    ends = f"Math.hypot(...{MAP}.where({other}).map((x, i) => x - {MAP}.where({first})[i]))"
    near = browser.run(ends)
    browser.key("+", "+")
    assert browser.run(ends) == pytest.approx(1.6 * near, rel=1e-6)
    browser.key("0", "0")
    assert browser.run(ends) == pytest.approx(near, rel=1e-6)
    browser.key("ArrowLeft")
    browser.key("Escape")
    assert card(browser) is None


def test_the_map_is_dragged_and_pinched(browser, page, clean):
    _, path, *_ = page
    browser.open(path, 390, 800, touch=True)
    box = to_map(browser)
    middle = box[0] + box[2] / 2, box[1] + box[3] / 2
    span = f"Math.abs({MAP}.where(0)[0] - {MAP}.where(1)[0])"
    before = browser.run(span)
    left, right = (middle[0] - 30, middle[1]), (middle[0] + 30, middle[1])
    browser.touches("start", left, right)
    browser.touches("move", (left[0] - 30, left[1]), (right[0] + 30, right[1]))
    browser.touches("end")
    assert browser.run(span) == pytest.approx(2 * before, rel=0.05)
    at = browser.run(f"{MAP}.where(0)")
    browser.touches("start", middle)
    browser.touches("move", (middle[0] + 20, middle[1] + 10))
    browser.touches("end")
    moved = browser.run(f"{MAP}.where(0)")
    assert [b - a for a, b in zip(at, moved, strict=True)] == pytest.approx([20, 10], abs=1.5)
    assert browser.run("document.documentElement.scrollWidth") <= 390


def test_colours_and_axes_can_be_chosen(browser, page, clean):
    _, path, ae, _, labels = page
    browser.open(path)
    to_map(browser)
    ink = f"{MAP}.querySelector('canvas.map').toDataURL()"
    choices = browser.run(f"[...{MAP}.querySelectorAll('select')[2].options].map(o => o.textContent)")
    assert choices[: 3 if labels is not None else 2] == [
        *(["label"] if labels is not None else []),
        "score",
        "error",
    ]
    seen = set()
    for i in range(min(4, len(choices))):
        choose(browser, 2, i)
        browser.settle()
        seen.add(browser.run(ink))
    assert len(seen) == min(4, len(choices))
    if ae.latent_dim_ > 2:
        at = browser.run(f"{MAP}.where(5)")
        choose(browser, 0, 2)
        browser.settle()
        assert browser.run(f"{MAP}.where(5)")[0] != at[0]


def test_the_slider_moves_what_is_shown(browser, page, clean):
    _, path, *_ = page
    browser.open(path)
    stage = f"(s => s.querySelector('canvas')?.toDataURL() ?? s.innerText)({SLIDER}.querySelector('.stage'))"
    browser.run(f"{SLIDER}.querySelector('input').focus()")
    browser.settle()
    seen = [browser.run(stage)]
    for key in ("ArrowRight", "ArrowRight", "ArrowRight"):
        browser.key(key)
        seen.append(browser.run(stage))
    assert len(set(seen)) > 1
    assert browser.run(f"{SLIDER}.querySelector('output').textContent") == "+1.5 σ"
    for _ in range(3):
        browser.key("ArrowLeft")
    assert browser.run(stage) == seen[0]


def test_without_scripts_and_on_paper_the_pictures_stand(browser, page, clean):
    _, path, *_ = page
    height = "%s.getBoundingClientRect().height"
    browser.open(path, scripts=False)
    assert browser.run(height % f"{MAP}.querySelector('.still img')") > 100
    assert browser.run(height % f"{MAP}.querySelector('.motion')") == 0
    browser.open(path)
    browser.ask("Emulation.setEmulatedMedia", media="print")
    assert browser.run(height % f"{MAP}.querySelector('.still img')") > 100
    assert browser.run(height % f"{MAP}.querySelector('canvas.map')") == 0
    browser.ask("Emulation.setEmulatedMedia", media="")

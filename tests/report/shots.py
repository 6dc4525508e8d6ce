"""Pictures of pages for the gallery, taken by the browser of the tests:

python tests/report/shots.py docs/gallery digits.html mnist.html …
"""

from __future__ import annotations

import io
import runpy
import sys
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

MAP = "document.querySelector('figure[data-live=scatter]')"
LARGEST = 290_000  # bytes of one picture


def shoot(browser: Any, page: Path, folder: Path) -> None:
    """The whole page, small; its map with a row pointed at, light and dark; and the map on a phone."""
    browser.open(page)
    height = browser.run("document.documentElement.scrollHeight")
    keep(browser, folder / f"{page.stem}-page.jpg", (0, 0, 1000, height), width=640)
    for dark in (False, True):
        browser.open(page, dark=dark)
        point(browser)
        box = browser.run(
            f"(() => {{ const r = {MAP}.closest('section').getBoundingClientRect();"
            " return [0, r.top + scrollY, 1000, r.height]; })()"
        )
        keep(browser, folder / f"{page.stem}-map{'-dark' if dark else ''}.jpg", box)
    browser.open(page, 390, 844, touch=True)
    point(browser)
    keep(browser, folder / f"{page.stem}-phone.jpg")
    if browser.errors:
        raise SystemExit(f"{page}: {browser.errors}")


def point(browser: Any) -> None:
    """At the row nearest to the middle of the right half of the map."""
    canvas = f"{MAP}.querySelector('canvas.map')"
    browser.run(f"{canvas}.scrollIntoView({{block: 'center', behavior: 'instant'}})")
    browser.settle()
    left, top, width, height = browser.run(
        f"(() => {{ const r = {canvas}.getBoundingClientRect(); return [r.left, r.top, r.width, r.height]; }})()"
    )
    count = browser.run(f"JSON.parse({MAP}.querySelector('script').textContent).count")
    places = np.array(browser.run(f"Array.from({{length: {count}}}, (_, i) => {MAP}.where(i))"))
    x, y = places[np.square(places - [0.62 * width, 0.6 * height]).sum(1).argmin()]
    browser.mouse("Moved", left + x, top + y)


def keep(browser: Any, path: Path, clip: tuple[float, ...] | None = None, width: int | None = None) -> None:
    """A picture of the page, made smaller until it takes no more than ``LARGEST`` bytes."""
    full = path.with_suffix(".png")
    browser.screenshot(full, clip)
    image = Image.open(io.BytesIO(full.read_bytes())).convert("RGB")
    full.unlink()
    if width is not None:
        image = image.resize((width, round(image.height * width / image.width)), Image.Resampling.LANCZOS)
    for quality in (88, 80, 70, 60, 50, 40):
        image.save(path, quality=quality, optimize=True, progressive=True)
        if path.stat().st_size <= LARGEST:
            return


if __name__ == "__main__":
    module = runpy.run_path(str(Path(__file__).with_name("browser.py")))
    program = module["found"]()
    if program is None:
        raise SystemExit("There is no Chromium on PATH: install one to take pictures of pages.")
    target = Path(sys.argv[1])
    target.mkdir(parents=True, exist_ok=True)
    with module["Browser"](program) as opened:
        for name in sys.argv[2:]:
            shoot(opened, Path(name), target)

"""Pages about models as files."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from narrows.atomic import atomic_path, check_target
from narrows.sources.places import check_apart


def page_at(out: str | os.PathLike[str], X: Any, page: Callable[[], str]) -> Path:
    """The path ``out``, to which ``page()``, about X, was written; refused before any work if it is no page's name.

    Raises:
        TypeError: ``out`` is no name.
        ValueError: it does not end as a page's does, or is where X is.
    """
    if not isinstance(out, (str, os.PathLike)):
        raise TypeError(
            f"out is a {type(out).__name__}, but the name of a page was expected: pass out='report.html', and"
            " labels as labels=y."
        )
    if Path(out).suffix.lower() not in (".html", ".htm"):
        raise ValueError(f"out='{out}' is not an .html name: name the page for example 'report.html'.")
    check_apart(out, [X])
    check_target(out)
    text = page()
    with atomic_path(out) as temporary:
        temporary.write_text(text, encoding="utf-8")
    return Path(out)

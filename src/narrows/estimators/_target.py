"""Where an archive may be written."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from narrows.sources.places import check_apart

ENDING = ".nrw"


def check_target(out: str | os.PathLike[str], X: Any) -> None:
    """Refuse a name with another ending than an archive's, and one that X is read from.

    >>> check_target("x.npy", [])
    Traceback (most recent call last):
        ...
    ValueError: 'x.npy' is no name of an archive: pass one that ends in .nrw.
    """
    if Path(out).suffix.lower() != ENDING:
        raise ValueError(f"'{out}' is no name of an archive: pass one that ends in {ENDING}.")
    check_apart(out, [X])

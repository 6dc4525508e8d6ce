"""Numbers as whole numbers in the same order, so that neighbours differ by 1, and back, bit for bit."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

WIDTHS = (1, 2, 4, 8)  # bytes of a number


def ordered(values: NDArray[Any]) -> NDArray[np.signedinteger[Any]]:
    """Floats or whole numbers as signed integers of the same width and order; −0 comes right before 0, and
    NaNs, by their bits, at both ends.

    >>> ordered(np.array([-1e-45, -0.0, 0.0, 1e-45], np.float32)).tolist()
    [-2, -1, 0, 1]
    >>> ordered(np.array([0, 255], np.uint8)).tolist()
    [-128, 127]
    """
    found = values.view(f"i{values.dtype.itemsize}")
    if values.dtype.kind == "f":
        return found ^ ((found >> _top(found)) & np.iinfo(found.dtype).max)
    return found ^ np.iinfo(found.dtype).min if values.dtype.kind == "u" else found


def restored(found: NDArray[np.signedinteger[Any]], dtype: np.dtype[Any]) -> NDArray[Any]:
    """The way back from :func:`ordered`; it is the same one."""
    if dtype.kind == "f":
        found = found ^ ((found >> _top(found)) & np.iinfo(found.dtype).max)
    elif dtype.kind == "u":
        found = found ^ np.iinfo(found.dtype).min
    return found.view(dtype)


def check(dtype: np.dtype[Any]) -> None:
    """Raise where numbers of this type have no such order."""
    if dtype.kind not in "fiu" or dtype.itemsize not in WIDTHS or not dtype.isnative:
        raise ValueError(
            f"numbers of {dtype.str} were given, expected floats or whole numbers of up to 64 bits in this machine's"
            " byte order: pass those."
        )


def _top(found: NDArray[np.signedinteger[Any]]) -> int:
    """The place of the sign."""
    return 8 * found.dtype.itemsize - 1

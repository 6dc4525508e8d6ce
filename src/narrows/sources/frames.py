"""Frames of whatever library, and what their columns hold."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import narwhals as nw
import numpy as np


def as_frame(X: Any) -> nw.DataFrame | None:
    """``X`` as a narwhals frame when it is a frame of some library, else None."""
    if isinstance(X, np.ndarray):  # narwhals would only find out slowly
        return None
    try:
        wrapped = nw.from_native(X, eager_only=True, pass_through=True)
    except nw.exceptions.DuplicateError as error:
        reason = " ".join(str(error).split())
        raise ValueError(
            f"The frame has columns of the same name ({reason}), but each needs its own: rename them."
        ) from None
    return wrapped if isinstance(wrapped, nw.DataFrame) else None


def check_names(names: Sequence[str]) -> None:
    """Refuse columns that cannot be told apart."""
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(
            f"The frame has columns of the same name ({twice!r}), but each needs its own: rename them."
        )


def has_gaps(values: Any) -> bool:
    """Whether some value is null or NaN."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if values.null_count or not pa.types.is_floating(values.type):
        return values.null_count > 0
    return bool(pc.any(pc.is_nan(values)).as_py())

"""Labels of rows, as a command names them: a column of the data, a file of their own, or those of built-in data."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from narrows.cli.options import BUILT_IN, read_data

# What the numbers of Fashion-MNIST stand for (Xiao et al. 2017, table 2).
CLOTHES = (
    "T-shirt",
    "trousers",
    "pullover",
    "dress",
    "coat",
    "sandal",
    "shirt",
    "sneaker",
    "bag",
    "ankle boot",
)


def read_labels(name: str, rows: Any) -> tuple[Any, tuple[str, ...]]:
    """One label per row, and the column of ``rows`` that they stand in, if they do."""
    if Path(name).is_file():
        return _only(read_data(name), name), ()
    known = built_in(name)
    if known is not None:
        return known, ()
    base, _, part = name.partition(":")
    if base in BUILT_IN and part in ("", "train", "test") and name not in getattr(rows, "column_names", ()):
        raise ValueError(
            f"--labels '{name}' are built-in data without labels; give a file with one label per row, or a column of"
            " the data."
        )
    import pyarrow as pa

    if not isinstance(rows, pa.Table):
        raise ValueError(
            f"--labels '{name}' is no file, and the data are no table in memory, which alone has columns; give a file"
            " with one label per row."
        )
    if rows.column_names.count(name) != 1:
        close = ", ".join(rows.column_names[:12]) + (" …" if rows.num_columns > 12 else "")
        raise ValueError(
            f"--labels '{name}' is neither a file nor one of the columns {close}; name one of these."
        )
    return rows.column(name).to_pylist(), (name,)


def built_in(name: str) -> Any:
    """The labels of built-in data, as in "digits:test"; None of any other, and of ratings, which have none."""
    base, _, part = name.partition(":")
    if base not in BUILT_IN or part not in ("", "train", "test"):
        return None
    import numpy as np

    from narrows import datasets

    found = getattr(datasets, base)()
    if isinstance(found, datasets.Ratings):
        return None
    y = {"": lambda: found.y, "train": lambda: found.y_train, "test": lambda: found.y_test}[part]()
    return np.array(CLOTHES)[y] if base == "fashion_mnist" else y


def _only(found: Any, name: str) -> Any:
    """The one column of a file."""
    import numpy as np
    import pyarrow as pa

    if isinstance(found, pa.Table):
        if found.num_columns != 1:
            raise ValueError(
                f"--labels '{name}' has {found.num_columns} columns, expected one; give a file with one label per row."
            )
        return found.column(0).to_pylist()
    return np.asarray(found)


def meant(label: str, classes: Any) -> Any:
    """The label that a word on the command line means: itself, or the number that it writes.

    >>> meant("3", [1, 3]), meant("no", ["no", "yes"])
    (3, 'no')
    """
    return next((known for known in classes if str(known) == label), label)

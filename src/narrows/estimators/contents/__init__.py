"""What a codec is given and gives back: each kind of data as rows of one type, and the way back.

A kind is a pair: a :class:`Content` cuts what is given into rows (n, …), and an :class:`Answer` makes of decoded rows
what was given, in memory or in files.  Which kind an archive holds, and what else is needed for the way back,
stands in its header.
"""

from __future__ import annotations

import os
from typing import Any

import scipy.sparse

from narrows.coding import Reader
from narrows.estimators.contents.photographs import PhotographAnswer, Photographs, PictureAnswer, Pictures
from narrows.estimators.contents.rows import ANY, Answer, Content
from narrows.estimators.contents.series import Series, SeriesAnswer
from narrows.estimators.contents.sparse import Sparse, SparseAnswer
from narrows.estimators.contents.tables import TableAnswer, Tables
from narrows.inputs.frames import is_frame

ANSWERS: dict[str, type[Answer]] = {
    Content.kind: Answer,
    Tables.kind: TableAnswer,
    Sparse.kind: SparseAnswer,
    Series.kind: SeriesAnswer,
    Pictures.kind: PictureAnswer,
    Photographs.kind: PhotographAnswer,
}


def content_of(X: Any, schema: Any) -> Content:
    """X, which was read if it was a path, for a model of that schema.

    Raises:
        ValueError: X is nothing that can be stored, or not like the rows that were fitted.
    """
    _check_kind(X, schema)
    if scipy.sparse.issparse(X):
        return Sparse(X, schema)
    if hasattr(schema, "columns") or is_frame(X) or hasattr(X, "schema"):
        return Tables(X, schema)
    if hasattr(schema, "patch_index"):
        return Photographs(X, schema)
    if getattr(schema, "windowed", False) and (isinstance(X, list) or len(getattr(X, "shape", ())) == 3):
        return Series(X, schema)
    return Pictures(X, schema) if hasattr(X, "sizes") else Content(X, schema)


def _check_kind(X: Any, schema: Any) -> None:
    """Refuse sounds and pictures for a model of something else."""
    pictures, sounds = hasattr(X, "picture"), getattr(X, "uncut", False)
    if (pictures and not hasattr(schema, "layout")) or (sounds and not getattr(schema, "windowed", False)):
        raise ValueError(
            f"X holds {'pictures' if pictures else 'sounds'}, but the codec was fitted on other data, rows of"
            f" {' × '.join(map(str, schema.row))} numbers: pass such data, or fit one on these."
        )


def answer_of(reader: Reader, schema: Any) -> Answer:
    """What gives an open archive's rows back, for the schema of its model."""
    kind = reader.header.get("content")
    if kind not in ANSWERS:
        raise ValueError(
            f"The file holds {kind!r}, but this version knows {', '.join(ANSWERS)}: use the version that wrote it."
        )
    return ANSWERS[kind](reader, schema)


def ending_of(archive: bytes | str | os.PathLike[str]) -> str:
    """The ending of the file that was compressed, or of one that can hold what comes back; none of a folder."""
    with Reader(archive if isinstance(archive, bytes) else os.fspath(archive)) as reader:
        return str(reader.header.get("ending", ".npy"))


__all__ = ["ANY", "Answer", "Content", "answer_of", "content_of", "ending_of"]

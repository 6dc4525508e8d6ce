"""What a codec is given and gives back: each kind of data as rows of one type, and the way back.

A kind is a pair: a :class:`Content` cuts what is given into rows (n, …), and an :class:`Answer` makes of decoded rows
what was given, in memory or in files.  Which kind an archive holds, and what else is needed for the way back,
stands in its header.
"""

from __future__ import annotations

import math
import os
import struct
from typing import Any

import numpy as np
import scipy.sparse

from narrows.coding import Reader
from narrows.estimators.contents.packed import wrong
from narrows.estimators.contents.photographs import PhotographAnswer, Photographs, PictureAnswer, Pictures
from narrows.estimators.contents.rows import ANY, Answer, Content
from narrows.estimators.contents.series import Series, SeriesAnswer
from narrows.estimators.contents.sparse import Sparse, SparseAnswer
from narrows.estimators.contents.tables import TableAnswer, Tables
from narrows.inputs.frames import is_frame
from narrows.sources import pictures, wav

ANSWERS: dict[str, type[Answer]] = {
    Content.kind: Answer,
    Tables.kind: TableAnswer,
    Sparse.kind: SparseAnswer,
    Series.kind: SeriesAnswer,
    Pictures.kind: PictureAnswer,
    Photographs.kind: PhotographAnswer,
}
# What a file that is written may end in; an archive that names another could reach anywhere.
ENDINGS = {"", *Content.endings, *Tables.endings, *Sparse.endings, wav.ENDING, pictures.WRITTEN}
LARGEST = 1 << 24  # bytes of rows in a chunk that has several; a codec writes far smaller ones


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
    """What gives an open archive's rows back, for the schema of its model.

    Raises:
        ValueError: the header says what cannot be, or what no codec writes.
    """
    kind = reader.header.get("content", Content.kind)
    if not isinstance(kind, str) or kind not in ANSWERS:
        raise ValueError(
            f"The file holds {str(kind)[:40]!r}, but this version knows {', '.join(ANSWERS)}: use the version that"
            " wrote it."
        )
    _check_rows(reader, schema)
    try:
        answer = ANSWERS[kind](reader, schema)
        answer.back(np.empty((0, *reader.shape), reader.dtype))  # types and units that a header invents
    except (
        TypeError, KeyError, IndexError, AttributeError, ArithmeticError, RecursionError, struct.error, StopIteration
    ) as error:  # fmt: skip
        raise wrong(f"it does not describe {kind}, {_line(error)}") from None
    if "rate" in reader.header and getattr(answer, "files", None) is None:
        raise wrong("its sounds have no names")
    return answer


def _check_rows(reader: Reader, schema: Any) -> None:
    """Refuse rows that the model cannot have made, before memory is taken for what they decode to."""
    rate = reader.header.get("rate")
    if rate is not None and not (type(rate) is int and 0 < rate < 1 << 32):
        raise wrong("its sounds have no rate")
    windowed = getattr(schema, "windowed", False)
    entries, given = schema.channels if windowed else math.prod(schema.row), math.prod(reader.shape)
    if reader.dtype.kind not in "fiu" or reader.dtype.itemsize > 8:
        raise wrong(f"it has rows of {reader.dtype}, which are no numbers")
    if reader.rows and given != entries:
        raise wrong(f"it has rows of {given} numbers, the model those of {entries}")
    least, each = schema.window if windowed else 1, given * reader.dtype.itemsize
    most = max((entry.rows for entry in reader.entries), default=0)
    if most > least and most * each > LARGEST:
        raise wrong(f"it has chunks of {most} rows, {most * each} bytes, where {LARGEST} are the most")


def _line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")


def ending_of(archive: bytes | str | os.PathLike[str]) -> str:
    """The ending of the file that was compressed, or of one that can hold what comes back; none of a folder.

    Raises:
        ValueError: the header says another, which could be a path to anywhere.
    """
    with Reader(archive) as reader:
        found = reader.header.get("ending", Content.endings[0])
    if not isinstance(found, str) or found not in ENDINGS:
        raise wrong(f"what was compressed is said to end in {str(found)[:40]!r}")
    return found


__all__ = ["ANY", "Answer", "Content", "answer_of", "content_of", "ending_of"]

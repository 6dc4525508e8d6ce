"""Several things of different lengths in one archive: their rows one after the other."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from pathlib import PurePosixPath, PureWindowsPath
from typing import Any

import numpy as np

from narrows.coding import Damaged, Reader
from narrows.estimators.contents.packed import unpacked, wrong
from narrows.estimators.contents.rows import Answer

NAMED = 3  # files that an error names


def within(stops: np.ndarray, start: int, stop: int) -> Iterator[tuple[int, int, int]]:
    """Of rows ``start`` … ``stop`` − 1, where things end at ``stops``: number of a thing, and its rows [a, b).

    >>> list(within(np.array([3, 5, 9]), 2, 6))
    [(0, 2, 3), (1, 0, 2), (2, 0, 1)]
    """
    first = int(np.searchsorted(stops, start, side="right"))
    for i in range(first, len(stops)):
        begin = int(stops[i - 1]) if i else 0
        if begin >= stop:
            return
        yield i, max(0, start - begin), min(stop, int(stops[i])) - begin


class Items(Answer):
    """An answer of several things, each of which has as many rows as ``lengths`` says; ``names`` of their files."""

    def __init__(self, reader: Reader, schema: Any):
        super().__init__(reader, schema)
        self.items = unpacked(self.header.get("items"))
        names = self.items.get("names") if isinstance(self.items, dict) else ()
        if names is not None and not (isinstance(names, list) and all(map(_is_safe, names)) and names):
            raise wrong("the names of its files are none")
        if twice := _twice(names or ()):
            raise wrong(f"two of its files are to stand at {twice!r}")
        self.files: list[str] | None = names

    def _divide(self, lengths: Any) -> None:
        """Take how many rows each thing has."""
        if not isinstance(lengths, list) or not all(isinstance(n, int) and n >= 0 for n in lengths):
            raise wrong("it does not say where its things end")
        self.edges = [0, *np.cumsum(lengths, dtype=object).tolist()]
        if self.edges[-1] != self.rows or len(lengths) != len(self.files or lengths):
            raise wrong("its things do not add up to its rows")

    @property
    def length(self) -> int:
        return len(self.edges) - 1

    def span(self, start: int, stop: int) -> tuple[int, int]:
        if not 0 <= start <= stop <= self.length:
            raise ValueError(
                f"{start} to {stop} were asked for, but the file has {self.length} things: pass 0 ≤ start ≤ stop ≤"
                f" {self.length}."
            )
        return self.edges[start], self.edges[stop]

    def each(self, parts: Iterable[np.ndarray], start: int, stop: int) -> Iterator[np.ndarray]:
        """The rows of one thing after the other."""
        left, given = np.empty((0, *self.shape), self.dtype), iter(parts)
        for a, b in pairwise(self.edges[start : stop + 1]):
            waiting = [left]
            while sum(map(len, waiting)) < b - a:
                try:
                    waiting.append(next(given))
                except Damaged as error:
                    raise self._concerned(error) from None
            rows = np.concatenate(waiting) if len(waiting) > 1 else left
            yield rows[: b - a]
            left = rows[b - a :]

    def _concerned(self, error: Damaged) -> Damaged:
        """The error by the numbers of things, which are what ``start`` and ``stop`` count, and their names."""
        which = [i for i, _, _ in within(np.array(self.edges[1:]), error.start, error.stop)]
        names = [] if self.files is None else [self.files[i] for i in which[:NAMED]]
        said = f" ({', '.join(names)}{', …' if len(which) > NAMED else ''})" if names else ""
        return Damaged(error.chunk, which[0], which[-1] + 1, f"{error.reason}{said}")


def _is_safe(name: Any) -> bool:
    """Whether a file of that name lies in the folder that it is written to, wherever the archive is from."""
    if not isinstance(name, str) or not name or "\\" in name or "\0" in name:
        return False
    path = PurePosixPath(name)
    return not path.is_absolute() and ".." not in path.parts and bool(path.name) and not _has_drive(name)


def _has_drive(name: str) -> bool:
    return bool(PureWindowsPath(name).drive)


def _twice(names: Sequence[str]) -> str | None:
    """A name that two files have, or a file and the folder of another."""
    seen = [PurePosixPath(name) for name in names]
    folders = {folder for path in seen for folder in path.parents}
    known: set[PurePosixPath] = set()
    for path in seen:
        if path in known or path in folders:
            return str(path)
        known.add(path)
    return None


def checked_names(names: Sequence[str] | None) -> list[str] | None:
    """Names of files that whoever reads them will take.

    Raises:
        ValueError: one of them would not be written anywhere.
    """
    for name in names or ():
        if not _is_safe(name):
            raise ValueError(
                f"A file of X is named {name!r}, but a name that can be written on any system was expected: rename it,"
                " without a backslash, '..' or a drive such as 'C:'."
            )
    if twice := _twice(names or ()):
        raise ValueError(f"Two files of X are named {twice!r}, but each must have its own name: rename one.")
    return None if names is None else list(names)

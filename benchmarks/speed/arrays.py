"""The data of a job: written once, read by every worker, so that all see the same numbers."""

from __future__ import annotations

from pathlib import Path

import numpy as np


def write(folder: Path, **arrays: np.ndarray) -> None:
    """Keep arrays in the folder, one file each."""
    for name, array in arrays.items():
        np.save(folder / f"{name}.npy", np.ascontiguousarray(array))


def read(folder: Path, *names: str) -> tuple[np.ndarray, ...]:
    """The arrays of those names, in memory."""
    return tuple(np.load(folder / f"{name}.npy") for name in names)


def images(folder: Path, tiny: bool, name: str, rows: int | None = None) -> None:
    """``train`` and ``test``: images (n, height, width), float32 in [0, 1]; digits when tiny."""
    import narrows as nw

    data = nw.datasets.digits() if tiny else getattr(nw.datasets, name)()
    top = 16 if tiny else 255
    train, test = (x.astype(np.float32) / top for x in (data.x_train, data.x_test))
    write(folder, train=train[:rows], test=test)


def flat_images(folder: Path, tiny: bool, name: str) -> None:
    """The same as rows (n, pixels)."""
    images(folder, tiny, name)
    write(
        folder, **{part: x.reshape(len(x), -1) for part, x in zip(PARTS, read(folder, *PARTS), strict=True)}
    )


PARTS = ("train", "test")


def table(folder: Path, rows: int, columns: int, rank: int) -> None:
    """``train`` and ``test``: a smooth function of ``rank`` hidden numbers per row, and noise; columns of
    mean 0 and spread 1, so that libraries which scale and those which do not learn the same thing."""
    rng = np.random.default_rng(0)
    total = rows + max(500, rows // 5)
    hidden = rng.normal(size=(total, rank))
    x = np.tanh(hidden @ rng.normal(size=(rank, 2 * rank))) @ rng.normal(size=(2 * rank, columns))
    x += 0.1 * rng.normal(size=x.shape)
    x = ((x - x[:rows].mean(0)) / x[:rows].std(0)).astype(np.float32)
    write(folder, train=x[:rows], test=x[rows:])

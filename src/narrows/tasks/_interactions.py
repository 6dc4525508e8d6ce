"""Reading what functions of interactions are given: sparse matrices, ranked items, seeds, counts."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse


def canonical(R: Any, name: str) -> Any:
    """``R`` as CSR with every interaction once, (users, items); what stands there as 0 is none."""
    if not scipy.sparse.issparse(R):
        how = (
            f"scipy.sparse.csr_array({name})"
            if isinstance(R, np.ndarray)
            else f"the matrix that nw.tasks.recommend.interactions({name}) makes of a frame"
        )
        raise TypeError(
            f"{name} is a {type(R).__name__}, but a scipy.sparse matrix (users, items) was expected: pass {how}."
        )
    if R.ndim != 2:
        raise ValueError(
            f"{name} is a {R.ndim}-D sparse array of shape {R.shape}, but a 2-D one (users, items) was expected:"
            " pass one row per user."
        )
    csr = R.tocsr()
    if not csr.has_canonical_format or (csr.data == 0).any():
        csr = csr.copy() if csr is R else csr
        csr.sum_duplicates()
        csr.eliminate_zeros()
    if csr.dtype.kind == "f" and not np.isfinite(csr.data).all():
        raise ValueError(
            f"{name} holds NaN or infinity, but an interaction is a finite number: drop those entries."
        )
    return csr


def sizes(csr: Any) -> np.ndarray:
    """How many interactions each user has, (users,)."""
    return np.diff(csr.indptr)


def owners(csr: Any) -> np.ndarray:
    """The row of every interaction, in their order, (interactions,)."""
    return np.repeat(np.arange(csr.shape[0]), sizes(csr))


def same_shape(a: Any, b: Any, names: tuple[str, str], axes: slice = slice(None)) -> None:
    """Refuse two matrices whose shapes differ on the ``axes``."""
    if a.shape[axes] != b.shape[axes]:
        raise ValueError(
            f"{names[0]} has shape {a.shape} and {names[1]} {b.shape}, but the same users and items were expected:"
            " pass rows and columns that stand for the same."
        )


def whole(value: Any, name: str) -> int:
    """A whole number from 1 on."""
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, (int, np.integer)) or value < 1:
        raise ValueError(
            f"{name}={value!r} was given, but a whole number from 1 on was expected: pass for example {name}=10."
        )
    return int(value)


def rng_of(random_state: Any) -> np.random.Generator:
    """A generator of our own from a seed; one that was passed goes on."""
    seed = isinstance(random_state, (int, np.integer)) and not isinstance(random_state, bool)
    if isinstance(random_state, np.random.Generator) or (seed and random_state >= 0):
        return np.random.default_rng(random_state)
    raise ValueError(f"random_state={random_state!r} is not a seed: pass an int ≥ 0 or a NumPy Generator.")

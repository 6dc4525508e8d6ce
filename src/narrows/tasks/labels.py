"""Which codes labels have, in a model that is fitted with them."""

from __future__ import annotations

from typing import Any

import numpy as np

from narrows.contracts import Rows
from narrows.fitted import Fitted, Labelled
from narrows.numerics import generator
from narrows.tasks.density import density
from narrows.training.moments import coded, spaced

KEPT = 1_000  # codes of each label
LABELS = 100  # that a model can have
ENTRIES = 1 << 22  # numbers in the codes of all labels together
RUNS = 64  # places that rows are read from for them, where they are read on demand
FEW = 16  # rows of a label that is at none of these


def classes_of(y: Any, rows: int) -> tuple[tuple[int, ...] | tuple[str, ...], np.ndarray]:
    """The labels that there are, in order, and the number of each row's: ints or strings, one per row."""
    given = np.asarray(y)
    if given.ndim == 2 and given.shape[1] == 1:
        given = given[:, 0]
    if given.shape != (rows,):
        raise ValueError(
            f"y has shape {given.shape}, but X has {rows} rows that each need one label: pass y of length {rows}."
        )
    kinds = {type(v) for v in given.tolist()}
    if kinds == {float}:
        given = given.astype(np.float64)
    whole = kinds == {float} and bool(np.isfinite(given).all()) and not (given % 1).any()
    if not (kinds <= {int, bool} or kinds == {str} or whole):
        raise ValueError(
            f"y holds values of type {', '.join(sorted(k.__name__ for k in kinds))}, but labels that are whole numbers,"
            " or strings, were expected: pass those, or conditional=False."
        )
    found, which = np.unique(given if kinds == {str} else given.astype(np.int64), return_inverse=True)
    if len(found) > LABELS:
        raise ValueError(
            f"y has {len(found)} different values, but a conditional model needs labels, {LABELS} different ones at"
            " most: pass classes, or bins of a number."
        )
    return tuple(found.astype(str).tolist() if kinds == {str} else found.tolist()), which.reshape(-1)


def labelled(fitted: Fitted, rows: np.ndarray | Rows, y: Any, before: Fitted | None = None) -> Labelled:
    """Which codes the labels ``y`` of rows (n, \\*row) in the user's units have; with those that an earlier
    state of the model has seen ``before``."""
    classes, which = classes_of(y, len(rows))
    chosen, numbers = _chosen(rows, which, len(classes), fitted.latent_dim)
    gen = generator(fitted.seed + 5, fitted.device)
    x = fitted.affine.forward(chosen, fitted.dtype).to(fitted.device)
    codes = coded(fitted.net, x, gen).float().cpu().numpy()
    counts = np.bincount(which, minlength=len(classes)).tolist()
    found = Labelled(classes, tuple(counts), tuple(codes[numbers == i] for i in range(len(classes))))
    return found if before is None or before.labelled is None else _joined(before, found)


def _chosen(
    rows: np.ndarray | Rows, which: np.ndarray, classes: int, dims: int
) -> tuple[np.ndarray, np.ndarray]:
    """Some rows of every class, and their classes' numbers."""
    each = max(1, min(KEPT, ENTRIES // (classes * dims)))
    if isinstance(rows, np.ndarray):
        parts = [spaced(np.flatnonzero(which == i), each) for i in range(classes)]
        order = np.concatenate(parts)
        return rows[order], which[order]
    run = max(1, each * classes // RUNS)
    starts = np.unique(np.linspace(0, max(0, len(rows) - run), RUNS).astype(int))
    spans = [(int(a), int(min(a + run, b))) for a, b in zip(starts, [*starts[1:], len(rows)], strict=True)]
    for i in set(range(classes)) - {int(c) for a, b in spans for c in which[a:b]}:  # rare ones
        spans += [(int(j), int(j) + 1) for j in spaced(np.flatnonzero(which == i), FEW)]
    return np.concatenate([rows[a:b] for a, b in spans]), np.concatenate([which[a:b] for a, b in spans])


def _joined(before: Fitted, after: Labelled) -> Labelled:
    """Codes of either, each label's in proportion to the rows behind them; draws stand for those that a
    model from a file no longer has."""
    known = before.labelled
    if {type(c) for c in known.classes} != {type(c) for c in after.classes}:
        raise ValueError(
            f"y holds labels such as {after.classes[0]!r}, but the model knows ones such as {known.classes[0]!r}:"
            " pass labels of one type."
        )
    old = dict(zip(known.classes, known.rows, strict=True))
    new = dict(zip(after.classes, after.rows, strict=True))
    classes = tuple(sorted({**old, **new}))
    codes = []
    for label in classes:
        parts = []
        if label in old:
            i = known.classes.index(label)
            there = known.codes[i] if known.codes is not None else _standing_for(before, i)
            parts.append((there, old[label]))
        if label in new:
            parts.append((after.codes[after.classes.index(label)], new[label]))
        total = sum(n for _, n in parts)
        most = min([KEPT, *(len(c) * total / n for c, n in parts if len(c))])
        codes.append(np.concatenate([spaced(c, max(1, round(most * n / total))) for c, n in parts]))
    return Labelled(classes, tuple(old.get(c, 0) + new.get(c, 0) for c in classes), tuple(codes))


def _standing_for(fitted: Fitted, label: int) -> np.ndarray:
    count = min(KEPT, fitted.labelled.rows[label])
    return density(fitted, label).draw(count, generator(fitted.seed)).float().numpy()


def numbers_of(fitted: Fitted, labels: Any, n: int | None) -> np.ndarray:
    """The classes' numbers that ``labels`` mean, (n,): one label for all n, or one for each."""
    known = fitted.labelled
    if known is None:
        raise ValueError(
            f"labels={labels!r} were given, but the model was fitted without any: pass conditional=True and y when"
            " it is fitted (narrows fit --labels)."
        )
    several = not isinstance(labels, (str, bytes)) and np.ndim(labels) > 0
    if several and not np.size(labels):
        raise ValueError(
            "labels is empty, but one label for all rows, or one for each, was expected: pass some."
        )
    asked = np.asarray(labels).ravel().tolist() if several else [getattr(labels, "item", lambda: labels)()]
    unknown = [label for label in asked if label not in known.classes]
    if unknown:
        shown = ", ".join(map(repr, known.classes[:12])) + (" …" if len(known.classes) > 12 else "")
        raise ValueError(
            f"labels has {unknown[0]!r}, but the model was fitted with {shown}: pass one of these."
        )
    if several and n not in (None, len(asked)):
        raise ValueError(
            f"labels has {len(asked)} entries for n={n!r} rows: pass one label for all, or one for each row."
        )
    numbers = np.array([known.classes.index(label) for label in asked], dtype=np.int64)
    return numbers if several else np.repeat(numbers, 1 if n is None else n)

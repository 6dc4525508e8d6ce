"""Sections about the latent space: where rows lie, and what lies between them."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from narrows import tasks
from narrows.report.blocks import Picture, Table
from narrows.report.evidence import Evidence
from narrows.report.figures import latent_map
from narrows.report.live import Column, Scatter
from narrows.report.page import Section

RAW = 8  # latents that may be axes, at most
SLIDING = 10  # latents of the slider, those that change most
TRIED = 256  # latents that are tried for that
STEPS, SPAN = 13, 3.0
SAMPLES = 36
EACH, KINDS = 12, 10  # samples of a label, and labels
WAYS, BETWEEN = 4, 9
DRAWN = 6000  # points of the map that stands still


def map_section(found: Evidence, view: Any, room: int) -> Section:
    """The map, in about ``room`` bytes."""
    k, labels = found.fitted.latent_dim, found.labels
    raw = [Column(f"latent {j}", found.codes[:, j], also=k > 2) for j in range(k if k <= RAW else 0)]
    if k == 1:
        axes = [raw[0], Column("error", found.errors)]
        told = "The one latent of each row, against its error."
    elif k == 2:
        axes, told = raw, "Each row at its two latents."
    else:
        axes = [Column(f"PC {j + 1}", found.plane[:, j]) for j in range(2)] + raw
        told = f"Each row at the first two principal components of its {k} latents"
        told += "; the latents themselves can be chosen as axes." if raw else "."
    known = [
        *([] if labels is None else [Column("label", labels.values, labels.levels, exact=True)]),
        Column("score", found.scores, exact=True),
        Column("error", found.errors, exact=True),
    ]
    names = (axes[0].name, axes[1].name)
    some = np.arange(len(found.rows))
    if len(some) > DRAWN:
        some = np.sort(np.random.default_rng(0).choice(len(some), DRAWN, replace=False))
    places = np.stack([axes[0].values, axes[1].values], 1)[some]
    colours = found.scores[some] if labels is None else labels.drawn[some]
    still = Picture.drawn(
        lambda ink: latent_map(places, colours, ink=ink, names=names),
        f"Map of rows: {names[0]} and {names[1]}",
    )
    table = _where(found, axes[0], axes[1])
    bare = Scatter(f"Map of {len(found.rows)} rows.", axes, known, {}, found.index, still, table)
    hover, columns = view.mapped(
        room - len(bare.data) - len(still.light) * 4 // 3 - len(still.dark or b"") * 4 // 3
    )
    scatter = dataclasses.replace(bare, hover=hover, colours=[*known, *columns])
    return Section("Map", [told], [scatter])


def _where(found: Evidence, across: Column, up: Column) -> Table:
    """Of each label, or of each tenth of the scores, how many rows there are and where they lie."""
    labels = found.labels
    if labels is not None and labels.levels is not None:
        groups = [(name, np.flatnonzero(labels.values == i)) for i, name in enumerate(labels.levels[:40])]
        head = "label"
    else:
        order = np.argsort(found.scores, kind="stable")
        groups = [(f"{i + 1}", part) for i, part in enumerate(np.array_split(order, min(10, len(order))))]
        head = "tenth of the scores, oddest first"
    lines = []
    for name, rows in groups:
        if len(rows):
            middle = [f"{np.median(a.values[rows]):.3g} ± {np.std(a.values[rows]):.2g}" for a in (across, up)]
            cells = [*middle, f"{np.median(found.scores[rows]):.4g}"]
            lines.append([name, str(len(rows)), *(cell.replace("-", "−") for cell in cells)])
    heads = [head, "rows", across.name, up.name, "score"]
    return Table("Where rows lie: the median and the standard deviation; the median score", heads, lines)


def samples(found: Evidence, view: Any) -> Section:
    fitted = found.fitted
    rows = tasks.sample(fitted, SAMPLES, fitted.seed)
    told = (
        "Codes that were drawn at random from the model's prior, decoded."
        if hasattr(fitted.net.bottleneck, "draw")
        else "Codes that were drawn from a density fitted to the training codes, decoded: this model has no prior of"
        " its own."
    )
    blocks = [view.shown(rows, f"new {view.many}", 12)]
    if fitted.labelled is not None:
        kinds = fitted.labelled.classes[:KINDS]
        told += f" Below them {EACH} of each label" + (
            "." if len(kinds) == len(fitted.labelled.classes) else f", of the first {KINDS}."
        )
        blocks += view.labelled([(str(c), tasks.sample(fitted, EACH, fitted.seed, labels=c)) for c in kinds])
    return Section("Samples", [told], blocks)


def traversals(found: Evidence, view: Any) -> Section:
    fitted, base = found.fitted, found.typical
    order = np.argsort(-found.codes.var(0), kind="stable")[:TRIED]
    middle = found.rows[base[len(base) // 2]][None]
    moved = []
    for j in order:
        ends = tasks.traverse(fitted, middle, int(j), 2, SPAN)
        moved.append(float(np.nan_to_num(np.square(_scaled(fitted, ends[1] - ends[0]))).sum()))
    latents = order[np.argsort(-np.array(moved), kind="stable")][:SLIDING]
    frames = np.stack(
        [
            np.stack([tasks.traverse(fitted, found.rows[i][None], int(j), STEPS, SPAN) for i in base], 1)
            for j in latents
        ]
    )
    steps = [
        f"{step:+.1f} σ".replace("-", "−") if step else "0 σ" for step in np.linspace(-SPAN, SPAN, STEPS)
    ]
    many = fitted.latent_dim > len(latents)
    told = "Move one latent of a few rows, and see what it stands for."
    told += f" The {len(latents)} latents that change most are offered." if many else ""
    names = [f"latent {j}" for j in latents]
    change = [np.sqrt(np.nanmean(np.square(_scaled(fitted, f[-1] - f[0])))) for f in frames]
    lines = [
        [name, f"{found.codes[:, j].std():.3g}", f"{moved:.3g}"]
        for name, j, moved in zip(names, latents, change, strict=True)
    ]
    heads = ["latent", "spread of its codes", "change of rows"]
    table = Table(f"From −{SPAN:g} σ to +{SPAN:g} σ; root mean square, in scaled units", heads, lines)
    slider = view.slider(frames, names, steps, "What changes when one latent moves.")
    note = "σ is the standard deviation of the latent over training rows, or 1 for a prior of unit variance."
    return Section("Traversals", [told], [dataclasses.replace(slider, table=table)], [note])


def _scaled(fitted: Any, difference: np.ndarray) -> np.ndarray:
    return difference / fitted.affine.scale


def interpolations(found: Evidence, view: Any) -> Section | None:
    base = found.typical
    pairs = [(base[i], base[(i + 1 + len(base) // 3) % len(base)]) for i in range(len(base))]
    pairs = list({frozenset(pair): pair for pair in pairs if pair[0] != pair[1]}.values())[:WAYS]
    if not pairs:
        return None
    rows = found.rows
    paths = np.stack(
        [tasks.interpolate(found.fitted, rows[a][None], rows[b][None], BETWEEN) for a, b in pairs]
    )
    titles = [f"row {found.index[a]} to {found.index[b]}" for a, b in pairs]
    told = "What the model draws on the straight line between the codes of two rows."
    return Section("Interpolations", [told], view.paths(paths, titles))

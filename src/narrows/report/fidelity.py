"""Sections about what a model keeps of rows, and which rows it does not know."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from narrows.report.anomalies import score_histogram
from narrows.report.blocks import Chart, Facts, Folded, Picture, Table
from narrows.report.evidence import Evidence
from narrows.report.figures import curves
from narrows.report.latent_sizes import linear_curve
from narrows.report.page import Section
from narrows.report.quality import quality

SHOWN = 8  # rows of a kind
EXAMPLES = 24
EPOCHS = 24  # lines in the table of the learning curve
ODDEST = 12
BINS = 20
CLOSE = 0.95  # an error above this share of PCA's is no better than PCA's

NAMES = {
    "mse": "mean squared error per entry",
    "r2": "variance explained",
    "accuracy": "categories right",
    "nll": "reconstruction nll, nats per row",
    "rate": "rate of the code, nats per row",
    "score": "score, nats per row",
}


def summary(found: Evidence) -> Section:
    """Figures beside those of PCA, and what they mean."""
    figures, mixed = found.figures, found.fitted.schema.levels is not None  # columns with units of their own
    lines, best = [], set()
    for name, words in NAMES.items():
        if math.isnan(figures.get(name, math.nan)) or (name == "mse" and mixed):
            continue
        other = math.nan if name == "nll" else figures.get(f"pca_{name}", math.nan)
        if name == "score" and figures["rate"] > 0:  # an ELBO, beside the density of probabilistic PCA
            other = -figures["pca_nll"]
        lines.append([words, said(figures[name]), "–" if math.isnan(other) else said(other)])
        if not math.isnan(other):
            higher = figures[name] > other
            best.add((len(lines) - 1, 1 if higher == (name != "mse") else 2))
    caption = "On these rows; the better of two in bold"
    table = Table(caption, ["", "this model", "PCA, same size"], lines, frozenset(best))
    return Section("In short", [_verdict(found)], [table])


def _verdict(found: Evidence) -> str:
    """Whether the model is worth more than PCA of its size."""
    figures, k = found.figures, found.fitted.latent_dim
    if k >= found.fitted.net.shapes.features:
        return (
            f"Its code of {k} numbers is as long as a row, so that PCA would lose nothing: what counts is not how"
            " well rows come back, but what their codes are good for."
        )
    ours, linear = 1 - figures["r2"], 1 - figures["pca_r2"]
    if math.isnan(ours) or math.isnan(linear):
        return "These rows do not vary, so there is nothing to explain."
    lost = f"It loses {100 * ours:.3g}% of the variance, and PCA with as many numbers {100 * linear:.3g}%: "
    if ours > 1:
        return (
            lost + "the mean of these rows would do better. Are they like those that the model was fitted on?"
        )
    if ours < CLOSE * linear:
        return f"{lost}{linear / ours:.2g} times as much as this model."
    if linear < CLOSE * ours:
        return lost + "for reconstruction PCA is better, and simpler."
    return lost + "for reconstruction alone PCA is as good, and simpler."


def data(found: Evidence, view: Any) -> Section:
    """What rows there are, and some of them."""
    n = len(found.rows)
    facts = {
        "rows": f"{found.total:,}" + (f", of which {n:,} are shown" if n < found.total else ""),
        "read as": type(found.fitted.spec.input).__name__,
        "features": f"{math.prod(found.rows.shape[1:]):,}",
        **view.facts(),
    }
    if getattr(found.fitted.schema, "windowed", False):
        facts["windows"] = "rows are windows of long series, numbered one after the other"
    if found.labels is not None:
        levels = found.labels.levels or ()
        more = ", …" if len(levels) > 12 else ""
        facts["labels"] = f"{len(levels)} kinds: {', '.join(levels[:12])}{more}" if levels else "numbers"
    some = np.linspace(0, n - 1, min(EXAMPLES, n)).astype(int)
    return Section("Data", [], [Facts(facts), *view.examples(found.rows[some])])


def learning(found: Evidence) -> Section | None:
    """The loss over the epochs; None of a model that keeps no history."""
    history = found.fitted.history
    if not history:
        return None
    picture = Picture.drawn(
        lambda ink: curves(history, ink=ink), f"Loss over {len(history)} epochs, in training and held out"
    )
    some = np.unique(np.linspace(0, len(history) - 1, min(EPOCHS, len(history))).astype(int))
    shown = {"loss": "training"} | ({"val_loss": "held out"} if "val_loss" in history[0] else {})
    lines = [[f"{history[i]['epoch']:g}", *(said(history[i][key]) for key in shown)] for i in some]
    told = "The objective in nats per row of scaled units, with corruption and penalties, on the rows it was fitted on"
    told += " and on those that were held out to know when to stop." if "val_loss" in shown else "."
    table = Table("Loss", ["epoch", *shown.values()], lines)
    return Section("Learning", [told], [Chart(picture, table, width=24)])


def reconstructions(found: Evidence, view: Any) -> Section:
    """The best, the middle and the worst."""
    order, n = found.order, len(found.rows)
    few = min(SHOWN, n)
    middle = max(0, (n - few) // 2)
    kinds = {"best": order[:few], "median": order[middle : middle + few], "worst": order[::-1][:few]}
    groups, lines = [], []
    for name, rows in kinds.items():
        titles = [f"row {found.index[i]}" for i in rows]
        groups.append((name, found.rows[rows], found.rebuilt[rows], titles))
        for i in rows:
            label = [] if found.labels is None else [found.labels.said(i)]
            lines.append(
                [f"{name}, row {found.index[i]}", *label, said(found.errors[i]), said(found.scores[i])]
            )
    heads = ["row", *([] if found.labels is None else ["label"]), "error", "score"]
    table = Table("Errors are mean squares in scaled units.", heads, lines)
    told = "The rows that come back best, those in the middle, and the worst."
    return Section("Reconstructions", [told], [*view.compared(groups), Folded("Which rows these are", table)])


def features(found: Evidence, view: Any) -> Section:
    """What is kept of each feature."""
    return Section("Errors by feature", [], view.kept(*found.kept))


def sizes(found: Evidence, curve: Sequence[Mapping[str, float]] | None) -> Section | None:
    """What is lost at other latent sizes; None where nothing varies."""
    beyond = (
        f"Up to {len(found.fitted.baseline.components)} components PCA is that of the training rows; further ones"
        " are learned from one half of these rows and tried on the other."
    )
    linear = linear_curve(found.fitted, found.rows)
    own = [(found.fitted.latent_dim, 1 - found.figures["r2"])]
    if curve:
        own = [(int(point["latent_dim"]), 1 - point["r2"]) for point in curve]
        linear = [(int(point["latent_dim"]), 1 - point["pca_r2"]) for point in curve]
        beyond = "Both on rows that were held out."
    own, linear = (sorted((k, lost) for k, lost in pairs if lost > 1e-12) for pairs in (own, linear))
    if not linear or not own:
        return None
    points: list[Mapping[str, float]] = [{"latent_dim": size, "r2": 1 - lost} for size, lost in own]
    points += [{"latent_dim": size, "pca_r2": 1 - lost} for size, lost in linear]
    chosen = found.fitted.latent_dim if curve else None
    picture = Picture.drawn(
        lambda ink: quality(points, chosen=chosen, ink=ink),
        "Variance lost against latent size, of PCA and of autoencoders",
    )
    both = {"PCA": dict(linear), "autoencoder": dict(own)}
    lines = [
        [str(k), *(f"{100 * pairs[k]:.3g}%" if k in pairs else "" for pairs in both.values())]
        for k in sorted({k for pairs in both.values() for k in pairs})
    ]
    told = "How much of the variance is lost at each size of the code."
    size, lost = own[0]
    needs = None if curve else next((k for k, other in linear if other <= lost), None)
    if needs is not None:
        told = (
            f"PCA needs {needs} numbers to lose no more than this model does with {size}."
            if needs > size
            else f"PCA loses no more than this model does with {needs} number{'s' if needs > 1 else ''}."
        )
    table = Table("Variance lost", ["latent size", *both], lines)
    return Section("Latent size", [told], [Chart(picture, table)], [beyond])


def oddest(found: Evidence, view: Any) -> Section:
    """How odd rows are, and why the oddest are."""
    rows, scores, labels = found.oddest[:ODDEST], found.scores, found.labels
    parts = found.reasons(rows)
    picture = Picture.drawn(
        lambda ink: score_histogram(scores, np.empty(0), math.inf, ink=ink), "Histogram of how odd rows are"
    )
    count, ends = np.histogram(-scores, BINS)
    bins = Table(
        "How odd rows are, −score",
        ["from", "to", "rows"],
        [[said(a), said(b), str(c)] for a, b, c in zip(ends, ends[1:], count, strict=False)],
    )
    why = view.said(found.rows[rows], parts)
    lines = [
        [str(found.index[i]), *([] if labels is None else [labels.said(i)]), said(scores[i]), reason]
        for i, reason in zip(rows, why, strict=True)
    ]
    heads = ["row", *([] if labels is None else ["label"]), "score", "what is odd"]
    caption = "The oddest rows, and the entries that are more unlikely than they usually are"
    few = rows[:SHOWN]
    titles = [f"row {found.index[i]}" for i in few]
    shown = view.reasons(found.rows[few], found.rebuilt[few], parts[:SHOWN], titles)
    told = "The score says how usual a row is to the model; odd rows may be errors, rare kinds, or both."
    table = Table(caption, heads, lines, words=True)
    return Section("Anomalies", [told], [Chart(picture, bins), *shown, table])


def said(value: float) -> str:
    """A number in four digits."""
    return f"{value:.4g}".replace("-", "−")

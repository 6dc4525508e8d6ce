"""The page about one model: what it was given, what it keeps, where it puts things, what it makes up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from narrows.report import card, compression, fidelity, latent
from narrows.report.evidence import Evidence, gather
from narrows.report.page import Page, Section
from narrows.report.views import view_of

LIMIT = 4_000_000  # bytes of a page
MARGIN = 60_000  # of them for scripts and what the map's own text takes


def model_page(
    ae: Any,
    X: Any,
    labels: Any = None,
    score: Any = None,
    curve: Sequence[Mapping[str, float]] | None = None,
    title: str | None = None,
    rates: Any = None,
) -> str:
    """A page (HTML, complete in itself) about a fitted autoencoder and rows X, an array, a frame or rows read
    on demand; of more than 20,000 rows so many are drawn at random.

    Args:
        labels: one for each row, text or numbers, to colour the map and to choose examples by.
        score: one number for each row, higher for more usual ones; by default ``ae.score_samples``.
        curve: what ``tune`` returned, or of models of several sizes ``latent_dim`` and, on rows held out, ``r2``
            and ``pca_r2``; by default PCA's curve has one point beside it, this model.
        title: the page's.
        rates: of a codec's model what ``narrows.rates`` found, for a section about compression.

    As in ``Path("report.html").write_text(model_page(ae, X, labels=y), encoding="utf-8")``.
    """
    found = gather(ae.fitted_, X, labels, score)
    return page(found, getattr(curve, "curve", curve), title, rates).html()


def page(
    found: Evidence,
    curve: Sequence[Mapping[str, float]] | None = None,
    title: str | None = None,
    rates: Any = None,
) -> Page:
    """The same, before it becomes text."""
    view = view_of(found.fitted.schema, found.rows)
    title = title or ", ".join(
        [
            f"{found.total:,} {view.one if found.total == 1 else view.many}",
            f"{found.fitted.latent_dim} number{'s' if found.fitted.latent_dim > 1 else ''} each",
        ]
    )
    before, after = _sections(found, view, curve, rates)
    # The map, of which there may be more or less, takes the room that all else has left.
    rest = Page(title, "", [*before, *after]).html()
    middle = latent.map_section(found, view, LIMIT - len(rest.encode()) - MARGIN)
    return Page(title, _lead(found, view), [*before, middle, *after])


def _sections(
    found: Evidence, view: Any, curve: Sequence[Mapping[str, float]] | None, rates: Any
) -> tuple[list[Section], list[Section]]:
    """Those that stand before the map, and after it."""
    bare = found.fitted.net.side is not None  # its decoder needs more than a code: it makes nothing up
    before = [
        fidelity.summary(found),
        None if rates is None else compression.section(rates),
        fidelity.data(found, view),
        fidelity.learning(found),
        fidelity.reconstructions(found, view),
        fidelity.features(found, view),
        fidelity.sizes(found, curve),
    ]
    after = [
        None if bare else latent.samples(found, view),
        None if bare else latent.traversals(found, view),
        None if bare else latent.interpolations(found, view),
        fidelity.oddest(found, view),
        card.section(found),
    ]
    return [s for s in before if s is not None], [s for s in after if s is not None]


def _lead(found: Evidence, view: Any) -> str:
    width = int(np.prod(found.rows.shape[1:]))
    told = (
        f"An autoencoder that squeezes {view.many} of {width:,} {view.everything} through a code of"
        f" {found.fitted.latent_dim}: what it keeps and loses, where it puts things, and what it makes up."
    )
    if found.total > len(found.rows):
        told += f" {len(found.rows):,} of {found.total:,} rows, drawn at random, are shown."
    return told

"""Which columns an encoder picks, where picking is what it does."""

from __future__ import annotations

from typing import Any

import numpy as np

from narrows.tasks._given import fitted_of


def selected(model: Any) -> np.ndarray:
    """Numbers of the columns that the encoder picks, (latent_dim,), one per number in a code; of a fitted
    autoencoder with the backbone ``Concrete``.

    >>> import narrows as nw
    >>> X = np.random.default_rng(0).normal(size=(200, 5)) * [1, 0, 1, 0, 1]
    >>> ae = nw.recipes.concrete(3, scale=None, max_epochs=60).fit(X)
    >>> sorted(selected(ae).tolist())
    [0, 2, 4]
    """
    fitted = fitted_of(model, "selected")
    picks = getattr(fitted.net.encoder, "selected", None)
    if picks is None:
        raise ValueError(
            f"selected got the backbone {type(fitted.spec.backbone).__name__}, whose codes mix all columns: use"
            " nw.recipes.concrete, or nw.tasks.importance, which ranks columns for any model."
        )
    return picks().cpu().numpy()

"""One judge for variational models of every library: the negative evidence bound on held-out rows."""

from __future__ import annotations

import numpy as np

from benchmarks.speed.networks import Weights
from benchmarks.speed.quality import one_thread


def negative_bound(weights: Weights, x: np.ndarray) -> float:
    """Nats per row (Kingma & Welling 2014, equation 10) of features-hidden-code-hidden-features under
    ReLU and a Bernoulli likelihood, the same one draw of the code for every library.

    ``weights`` are those of the hidden layer, the mean, the log-variance, the decoder's hidden layer
    and its logits.
    """
    (w1, b1), (wm, bm), (wv, bv), (w2, b2), (w3, b3) = weights
    noise = np.random.default_rng(0).standard_normal((len(x), len(bm)), dtype=np.float32)
    with one_thread():
        h = np.maximum(x @ w1 + b1, 0)
        mean, logvar = h @ wm + bm, h @ wv + bv
        logits = np.maximum((mean + np.exp(0.5 * logvar) * noise) @ w2 + b2, 0) @ w3 + b3
    error = np.logaddexp(0, logits) - x * logits
    rate = 0.5 * (mean**2 + np.exp(logvar) - 1 - logvar)
    return float(np.mean(error.sum(1, dtype=np.float64) + rate.sum(1, dtype=np.float64)))

"""How far a row's code is from where codes usually lie."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from narrows.contracts import Rows
from narrows.fitted import Fitted
from narrows.tasks.encode import encode
from narrows.tasks.explain import through_code

ROWS = 20_000


@dataclass(frozen=True)
class Latent:
    """The squared Mahalanobis distance of a code from the training codes; with ``components`` > 1 from the
    likeliest component of a Gaussian mixture fitted to them.

    Denouden et al. 2018, "Improving reconstruction autoencoder out-of-distribution detection with
    Mahalanobis distance"; the mixture as in Zong et al. 2018, "Deep autoencoding Gaussian mixture model".

    >>> Latent(components=3)
    Latent(components=3)
    """

    components: int = 1
    distance = True

    def __post_init__(self) -> None:
        if not (isinstance(self.components, (int, np.integer)) and self.components >= 1):
            raise ValueError(
                f"Latent got components={self.components!r}, but needs a number of Gaussians: pass a whole number ≥ 1."
            )

    def learn(self, fitted: Fitted, rows: np.ndarray | Rows, seed: int) -> dict[str, np.ndarray]:
        from sklearn.mixture import GaussianMixture

        step = -(-len(rows) // ROWS)
        codes = encode(fitted, np.asarray(rows[::step])).astype(np.float64)
        some = max(1, min(self.components, len(codes) // 2))
        scale = max(float(codes.var(0).mean()), 1e-12)
        if len(codes) < 2:
            return {"means": codes, "precisions": np.eye(codes.shape[1])[None] / scale}
        mixture = GaussianMixture(some, reg_covar=1e-3 * scale, random_state=seed).fit(codes)
        return {"means": mixture.means_, "precisions": mixture.precisions_}

    def _nearest(self, codes: np.ndarray, learned: dict[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        apart = codes[:, None] - learned["means"]
        squares = np.einsum("nki,kij,nkj->nk", apart, learned["precisions"], apart)
        logdet = np.linalg.slogdet(learned["precisions"])[1]
        best = (squares - logdet).argmin(1)
        return squares[np.arange(len(codes)), best], best

    def totals(self, fitted: Fitted, rows: np.ndarray, learned: dict[str, np.ndarray]) -> np.ndarray:
        return self._nearest(encode(fitted, rows).astype(np.float64), learned)[0]

    def parts(self, fitted: Fitted, rows: np.ndarray, learned: dict[str, np.ndarray]) -> np.ndarray:
        _, best = self._nearest(encode(fitted, rows).astype(np.float64), learned)
        found = np.zeros((len(rows), fitted.net.shapes.features))
        for i in np.unique(best):
            mine = np.flatnonzero(best == i)
            centre = np.broadcast_to(learned["means"][i], (len(mine), learned["means"].shape[1]))
            found[mine] = through_code(fitted, rows[mine], centre, learned["precisions"][i])
        return found

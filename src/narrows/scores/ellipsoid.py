"""How far a row is from the middle of most training rows."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np

from narrows.contracts import Rows
from narrows.fitted import Fitted
from narrows.tasks.explain import by_feature, coordinates

WIDE = 100  # coordinates up to which the middle half of the rows is looked for
WIDER = 1000  # beyond which variances alone are learned
ROWS = 5000  # that it is looked for in, at most
FLOOR = 1e-6  # share of the mean variance that every direction has at least


@dataclass(frozen=True)
class Ellipsoid:
    """The squared Mahalanobis distance to the middle half of the training rows, in scaled units: anomalies
    among the others, even whole clumps of them, do not move it.

    The minimum covariance determinant: Rousseeuw 1984, "Least median of squares regression"; by the
    algorithm of Rousseeuw & Van Driessen 1999.  Of wide or few rows the covariance of all, shrunk
    (Ledoit & Wolf 2004), of very wide ones the variances alone.  Feature j contributes (x − μ)ⱼ (Σ⁻¹(x − μ))ⱼ.

    >>> Ellipsoid()
    Ellipsoid()
    """

    distance = True
    space = "input"

    def learn(self, fitted: Fitted, rows: np.ndarray | Rows, seed: int) -> dict[str, np.ndarray]:
        from sklearn.covariance import MinCovDet, ledoit_wolf

        step = -(-len(rows) // ROWS)
        points = coordinates(fitted, np.asarray(rows[::step]))
        varies = points.std(0) > 0
        some, mean = points[:, varies], points.mean(0)
        if points.shape[1] > WIDER:
            variances = points.var(0)
            return {"mean": mean, "variances": np.maximum(variances, FLOOR * max(variances.mean(), 1e-12))}
        if len(some) < 2 or not varies.any():
            return {"mean": mean, "precision": np.eye(len(mean))}
        covariance = None
        if some.shape[1] <= min(WIDE, len(some) // 5):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of a singular middle half, which is put right below
                try:
                    middle = MinCovDet(random_state=seed).fit(some)
                except ValueError:  # it cannot: most rows lie in a plane
                    pass
                else:
                    covariance, mean[varies] = middle.covariance_, middle.location_
        if covariance is None:
            covariance, _ = ledoit_wolf(some)
        variances, axes = np.linalg.eigh(covariance)
        variances = np.maximum(variances, FLOOR * float(some.var(0).mean()))
        precision = np.zeros((len(mean), len(mean)))
        precision[np.ix_(varies, varies)] = (axes / variances) @ axes.T
        # What did not vary is odd as soon as it does.
        still = ~varies
        precision[still, still] = 1 / float(variances.min())
        return {"mean": mean, "precision": precision}

    def totals(self, fitted: Fitted, rows: np.ndarray, learned: dict[str, np.ndarray]) -> np.ndarray:
        return self.parts(fitted, rows, learned).sum(1)

    def parts(self, fitted: Fitted, rows: np.ndarray, learned: dict[str, np.ndarray]) -> np.ndarray:
        apart = coordinates(fitted, rows) - learned["mean"]
        turned = apart @ learned["precision"] if "precision" in learned else apart / learned["variances"]
        return by_feature(apart * turned, fitted.schema.levels)

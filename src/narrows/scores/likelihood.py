"""The model's own likelihood as a score."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from narrows.contracts import Rows
from narrows.fitted import Fitted
from narrows.tasks.explain import nll_entries
from narrows.tasks.score import nll_and_rate


@dataclass(frozen=True)
class NLL:
    """−ln p of a row under the model, nats in the user's units: the reconstruction nll, and the code's rate
    where it has one, which makes it the negative ELBO.

    An entry contributes its own nll; the rate, which belongs to the row, is shared among them equally.

    >>> NLL()
    NLL()
    """

    distance = False

    def learn(self, fitted: Fitted, rows: np.ndarray | Rows, seed: int) -> dict[str, np.ndarray]:
        return {}

    def totals(self, fitted: Fitted, rows: np.ndarray, learned: dict[str, np.ndarray]) -> np.ndarray:
        return nll_and_rate(fitted, rows).sum(1)

    def parts(self, fitted: Fitted, rows: np.ndarray, learned: dict[str, np.ndarray]) -> np.ndarray:
        entries = nll_entries(fitted, rows)
        # Whatever the sums above round off goes where the rate goes.
        rest = self.totals(fitted, rows, learned) - entries.sum(1)
        return entries + (rest / entries.shape[1])[:, None]

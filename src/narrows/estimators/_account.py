"""What compression came to, in bytes and on a page."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from sklearn.utils.validation import check_is_fitted

from narrows.estimators._fitting import loaded
from narrows.estimators._paging import page_at
from narrows.estimators.rating import rates


class Account:
    """Of an estimator whose last ``compress`` left ``sizes_``: how many times smaller rows are, and from when on."""

    sizes_: dict[str, Any]
    ae_: Any

    def ratio(self, archives: float = 1) -> float:
        """How many times smaller the rows of the last ``compress`` are, raw / (stored + model / ``archives``), where
        so many archives like it share one model; ``float("inf")`` leaves the model out."""
        sizes = self._told()
        return sizes["raw"] / (self._payload() + sizes["model"] / archives)

    @property
    def break_even_(self) -> float:
        """From how many archives like the last on they take fewer bytes with their model than the rows do; inf
        where they never will."""
        sizes = self._told()
        saved = sizes["raw"] - self._payload()
        return sizes["model"] / saved if saved > 0 else float("inf")

    def report(self, X: Any, out: str | os.PathLike[str] = "report.html", *, labels: Any = None) -> Path:
        """Write a page about the model and rows X, one file that needs nothing beside it; its path.

        What :meth:`Autoencoder.report` writes, and how few bytes rows take at which error, beside PCA, zstd, JPEG and
        WebP (:func:`narrows.rates`).  ``labels``: one for each row, to colour by.
        """
        from narrows.report import model_page  # drawing takes a second to import

        check_is_fitted(self)

        def page() -> str:
            rows = loaded(X)
            return model_page(self.ae_, rows, labels=labels, rates=rates(self, rows))

        return page_at(out, X, page)

    def _told(self) -> dict[str, Any]:
        if not hasattr(self, "sizes_"):
            raise AttributeError("Nothing was compressed yet: call compress(X) first.")
        return self.sizes_

    def _payload(self) -> int:
        return self.sizes_["stored"] - (self.sizes_["model"] if self.sizes_["inside"] else 0)

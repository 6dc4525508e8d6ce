"""Training that leaves out the rows it fits worst."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn

from narrows.contracts import Pass, Shapes


@dataclass(frozen=True)
class Trim:
    """The ``fraction`` of each batch with the largest nll is left out: what they added to the objective is
    taken off again, so that their gradient is exactly 0.

    For rows among which there are some that the model should not learn, as anomalies that nobody has
    marked.  Least trimmed squares: Rousseeuw 1984, "Least median of squares regression", section 4;
    with networks: Shen & Sanghavi 2019, "Learning with bad training data via iterative trimmed loss
    minimization".

    >>> Trim(0.1)
    Trim(fraction=0.1)
    """

    fraction: float = 0.1

    def __post_init__(self) -> None:
        if not 0 <= self.fraction < 1:
            raise ValueError(
                f"Trim got fraction={self.fraction!r}, but needs a share of rows: pass 0 ≤ fraction < 1."
            )

    def build(self, shapes: Shapes) -> nn.Module:
        return _Trim(self.fraction)


class _Trim(nn.Module):
    def __init__(self, fraction: float):
        super().__init__()
        self.fraction = fraction

    def forward(self, net: nn.Module, p: Pass) -> Tensor:
        nll = net.row_nll(p.out, p.x)
        kept = len(nll) - int(self.fraction * len(nll))
        if kept == len(nll):
            return nll * 0.0
        # Rows that are tied with the last one that is kept are kept too.
        return -nll * (nll > nll.kthvalue(kept).values)

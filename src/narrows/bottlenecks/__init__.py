"""What a code is."""

from narrows.bottlenecks.deterministic import Deterministic
from narrows.bottlenecks.gaussian import Gaussian
from narrows.bottlenecks.topk import TopK

__all__ = ["Deterministic", "Gaussian", "TopK"]

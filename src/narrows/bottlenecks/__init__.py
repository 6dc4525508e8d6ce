"""What a code is."""

from narrows.bottlenecks.deterministic import Deterministic
from narrows.bottlenecks.factorised import Factorised
from narrows.bottlenecks.fsq import FSQ
from narrows.bottlenecks.gaussian import Gaussian
from narrows.bottlenecks.topk import TopK
from narrows.bottlenecks.vq import VQ

__all__ = ["FSQ", "VQ", "Deterministic", "Factorised", "Gaussian", "TopK"]

"""Densities over codes that a Gaussian bottleneck is held against."""

from narrows.priors.composite import Composite
from narrows.priors.flow import Flow
from narrows.priors.mixture import Mixture
from narrows.priors.standard_normal import StandardNormal
from narrows.priors.vamp import Vamp

__all__ = ["Composite", "Flow", "Mixture", "StandardNormal", "Vamp"]

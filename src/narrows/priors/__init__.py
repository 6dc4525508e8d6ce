"""Densities over codes that a Gaussian bottleneck is held against."""

from narrows.priors.standard_normal import StandardNormal

__all__ = ["StandardNormal"]

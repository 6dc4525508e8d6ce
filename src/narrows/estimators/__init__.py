"""Thin scikit-learn faces over the tasks."""

from narrows.estimators.autoencoder import Autoencoder, load

__all__ = ["Autoencoder", "load"]

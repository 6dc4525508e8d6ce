"""The scikit-learn faces."""

from narrows.estimators.autoencoder import Autoencoder, load
from narrows.estimators.many import fit_many

__all__ = ["Autoencoder", "fit_many", "load"]

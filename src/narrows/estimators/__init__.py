"""The scikit-learn faces."""

from narrows.estimators.autoencoder import Autoencoder
from narrows.estimators.denoiser import Denoiser
from narrows.estimators.detector import AnomalyDetector
from narrows.estimators.imputer import Imputer
from narrows.estimators.loading import load
from narrows.estimators.many import fit_many

__all__ = ["AnomalyDetector", "Autoencoder", "Denoiser", "Imputer", "fit_many", "load"]

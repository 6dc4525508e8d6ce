"""The scikit-learn faces."""

from narrows.estimators.autoencoder import Autoencoder
from narrows.estimators.classifier import Classifier
from narrows.estimators.codec import Codec
from narrows.estimators.denoiser import Denoiser
from narrows.estimators.detector import AnomalyDetector
from narrows.estimators.fine_tuning import fine_tune
from narrows.estimators.imputer import Imputer
from narrows.estimators.loading import load
from narrows.estimators.many import fit_many
from narrows.estimators.rating import rates
from narrows.estimators.recommender import Recommender
from narrows.estimators.regressor import Regressor

__all__ = [
    "AnomalyDetector",
    "Autoencoder",
    "Classifier",
    "Codec",
    "Denoiser",
    "Imputer",
    "Recommender",
    "Regressor",
    "fine_tune",
    "fit_many",
    "load",
    "rates",
]

"""What is done to the input before the encoder sees it."""

from narrows.corruptions.binarise import Binarise
from narrows.corruptions.blind_spot import BlindSpot
from narrows.corruptions.gaussian import Gaussian
from narrows.corruptions.gaussian_curve import GaussianCurve
from narrows.corruptions.gaussian_range import GaussianRange
from narrows.corruptions.holes import Holes
from narrows.corruptions.masking import Masking
from narrows.corruptions.salt_pepper import SaltPepper
from narrows.corruptions.shift import Shift
from narrows.corruptions.swap import Swap
from narrows.corruptions.withheld import Withheld

__all__ = [
    "Binarise",
    "BlindSpot",
    "Gaussian",
    "GaussianCurve",
    "GaussianRange",
    "Holes",
    "Masking",
    "SaltPepper",
    "Shift",
    "Swap",
    "Withheld",
]

"""Which network maps input to hidden features and codes back."""

from narrows.backbones.conv2d import Conv2d
from narrows.backbones.mlp import MLP
from narrows.backbones.modules import Modules

__all__ = ["MLP", "Conv2d", "Modules"]

"""Which network maps input to hidden features and codes back."""

from narrows.backbones.conv1d import Conv1d
from narrows.backbones.conv2d import Conv2d
from narrows.backbones.mlp import MLP
from narrows.backbones.modules import Modules
from narrows.backbones.recurrent import Recurrent

__all__ = ["MLP", "Conv1d", "Conv2d", "Modules", "Recurrent"]

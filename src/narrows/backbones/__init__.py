"""Which network maps input to hidden features and codes back."""

from narrows.backbones._level import noise_level as noise_level
from narrows.backbones.concrete import Concrete
from narrows.backbones.conv1d import Conv1d
from narrows.backbones.conv2d import Conv2d
from narrows.backbones.mlp import MLP
from narrows.backbones.modules import Modules
from narrows.backbones.principal import Principal
from narrows.backbones.recurrent import Recurrent
from narrows.backbones.residual import Residual
from narrows.backbones.spectral import Spectral

__all__ = ["MLP", "Concrete", "Conv1d", "Conv2d", "Modules", "Principal", "Recurrent", "Residual", "Spectral"]

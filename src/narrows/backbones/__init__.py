"""Which network maps input to hidden features and codes back."""

from narrows.backbones._item_weights import item_weights as item_weights
from narrows.backbones._level import noise_level as noise_level
from narrows.backbones.alternating import Alternating
from narrows.backbones.concrete import Concrete
from narrows.backbones.conv1d import Conv1d
from narrows.backbones.conv2d import Conv2d
from narrows.backbones.dense import Dense
from narrows.backbones.item_item import ItemItem
from narrows.backbones.mlp import MLP
from narrows.backbones.modules import Modules
from narrows.backbones.principal import Principal
from narrows.backbones.recurrent import Recurrent
from narrows.backbones.residual import Residual
from narrows.backbones.spectral import Spectral

__all__ = [
    "MLP",
    "Alternating",
    "Concrete",
    "Conv1d",
    "Conv2d",
    "Dense",
    "ItemItem",
    "Modules",
    "Principal",
    "Recurrent",
    "Residual",
    "Spectral",
]

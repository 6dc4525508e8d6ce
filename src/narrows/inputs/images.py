"""Rows that are pictures: arrays of images, their channel axis first, last or absent."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import nn

from narrows.contracts import Shapes
from narrows.inputs import _checks

CHANNELS = (1, 3, 4)  # grey, RGB, RGB with opacity


@dataclass(frozen=True)
class Images:
    """Each row is an image: an array (n, height, width), (n, height, width, channels) or
    (n, channels, height, width).

    ``channels``: "first", "last" or None; None finds the axis that alone has 1, 3 or 4 entries.

    >>> Images().learn(np.zeros((5, 28, 28))).row
    (1, 28, 28)
    """

    channels: str | None = None

    def __post_init__(self) -> None:
        if self.channels not in (None, "first", "last"):
            raise ValueError(f"Images got channels={self.channels!r}, but expected 'first', 'last' or None.")

    def learn(self, X: Any) -> ImagesSchema:
        """What the training images look like."""
        array = _checks.numeric(X)
        if array.ndim not in (3, 4):
            raise ValueError(
                f"X has shape {array.shape}, but images were expected, (n, height, width) or (n, height, width,"
                " channels): reshape flat rows first, as in X.reshape(-1, 28, 28)."
            )
        _checks.nonempty(array)
        layout = self._layout(array.shape)
        whole = array.dtype == np.uint8 and array.max() > 1
        return ImagesSchema(shape=tuple(array.shape[1:]), layout=layout, whole=bool(whole))

    def _layout(self, shape: tuple[int, ...]) -> str:
        if len(shape) == 3:
            return "none"
        if self.channels is not None:
            return self.channels
        first, last = shape[1] in CHANNELS, shape[3] in CHANNELS
        if first == last:
            raise ValueError(
                f"X has shape {shape}, in which {'both the second and the last' if first else 'no'} axis could be the"
                " channels (1, 3 or 4 entries): say which with input=Images(channels='first') or 'last'."
            )
        return "first" if first else "last"

    def build(self, shapes: Shapes) -> nn.Module:
        """Nothing stands between pixels and the encoder."""
        return nn.Identity()


@dataclass(frozen=True)
class ImagesSchema:
    """``shape`` of one image as the user has it, where its channels stand, and whether pixels
    are whole numbers 0…255."""

    shape: tuple[int, ...]
    layout: str
    whole: bool

    levels = None
    missing = False
    shared_scale = True  # a pixel is a pixel: one scale for all
    names = None

    @property
    def features(self) -> int:
        return math.prod(self.shape)

    @property
    def row(self) -> tuple[int, ...]:
        """(channels, height, width)."""
        if self.layout == "none":
            return (1, *self.shape)
        return self.shape if self.layout == "first" else (self.shape[2], *self.shape[:2])

    def rows(self, X: Any, finite: bool = True) -> np.ndarray:
        """(n, channels, height, width) in the user's units; flat rows of the right length too.

        Always checked in full: beside a convolution that costs nothing."""
        array = _checks.numeric(X)
        if array.ndim == 2:
            _checks.nonempty(array)
            _checks.width(array.shape[1], self.features)
            array = array.reshape(-1, *self.shape)
        if tuple(array.shape[1:]) != self.shape:
            raise ValueError(
                f"X has images of shape {tuple(array.shape[1:])}, but Autoencoder is expecting {self.shape}:"
                " resize or crop them to the shape it was fitted on."
            )
        _checks.nonempty(array)
        _checks.finite(array)
        if self.layout == "none":
            return array[:, None]
        return array if self.layout == "first" else array.transpose(0, 3, 1, 2)

    def restore(self, rows: np.ndarray, like: Any = None) -> np.ndarray:
        """Back to the user's axes; uint8 again where that went in; flat where ``like`` is flat."""
        array = rows[:, 0] if self.layout == "none" else rows
        if self.layout == "last":
            array = array.transpose(0, 2, 3, 1)
        if self.whole:
            array = array.round().clip(0, 255).astype(np.uint8)
        flat = like is not None and np.ndim(like) == 2
        return np.ascontiguousarray(array.reshape(len(array), -1) if flat else array)

    def to_json(self) -> dict[str, Any]:
        return {"kind": "Images", **dataclasses.asdict(self)}

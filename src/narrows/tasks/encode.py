"""Rows to codes, and to what layers of the encoder make of them on the way."""

from __future__ import annotations

from itertools import pairwise
from numbers import Integral

import numpy as np
from torch import nn

from narrows.fitted import Fitted
from narrows.net import Net
from narrows.tasks.chunks import through
from narrows.tasks.runner import Step


def encode(fitted: Fitted, rows: np.ndarray, layer: int | str | None = None) -> np.ndarray:
    """Codes (n, latent_dim) of rows (n, \\*row) in user units: the posterior's mean, never a draw.

    ``layer``  a hidden layer in place of the code, (n, its units): 0 is the first after the input, −1 the
               last before the code.  A layer is its weights with all that follows up to the next weights:
               activation, pooling.  None and "bottleneck" are the code.
    """
    if layer is None or layer == "bottleneck":
        return through(fitted, rows, lambda x: fitted.net.encode(x).mean.flatten(1), verb="encode")
    number = layer_number(fitted, layer)
    return through(fitted, rows, to_layer(fitted.net, number), verb=f"encode to layer {number}")


def to_layer(net: Net, number: int | None) -> Step:
    """Scaled rows to features (n, units) of the hidden layer of that number, None: to codes."""
    if number is None:
        return lambda x: net.encode(x).mean.flatten(1)
    some = _sequence(net)[: _stops(net)[number]]
    return lambda x: some(net.embed(x)).flatten(1)


def layer_number(fitted: Fitted, layer: int | str | None) -> int | None:
    """The hidden layer's number from the input, from 0; None for the code.  Refused if there is none."""
    if layer is None or layer == "bottleneck":
        return None
    if not isinstance(layer, Integral) or isinstance(layer, bool):
        raise ValueError(
            f"layer={layer!r} is no layer: pass 'bottleneck', or a whole number such as 0 or -1."
        )
    if _sequence(fitted.net) is None:
        raise ValueError(
            f"layer={layer} was asked of {type(fitted.spec.backbone).__name__}, whose encoder is no sequence of layers:"
            " pass layer='bottleneck', or use a backbone such as MLP or Conv2d."
        )
    count = len(_stops(fitted.net))
    if not -count <= layer < count:
        there = f"{count} hidden layer{'s' if count > 1 else ''}" if count else "no hidden layer"
        wanted = f"a number from {-count} to {count - 1}" if count else "layer='bottleneck'"
        raise ValueError(f"layer={layer} is not there, for the encoder has {there}: pass {wanted}.")
    return int(layer) % count


def last_layer(fitted: Fitted) -> int | None:
    """The number of the last hidden layer before the code; None where there is none."""
    return len(_stops(fitted.net)) - 1 if _sequence(fitted.net) is not None and _stops(fitted.net) else None


def _sequence(net: Net) -> nn.Sequential | None:
    """The encoder's layers, one after the other, where that is what it is."""
    found = getattr(net.encoder, "layers", getattr(net.encoder, "module", None))
    return found if isinstance(found, nn.Sequential) else None


def _stops(net: Net) -> list[int]:
    """Where each hidden layer ends in the sequence."""
    layers = _sequence(net)
    weighty = [i for i, layer in enumerate(layers) if any(p.ndim > 1 for p in layer.parameters())]
    stops = [stop for _, stop in pairwise([*weighty, len(layers)])]
    return stops[:-1] if getattr(net.encoder, "encoded", False) else stops  # the last is the code then

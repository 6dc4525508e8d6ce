"""The user's own pair of networks."""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from narrows.contracts import Shapes


@dataclass(frozen=True, eq=False)
class Modules:
    """Any two ``nn.Module``: ``encoder(x)`` from (batch, \\*row) to features or codes, ``decoder(z)``
    from (batch, latent_dim) to something of a row's size.

    An encoder whose output has ``latent_dim`` numbers is taken to emit codes; otherwise the
    bottleneck adds its own linear map.  The modules are copied by ``fit``, which starts from the
    weights they hold.  A file never holds code, so ``narrows.load`` asks for the pair again.

    >>> from torch import nn
    >>> pair = Modules(nn.Linear(64, 8), nn.Linear(8, 64))
    """

    encoder: nn.Module
    decoder: nn.Module
    side = None

    def __post_init__(self) -> None:
        for name in ("encoder", "decoder"):
            if not isinstance(getattr(self, name), nn.Module):
                raise TypeError(
                    f"The {name} is a {type(getattr(self, name)).__name__}, but a torch.nn.Module was expected:"
                    " pass backbone=(encoder, decoder)."
                )

    def build(self, shapes: Shapes) -> tuple[nn.Module, nn.Module]:
        # Together, so that weights which the two share stay shared.
        encoder, decoder = copy.deepcopy((self.encoder, self.decoder))
        return _Encoder(encoder, shapes), _Decoder(decoder, shapes)


def _dry_run(name: str, module: nn.Module, shape: tuple[int, ...]) -> Tensor:
    """The module's output for two rows of zeros, or a sentence about why there is none."""
    weight = next(module.parameters(), torch.zeros((), device="cpu"))
    training = module.training
    try:
        # On the module's own device, also for tensors that it makes itself: `load` builds on another.
        with torch.no_grad(), torch.device(weight.device):
            # Two rows, in evaluation mode: batch statistics and dropout must not notice.
            return module.eval()(torch.zeros(2, *shape, dtype=weight.dtype, device=weight.device))
    except Exception as error:
        raise ValueError(
            f"The {name} you passed failed on rows of shape {shape} ({str(error).splitlines()[0]}): "
            f"it must take (batch, {', '.join(map(str, shape))})."
        ) from error
    finally:
        module.train(training)


class _Encoder(nn.Module):
    is_identity = False
    replayable = False  # a module of the user's may do something else every time

    def __init__(self, module: nn.Module, shapes: Shapes):
        super().__init__()
        self.module = module
        self.hidden = tuple(_dry_run("encoder", module, shapes.input).shape[1:])
        self.encoded = math.prod(self.hidden) == math.prod(shapes.code)

    def forward(self, x: Tensor) -> Tensor:
        return self.module(x)


class _Decoder(nn.Module):
    replayable = False

    def __init__(self, module: nn.Module, shapes: Shapes):
        super().__init__()
        self.module, self.out = module, shapes.out
        got = tuple(_dry_run("decoder", module, shapes.code).shape[1:])
        if math.prod(got) != math.prod(self.out):
            raise ValueError(
                f"The decoder you passed gives {math.prod(got)} numbers per row (shape {got}), but this model needs"
                f" {math.prod(self.out)} (shape {self.out}): change its last layer."
            )

    def forward(self, z: Tensor, side: Tensor | None = None) -> Tensor:
        return self.module(z).reshape(-1, *self.out)
